"""The surface that S3 and folders share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Names = list[str]


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One stored object: `size` in bytes, `modified` in UTC, `etag` without its quotes."""

    bucket: str
    key: str
    etag: str
    size: int
    modified: datetime


class Objects(Protocol):
    """A bucket, or a folder that stands for one. Every method may raise `PlaceError`."""

    def list(self, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """Objects whose key begins with `prefix` and sorts after `start_after`, in order of UTF-8 bytes."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in the same order; no object is read for it."""

    def folders(self, prefix: str) -> Names:
        """The names one level below `prefix` (a folder, with or without its closing "/"), sorted."""

    def read(self, key: str) -> bytes:
        """The bytes of `key`."""

    def read_with_etag(self, key: str) -> tuple[bytes, str]:
        """The bytes of `key` and the ETag of exactly these bytes."""

    def write(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data` under `key`, whole or not at all, replacing what was there."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under exactly `key`."""
