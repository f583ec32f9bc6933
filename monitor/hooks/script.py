"""A hook's script, as its owner named it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from objects import FolderObjects, Place, open_place


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text.

    Attributes:
        name: its address, by which it is named in every complaint.
        source: what it says.
        folder: where modules that it imports may lie; None where it lies in a bucket.
    """

    name: str
    source: bytes = field(repr=False)
    folder: str | None = None

    @property
    def digest(self) -> str:
        """Tells this script from any other, wherever it lies."""
        return hashlib.sha256(self.source).hexdigest()


def read_script(address: str, place: Place | None = None) -> Script:
    """The script at a path, file:///… or s3://bucket/key.

    `place` is its folder, where that is open already.

    Raises:
        PlaceError: where there is none.
    """
    folder, slash, name = address.rpartition("/")
    if place is None:
        place = open_place(folder + slash if slash else ".")
    objects = place.objects
    inside = str(Path(objects.root).resolve()) if isinstance(objects, FolderObjects) else None
    return Script(address, objects.read(place.key(name)), inside)
