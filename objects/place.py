"""Addresses, and the places that they name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from objects.aws import S3Client, s3_client
from objects.folder import FolderObjects
from objects.problem import PlaceError, PlaceProblem
from objects.s3 import S3Objects


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address points: `objects`, the key `prefix` in it (without its closing "/"), the address."""

    objects: S3Objects | FolderObjects
    prefix: str
    uri: str

    def key(self, name: str) -> str:
        """The key of `name` below this place."""
        return f"{self.prefix}/{name}" if self.prefix else name


def open_place(
    uri: str, s3: S3Client | Callable[[], S3Client] | None = None, *, kms_key: str | None = None
) -> Place:
    """The place that `uri` names: s3://bucket/prefix, file:///folder or a plain path.

    Args:
        uri: the address.
        s3: a client, or what makes one (called only for s3://); None makes one by `s3_client()`.
        kms_key: the KMS key by which S3 encrypts what is written there; None leaves that to the bucket.

    Raises:
        PlaceError: BAD_URI.
    """
    scheme, colon, rest = uri.partition("://")
    if scheme == "s3":
        return _s3_place(uri, s3, kms_key)
    if scheme == "file":
        host, _, path = rest.partition("/")
        if host not in ("", "localhost") or not path:
            raise PlaceError(PlaceProblem.BAD_URI, f"the address {uri} names no folder: write file:///folder")
        return Place(FolderObjects(Path("/" + unquote(path))), "", uri)
    if colon or not uri or "\0" in uri:
        advice = "write s3://bucket/prefix, file:///folder or a path"
        raise PlaceError(PlaceProblem.BAD_URI, f"the address {uri!r} is not one: {advice}")
    return Place(FolderObjects(Path(uri).expanduser()), "", uri)


def _s3_place(uri: str, s3: S3Client | Callable[[], S3Client] | None, kms_key: str | None) -> Place:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise PlaceError(PlaceProblem.BAD_URI, _no_bucket(bucket))
    client = s3_client() if s3 is None else s3() if callable(s3) else s3
    return Place(S3Objects(bucket, client, kms_key), prefix.strip("/"), uri)


def _no_bucket(text: str) -> str:
    """What is wrong with a bucket's name, which is not shown where it may hold a secret."""
    if not text:
        return "the S3 address names no bucket: write s3://bucket/prefix"
    if "@" in text or ":" in text:
        return "the S3 address holds more than a bucket: write s3://bucket/prefix, without credentials"
    advice = "write s3://bucket/prefix, the bucket's name in 3 or more letters, digits, hyphens and dots"
    return f"{text!r} in the S3 address can't be a bucket: {advice}"


_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
