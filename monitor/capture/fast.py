"""Captured lines by the hundred thousand, without a Python loop over them.

Nearly every line is cut by a `stencil`. What has none goes to `requests`, and what that does not recognise to
`exact`, line by line. So a bad line costs nothing but itself, and what the three read is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from monitor.capture.alike import read_alike
from monitor.capture.columns import Schema
from monitor.capture.exact import wrong_columns
from monitor.capture.lines import Block
from monitor.capture.records import META, MISFITS, Part
from monitor.capture.rejects import EXAMPLES, NONE, RejectKind, Rejects, many
from monitor.capture.requests import read_requests
from monitor.capture.rows import EVEN, SIDES, one_row_a_record
from monitor.capture.stencil import agreed, cut, nothing_cut


@dataclass(frozen=True, slots=True)
class Taken:
    """What the fast path read, and the "@line" of the lines that it leaves to `exact`."""

    part: Part
    left: pl.Series


def read_fast(block: Block, schema: Schema, *, bare: bool = False) -> Taken:
    """The records of those lines of `block` that are plain; `bare` as in `cut`."""
    if block.is_crowded:  # knowing where each line lies would take many times the memory of the lines
        found, rest = nothing_cut(schema), block.written
    else:
        found = cut(block, schema, bare=bare)
        rest = block.some_written(found.left)
    if rest.text.is_empty():
        return Taken(Part(found.records, pl.DataFrame(schema=MISFITS), NONE, found.forms), rest.broken)
    requests = read_requests(rest.text)
    records, misfits = _fitted(one_row_a_record(requests.filter(_PLAIN_CSV)), schema)
    shaped = requests.filter(_SHAPED)
    if not shaped.is_empty():
        more_records, more_misfits = read_alike(shaped, schema)
        records, misfits = pl.concat([records, more_records]), pl.concat([misfits, more_misfits])
    left = pl.concat([_left(rest.text["@line"], records, misfits), rest.broken]).sort()
    forms = agreed([(found.records, found.forms), (records, {})])
    part = Part(pl.concat([found.records, records]), misfits, _rejects(misfits, schema), forms)
    return Taken(part, left)


def _left(lines: pl.Series, *read: pl.DataFrame) -> pl.Series:
    """Those of `lines` of which nothing was read."""
    taken = pl.concat([frame["@line"] for frame in read]).unique()
    return lines.clear() if len(taken) == len(lines) else lines.filter(~lines.is_in(taken.implode()))


def _some_side(found: Callable[[str], pl.Expr]) -> pl.Expr:
    """Whether `found` holds of a side that was captured."""
    return pl.any_horizontal(found(side).fill_null(False) for side in SIDES)


_ANY_JSON = _some_side(lambda side: pl.col(f"{side}_json"))
_RETURNS = _some_side(lambda side: pl.col(side).str.contains("\r", literal=True))
_QUOTES = _some_side(lambda side: pl.col(side).str.contains('"', literal=True) & ~pl.col(f"{side}_json"))
_BLANK = pl.concat_str(*SIDES, ignore_nulls=True) == ""
_PLAIN_CSV = ~_ANY_JSON & ~_RETURNS & ~_QUOTES & EVEN & ~_BLANK
_SHAPED = _ANY_JSON & ~_RETURNS & ~_QUOTES


def _fitted(rows: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CSV rows whose cells have the schema's names, and those that have another number of cells."""
    rows = rows.with_columns(_cells(schema).alias("cells"))
    width = (rows["cells"].str.count_matches(",", literal=True) + 1).alias("@width")
    fits = width == len(schema.names)
    good = rows if fits.all() else rows.filter(fits)
    values = good["cells"].str.split_exact(",", len(schema.names) - 1).struct.unnest()
    values.columns = list(schema.names)
    values = values.with_columns(pl.all().replace("", None))
    misfits = rows.with_columns(width).filter(~fits).select(*MISFITS)
    return pl.concat([good.select(*META), values], how="horizontal"), misfits


def _cells(schema: Schema) -> pl.Expr:
    """Output, then input; for a side that was not captured empty cells, if the schema says how many."""
    missing_out = "," * len(schema.outputs)
    missing_in = "," * len(schema.inputs) if schema.outputs else ""
    return (
        pl.when(pl.col("in").is_null())
        .then(pl.col("out") + missing_in)
        .when(pl.col("out").is_null())
        .then(missing_out + pl.col("in"))
        .otherwise(pl.concat_str("out", "in", separator=","))
    )


def _rejects(misfits: pl.DataFrame, schema: Schema) -> Rejects:
    first = misfits.sort("@line").head(EXAMPLES).iter_rows()
    examples = [wrong_columns(line, width, schema) for line, _, width in first]
    return many(RejectKind.WRONG_COLUMNS, misfits.height, examples)
