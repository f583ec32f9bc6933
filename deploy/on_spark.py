"""The entry script of a Spark job: the command line, with a kedge.yaml that may lie in S3.

spark-submit … on_spark.py run my-endpoint --engine spark --config s3://my-bucket/kedge/kedge.yaml

This file alone goes where the cluster finds it; Kedge itself is installed in the environment that it runs in.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def with_local_config(arguments: Sequence[str], folder: Path) -> list[str]:
    """The arguments with the file of --config brought into `folder`, where it lies in S3."""
    given = [part for each in arguments for part in _split(each)]
    for at, name in enumerate(given[:-1]):
        if name == "--config" and given[at + 1].startswith("s3://"):
            given[at + 1] = str(_brought(given[at + 1], folder))
    return given


def _split(argument: str) -> list[str]:
    name, equals, value = argument.partition("=")
    return [name, value] if equals and name == "--config" else [argument]


def _brought(uri: str, folder: Path) -> Path:
    from objects import open_place

    parent, _, name = uri.rpartition("/")
    place = open_place(parent)
    path = folder / "kedge.yaml"
    path.write_bytes(place.objects.read(place.key(name)))
    return path


def main() -> None:
    """Do what the arguments say, as the command line does."""
    from commands import main as kedge
    from commands.failures import sentence_of

    with tempfile.TemporaryDirectory() as folder:
        try:
            sys.argv = ["kedge", *with_local_config(sys.argv[1:], Path(folder))]
        except Exception as error:
            sentence = sentence_of(error)
            if sentence is None:
                raise
            sys.exit(f"kedge: {sentence}")
        kedge()


if __name__ == "__main__":
    main()
