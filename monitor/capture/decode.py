"""The bytes of one captured object as a table of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import polars as pl

from baselines.profile.types import NumberForm
from monitor.capture.columns import Schema
from monitor.capture.exact import read_exactly
from monitor.capture.fast import read_fast
from monitor.capture.gunzip import gunzip
from monitor.capture.lines import Block, blocks
from monitor.capture.oddities import oddities
from monitor.capture.records import MISFITS, Part, record_types
from monitor.capture.rejects import EXAMPLES, NONE, Reject, RejectKind, Rejects, by_line, many, one
from monitor.capture.stencil import agreed

GIB = 1 << 30

Times = tuple[datetime, datetime]
"""The first and the last time that an inference can have."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an object held.

    Attributes:
        records: "@line" (1-based), "@row" (the record's position in its request), "@event_id",
            "@inference_id" (null where the caller sent none), "@time" (UTC), then the schema's names as text;
            null is a missing value: an empty cell, a JSON null, an absent key.
        misfits: "@line", "@time" and "@width" of records that had another number of columns than the schema;
            they are also counted as WRONG_COLUMNS. A null "@time" is one that no inference can have.
        rejects: what was not used, and what was kept though odd.
        forms: of columns that hold plain numbers alone, of which kind, as far as decoding has seen it; it is
            so of any of their rows.
    """

    records: pl.DataFrame
    misfits: pl.DataFrame
    rejects: Rejects
    forms: Mapping[str, NumberForm] = field(default_factory=lambda: MappingProxyType({}))


def nothing(schema: Schema, rejects: Rejects) -> Decoded:
    """An object of which nothing could be used."""
    return Decoded(pl.DataFrame(schema=record_types(schema)), pl.DataFrame(schema=MISFITS), rejects)


def decode(
    data: bytes,
    schema: Schema,
    *,
    limit_bytes: int = GIB,
    need_time: bool = True,
    between: Times | None = None,
    bare: bool = False,
) -> Decoded:
    """Decode captured JSON lines, gzipped or not. Nothing in `data` can make it raise.

    Args:
        data: the object as stored.
        schema: the columns that its records should have.
        limit_bytes: what it may weigh unpacked; an object beyond it is refused whole.
        need_time: reject lines without an inferenceTime too; otherwise keep them with a null "@time".
        between: reject lines whose inferenceTime lies outside; None takes any.
        bare: what a profile takes is enough: ids may be null, and columns of plain numbers that are all whole
            or all fractional may be Float64 in place of text.
    """
    unpacked = gunzip(data, limit_bytes)
    parts = [part for block in blocks(unpacked.data) for part in _read(block, schema, need_time, bare)]
    if bare and not _agree(parts):
        parts = [part for block in blocks(unpacked.data) for part in _read(block, schema, need_time, False)]
    return put_together(unpacked.rejects, parts, schema, between)


def _agree(parts: list[Part]) -> bool:
    """Whether numbers are numbers in all parts, and of one form."""
    if len({tuple(part.records.dtypes) for part in parts}) > 1:
        return False
    forms = agreed([(part.records, part.forms) for part in parts])
    numbers = [name for part in parts for name, dtype in part.records.schema.items() if dtype == pl.Float64]
    return all(forms.get(name, NumberForm.MIXED) is not NumberForm.MIXED for name in numbers)


def put_together(first: Rejects, parts: list[Part], schema: Schema, between: Times | None) -> Decoded:
    """The parts of one object in order; `first` is what was wrong with it as a whole."""
    tables = [part.records for part in parts] or [pl.DataFrame(schema=record_types(schema))]
    records = _in_order(pl.concat(tables))
    misfits = pl.concat([pl.DataFrame(schema=MISFITS), *(part.misfits for part in parts)])
    untimely = NONE
    if between is not None:
        records, untimely = _timely(records, between)
        inside = pl.col("@time").is_between(*between)
        misfits = misfits.with_columns(pl.when(inside).then(pl.col("@time")))
    found = [part.rejects for part in parts]
    forms = agreed([(part.records, part.forms) for part in parts])
    rejects = by_line([first, *found, untimely, oddities(records, schema, forms)])
    if records.is_empty() and not rejects.counts:
        rejects = one(RejectKind.EMPTY_FILE, "the object holds no line")
    return Decoded(records, misfits, rejects, forms)


def _read(block: Block, schema: Schema, need_time: bool, bare: bool) -> Iterator[Part]:
    """What the fast path takes of a block, then what the exact one makes of the rest."""
    taken = read_fast(block, schema, bare=bare)
    yield taken.part
    if not taken.left.is_empty():
        yield read_exactly(block.lines(taken.left), schema, need_time)


def _timely(records: pl.DataFrame, between: Times) -> tuple[pl.DataFrame, Rejects]:
    """Records of a time that an inference can have, or of none; the others are rejects by line."""
    inside = records["@time"].is_between(*between).fill_null(True)
    if inside.all():
        return records, NONE
    lines = records["@line"].filter(~inside).unique().sort()
    detail = f"inferenceTime lies outside {between[0]:%Y-%m-%d} to {between[1]:%Y-%m-%d %H:%M} UTC"
    examples = [Reject(RejectKind.BAD_TIME, line, None, detail) for line in lines.head(EXAMPLES)]
    return records.filter(inside), many(RejectKind.BAD_TIME, len(lines), examples)


def _in_order(records: pl.DataFrame) -> pl.DataFrame:
    """By line, and in a line by row; a table that is so already is not touched."""
    place = records.select(pl.col("@line").cast(pl.UInt64) * (1 << 32) + pl.col("@row")).to_series()
    return records if place.is_sorted() else records.sort("@line", "@row")
