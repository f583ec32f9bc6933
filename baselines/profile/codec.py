"""Profiles as bytes, for the database and for exchange.

Layout of version 1: the magic `KDGP`, one byte of version, then, deflated: the length of a JSON document (4
bytes, little-endian), the document, and the arrays that it speaks of, one after the other, little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.distinct import Registers
from baselines.profile.kll import Sketch
from baselines.profile.moments import Moments
from baselines.profile.profile import Profile
from baselines.profile.sample import RowSample
from baselines.profile.types import TypeCounts

MAGIC = b"KDGP"
VERSION = 1
_LIMIT = 256 << 20  # bytes inflated; a thousand columns with full sketches take a sixth of it


class ProfileFormatError(ValueError):
    """Bytes that are no profile, or one of another version, in one sentence."""


def encode(profile: Profile, *, deflated: bool = True) -> bytes:
    """The profile as bytes; `decode` gives it back exactly. Not deflated it is larger by a fifth or more."""
    arrays = _Arrays()
    document = {
        "rows": profile.rows,
        "widths": list(profile.widths.items()),
        "columns": [[name, _column_document(each, arrays)] for name, each in profile.columns.items()],
        "sample": _sample_document(profile.sample, arrays),
    }
    head = orjson.dumps(document)
    body = struct.pack("<I", len(head)) + head + b"".join(arrays.written)
    return MAGIC + bytes([VERSION]) + zlib.compress(body, -1 if deflated else 0)


def decode(data: bytes) -> Profile:
    """The profile of these bytes. Raises ProfileFormatError."""
    if data[:4] != MAGIC:
        raise ProfileFormatError("these bytes are not a profile: they do not begin with KDGP")
    if data[4:5] != bytes([VERSION]):
        raise ProfileFormatError(
            f"this profile is of format version {data[4] if len(data) > 4 else 'none'}, this Kedge reads "
            f"version {VERSION}: use the Kedge that wrote it, or profile the data again"
        )
    try:
        return _profile(_inflate(data[5:]))
    except (zlib.error, struct.error, ValueError, KeyError, TypeError):
        raise ProfileFormatError(
            "this profile is damaged: read it again, or profile the data again"
        ) from None


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    body = stream.decompress(data, _LIMIT)
    if not stream.eof:
        raise ValueError
    return body


def _profile(body: bytes) -> Profile:
    (length,) = struct.unpack_from("<I", body)
    document: Mapping[str, Any] = orjson.loads(body[4 : 4 + length])
    stored = _Stored(body, 4 + length)
    return Profile(
        rows=document["rows"],
        columns={name: _column(each, stored) for name, each in document["columns"]},
        widths={int(width): count for width, count in document["widths"]},
        sample=_sample(document["sample"], stored),
    )


def _column_document(column: ColumnProfile, arrays: _Arrays) -> dict[str, Any]:
    """Arrays are written here and read in `_column` in one and the same order."""
    types, moments = column.types, column.moments
    numbers = (moments.mean, moments.m2, moments.total, moments.minimum, moments.maximum)
    arrays.add(np.array(numbers), "<f8")
    for level in column.sketch.levels:
        arrays.add(level, "<f8")
    if column.registers is not None:
        arrays.add(column.registers.ranks, "u1")
    return {
        "types": [types.integral, types.fractional, types.boolean, types.string, types.missing],
        "count": moments.count,
        "levels": [level.size for level in column.sketch.levels],
        "compactions": column.sketch.compactions,
        "categories": None if column.categories.overflowed else list(column.categories.counts.items()),
        "listed": list(column.categories.listed.items()),
        "registers": 0 if column.registers is None else column.registers.ranks.size,
        "distinct": column.distinct_estimate,
        "appendable": column.appendable,
    }


def _column(document: Mapping[str, Any], stored: _Stored) -> ColumnProfile:
    moments = Moments(document["count"], *stored.take(5, "<f8").tolist())
    levels = tuple(stored.take(size, "<f8") for size in document["levels"])
    registers = document["registers"]
    categories, listed = document["categories"], dict(document.get("listed", ()))
    return ColumnProfile(
        types=TypeCounts(*document["types"]),
        moments=moments,
        sketch=Sketch(levels, tuple(document["compactions"])),
        categories=Categories(dict(categories or ()), categories is None, listed),
        registers=Registers(stored.take(registers, "u1")) if registers else None,
        distinct_estimate=document["distinct"],
        appendable=document["appendable"],
    )


def _sample_document(sample: RowSample, arrays: _Arrays) -> dict[str, Any]:
    arrays.add(sample.hashes, "<u8")
    return {
        "k": sample.k,
        "rows": sample.hashes.size,
        "columns": [[series.name, series.to_list()] for series in sample.rows.get_columns()],
    }


def _sample(document: Mapping[str, Any], stored: _Stored) -> RowSample:
    columns = [pl.Series(name, values, dtype=pl.String) for name, values in document["columns"]]
    return RowSample(document["k"], stored.take(document["rows"], "<u8"), pl.DataFrame(columns))


class _Arrays:
    """Arrays on their way out; the bytes of a number lie apart, which compresses better than in a row."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def add(self, array: NDArray[Any], dtype: str) -> None:
        bytes_of_each = array.astype(dtype).view("u1").reshape(array.size, np.dtype(dtype).itemsize)
        self.written.append(bytes_of_each.T.tobytes())


class _Stored:
    """Arrays on their way in, taken in the order in which they were written."""

    def __init__(self, body: bytes, position: int) -> None:
        self.body = body
        self.position = position

    def take(self, count: int, dtype: str) -> NDArray[Any]:
        kind = np.dtype(dtype)
        size = count * kind.itemsize
        raw = np.frombuffer(self.body, "u1", size, self.position)
        self.position += size
        native = kind.newbyteorder("=")
        return (
            np.ascontiguousarray(raw.reshape(kind.itemsize, count).T).view(kind).reshape(count).astype(native)
        )
