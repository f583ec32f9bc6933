"""The bytes of one captured object as a table of records."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from monitor.capture.columns import Schema
from monitor.capture.rejects import Rejects

GIB = 1 << 30

META = {
    "@line": pl.UInt32,
    "@row": pl.UInt32,
    "@event_id": pl.String,
    "@inference_id": pl.String,
    "@time": pl.Datetime("us", "UTC"),
}
"""The columns of a record that are about it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an object held.

    Attributes:
        records: "@line" (1-based), "@row" (the record's position in its request), "@event_id", "@inference_id"
            (null where the caller sent none), "@time" (UTC), then the schema's names as text; null is a missing
            value: an empty cell, a JSON null, an absent key.
        misfits: "@time" and "@width" of records that had another number of columns than the schema; they are
            also counted as WRONG_COLUMNS.
        rejects: what was not used, and what was kept though strange.
    """

    records: pl.DataFrame
    misfits: pl.DataFrame
    rejects: Rejects


def decode(data: bytes, schema: Schema, *, limit_bytes: int = GIB, need_time: bool = True) -> Decoded:
    """Decode captured JSON lines, gzipped or not.

    Args:
        data: the object as stored.
        schema: the columns that its records should have.
        limit_bytes: what it may weigh unpacked; an object beyond it is refused whole.
        need_time: reject lines whose inferenceTime cannot be read; otherwise keep them with a null "@time".
    """
    raise NotImplementedError
