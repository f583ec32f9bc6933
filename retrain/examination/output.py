"""Whether training sets and models have somewhere to go: what `kedge doctor` says of `training.output`."""

from __future__ import annotations

from collections.abc import Callable

from config.findings import Finding, fine, refused, skipped
from objects import Place, PlaceError, PlaceProblem

OUTPUT = "training output"
_PROBE = ".kedge-doctor"


def of_output(uri: str, opened: Callable[[str], Place], *, write: bool) -> Finding:
    """What is said of the folder; `write` puts an empty object there, otherwise one is looked for."""
    try:
        place = opened(uri)
        if write:
            place.objects.write(place.key(_PROBE), b"")
            return fine(OUTPUT, f"{uri} takes what is written")
        place.objects.read(place.key(_PROBE))
    except PlaceError as error:
        # S3 denies what is not there to those who may not list the bucket, as Kedge need not
        if error.kind is PlaceProblem.DENIED and uri.startswith("s3://") and not write:
            return skipped(OUTPUT, f"whether {uri} may be used is seen by writing to it, with --write alone")
        if write or error.kind is not PlaceProblem.NO_KEY:
            return refused(OUTPUT, error)
    return fine(OUTPUT, f"{uri} answers, and is written to with --write alone")
