"""Captured lines as a data frame, the way one reads them without Kedge: json.loads and pandas."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd


def lines(folder: Path) -> Iterator[bytes]:
    """The captured lines of all objects in a folder, in the order of their names."""
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        yield from (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def frame(folder: Path, names: list[str]) -> pd.DataFrame:
    """Prediction and features of every captured record: CSV joined into read_csv, JSON into a DataFrame."""
    texts: list[str] = []
    objects: list[dict[str, float]] = []
    for line in lines(folder):
        data = json.loads(line)["captureData"]
        asked, answered = data["endpointInput"], data["endpointOutput"]
        if asked["encoding"] == "JSON":
            objects.append({**json.loads(answered["data"]), **json.loads(asked["data"])})
        else:
            texts.append(f"{answered['data']},{asked['data']}")
    if objects:
        return pd.DataFrame(objects, columns=names)
    return pd.read_csv(io.StringIO("\n".join(texts)), header=None, names=names)
