"""JSON payloads by the shape that many of them share: a pattern for the first takes all that look like it."""

from __future__ import annotations

import polars as pl

from monitor.capture.columns import Schema
from monitor.capture.records import MISFITS, record_types
from monitor.capture.rows import EVEN, SIDES, one_row_a_record
from monitor.capture.shapes import Pattern, Payload, Shape, shape_of

MOST_SHAPES = 8
"""Shapes tried on one block of lines; what has none of them is left."""

_ONE_A_LINE = EVEN & pl.all_horizontal(
    ~pl.col(f"{side}_json").fill_null(False) | pl.col(f"{side}_lines") for side in SIDES
)


def read_alike(requests: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records and misfits of the requests whose every part has one of the common shapes."""
    lined = requests.filter(_ONE_A_LINE)
    whole = requests.filter(~_ONE_A_LINE).with_columns(pl.lit(0, pl.UInt32).alias("@row"))
    units = pl.concat([one_row_a_record(lined), whole.select(*requests.columns, "@row")])
    records = [pl.DataFrame(schema=record_types(schema))]
    misfits = [pl.DataFrame(schema=MISFITS)]
    left = [units.clear()]
    for _ in range(MOST_SHAPES):
        if units.is_empty():
            break
        shape = shape_of(schema, *(_payload(units, side) for side in ("out", "in")))
        fits = pl.repeat(False, units.height, eager=True) if shape is None else _fits(units, shape)
        if not fits[0]:
            left.append(units.head(1))
        if shape is not None:
            _read(units.filter(fits), shape, schema, records, misfits)
        units = units[1:].filter(~fits[1:])
    # A request is read as a whole or not at all.
    unread = pl.concat([*left, units])["@line"].unique().implode()
    kept = ~pl.col("@line").is_in(unread)
    return pl.concat(records).filter(kept), pl.concat(misfits).filter(kept)


def _payload(units: pl.DataFrame, side: str) -> Payload | None:
    """The text of a side of the first unit."""
    first = units.row(0, named=True)
    text = first[side]
    return None if text is None else Payload(text, first[f"{side}_json"], first[f"{side}_lines"])


def _fits(units: pl.DataFrame, shape: Shape) -> pl.Series:
    """Which units look like the first."""
    first = units.row(0, named=True)
    alike = []
    for side, pattern in (("out", shape.answered), ("in", shape.asked)):
        if pattern is None:
            alike.append(pl.col(side).is_null())
            continue
        same_kind = (pl.col(f"{side}_json") == first[f"{side}_json"]) & (
            pl.col(f"{side}_lines") == first[f"{side}_lines"]
        )
        alike.append(same_kind & pl.col(side).str.contains(pattern.regex))
    return units.select(pl.all_horizontal(alike).fill_null(False).alias("fits")).to_series()


def _read(
    units: pl.DataFrame,
    shape: Shape,
    schema: Schema,
    records: list[pl.DataFrame],
    misfits: list[pl.DataFrame],
) -> None:
    """Add what units of one shape hold."""
    about = units.select("@line", "@row", "@event_id", "@inference_id", "@time")
    groups = pl.concat(
        [about, *(_groups(units[side], pattern, side) for side, pattern in _patterns(shape))],
        how="horizontal",
    )
    for position, cells in enumerate(shape.records):
        placed = about.with_columns(pl.col("@row") + pl.lit(position, pl.UInt32))
        if isinstance(cells, int):
            misfits.append(placed.select("@line", "@time", pl.lit(cells, pl.UInt32).alias("@width")))
            continue
        # a record may have no value at all: nulls alone would be one row, whatever the number of units
        values = groups.select(
            "@line",
            *(
                (pl.lit(None, pl.String) if cell is None else pl.col(cell)).alias(name)
                for name, cell in zip(schema.names, cells, strict=True)
            ),
        ).drop("@line")
        records.append(pl.concat([placed, values], how="horizontal"))


def _patterns(shape: Shape) -> list[tuple[str, Pattern]]:
    sides = (("out", shape.answered), ("in", shape.asked))
    return [(side, pattern) for side, pattern in sides if pattern is not None]


def _groups(text: pl.Series, pattern: Pattern, side: str) -> pl.DataFrame:
    """The leaves of each text, named out0, out1, … or in0, in1, …"""
    groups = text.str.extract_groups(pattern.regex).struct.unnest()
    groups.columns = [f"{side}{number}" for number in range(groups.width)]
    return groups.select(_leaf_text(pl.col(name), pattern.json) for name in groups.columns)


def _leaf_text(token: pl.Expr, json: bool) -> pl.Expr:
    """What `payload.cell_text` makes of the leaf, or `payload.csv_rows` of the cell, that was written so."""
    if not json:
        return token.replace("", None)
    quoted = token.str.starts_with('"')
    return (
        pl.when(quoted)
        .then(token.str.strip_prefix('"').str.strip_suffix('"'))
        .otherwise(token.replace("null", None))
    )
