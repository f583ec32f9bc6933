"""Captures of which one side is looked at: `captureIndexNames` names the output or the input alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from monitor.capture.decode import GIB
from monitor.capture.gunzip import gunzip
from objects import FolderObjects, Place

_OTHER = {"endpointInput": "endpointOutput", "endpointOutput": "endpointInput"}


def one_sided(place: Place, side: str) -> Place:
    """The same folder, whose captured objects are read without the other side."""
    objects = place.objects
    return (
        replace(place, objects=_OneSided(objects.root, side)) if isinstance(objects, FolderObjects) else place
    )


class _OneSided(FolderObjects):
    def __init__(self, root: Path, side: str) -> None:
        super().__init__(root)
        self._other = _OTHER[side]

    def read(self, key: str) -> bytes:
        data = super().read(key)
        unpacked = gunzip(data, GIB)
        if unpacked.rejects.counts:  # reading it as it is tells what is wrong
            return data
        return b"\n".join(_without(line, self._other) for line in unpacked.data.split(b"\n"))


def _without(line: bytes, side: str) -> bytes:
    """A captured line without a side; any other line as it is."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    capture = event.get("captureData") if isinstance(event, dict) else None
    if not isinstance(capture, dict) or side not in capture:
        return line
    del capture[side]
    return orjson.dumps(event)
