"""The bytes of one captured object as a table of records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from monitor.capture.columns import Schema
from monitor.capture.exact import read_exactly
from monitor.capture.fast import read_fast
from monitor.capture.gunzip import gunzip
from monitor.capture.lines import Block, blocks
from monitor.capture.oddities import oddities
from monitor.capture.records import MISFITS, Part, record_types
from monitor.capture.rejects import RejectKind, Rejects, by_line, one

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an object held.

    Attributes:
        records: "@line" (1-based), "@row" (the record's position in its request), "@event_id",
            "@inference_id" (null where the caller sent none), "@time" (UTC), then the schema's names as text;
            null is a missing value: an empty cell, a JSON null, an absent key.
        misfits: "@line", "@time" and "@width" of records that had another number of columns than the schema;
            they are also counted as WRONG_COLUMNS.
        rejects: what was not used, and what was kept though odd.
    """

    records: pl.DataFrame
    misfits: pl.DataFrame
    rejects: Rejects


def decode(data: bytes, schema: Schema, *, limit_bytes: int = GIB, need_time: bool = True) -> Decoded:
    """Decode captured JSON lines, gzipped or not. Nothing in `data` can make it raise.

    Args:
        data: the object as stored.
        schema: the columns that its records should have.
        limit_bytes: what it may weigh unpacked; an object beyond it is refused whole.
        need_time: reject lines whose inferenceTime cannot be read; otherwise keep them with a null "@time".
    """
    unpacked = gunzip(data, limit_bytes)
    parts = [part for block in blocks(unpacked.data) for part in _read(block, schema, need_time)]
    records = _in_order(
        pl.concat([pl.DataFrame(schema=record_types(schema)), *(part.records for part in parts)])
    )
    misfits = pl.concat([pl.DataFrame(schema=MISFITS), *(part.misfits for part in parts)])
    rejects = by_line([unpacked.rejects, *(part.rejects for part in parts), oddities(records, schema)])
    if records.is_empty() and not rejects.counts:
        rejects = one(RejectKind.EMPTY_FILE, "the object holds no line")
    return Decoded(records, misfits, rejects)


def _read(block: Block, schema: Schema, need_time: bool) -> Iterator[Part]:
    """What the fast path takes of a block, then what the exact one makes of the rest."""
    taken = read_fast(block, schema)
    yield taken.part
    left = pl.concat([taken.left, block.broken])
    if not left.is_empty():
        yield read_exactly(block.lines(left.sort()), schema, need_time)


def _in_order(records: pl.DataFrame) -> pl.DataFrame:
    """By line, and in a line by row; a table that is so already is not touched."""
    place = records.select(pl.col("@line").cast(pl.UInt64) * (1 << 32) + pl.col("@row")).to_series()
    return records if place.is_sorted() else records.sort("@line", "@row")
