"""What goes wrong with a place: its kind for programs, one sentence for people."""

from __future__ import annotations

from enum import StrEnum


class PlaceProblem(StrEnum):
    """Why a place could not be used."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    NO_BUCKET = "no_bucket"
    NO_KEY = "no_key"
    BAD_URI = "bad_uri"


class PlaceError(Exception):
    """One sentence that names the bucket and the key and says what to do; never a credential."""

    def __init__(self, kind: PlaceProblem, message: str) -> None:
        super().__init__(message)
        self.kind = kind
