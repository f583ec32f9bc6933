"""From one row a request to one row a record, for payloads that hold a record a line."""

from __future__ import annotations

import polars as pl

SIDES = ("in", "out")


def line_ends(side: str) -> pl.Expr:
    """How many line ends the text of a side has; null where it was not captured."""
    return pl.col(side).str.count_matches("\n", literal=True)


EVEN = (line_ends("in") == line_ends("out")).fill_null(True)
"""Input and output have the same number of records, or only one of them was captured."""


def one_row_a_record(requests: pl.DataFrame) -> pl.DataFrame:
    """`requests` with one row a line of their "in" and "out", which are `EVEN`; numbered in "@row"."""
    more = requests.select(pl.coalesce(line_ends("in"), line_ends("out")).alias("@more")).to_series()
    if not (more > 0).any():
        return requests.with_columns(pl.lit(0, pl.UInt32).alias("@row"))
    count = more + 1
    return requests.with_columns(
        pl.int_ranges(0, count, dtype=pl.UInt32).alias("@row"), *(_lines(side, count) for side in SIDES)
    ).explode("@row", *SIDES)


def _lines(side: str, count: pl.Series) -> pl.Expr:
    """The lines of a side; of one that was not captured, a null for each record of the other."""
    lines = pl.col(side).str.split("\n")
    nulls = pl.lit(None, pl.String).repeat_by(count)
    return pl.when(pl.col(side).is_null()).then(nulls).otherwise(lines).alias(side)
