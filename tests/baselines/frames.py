"""Frames of captured text, as hypothesis draws them."""

from __future__ import annotations

import polars as pl
from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.sampled_from(["0", "-0.0", "+7", "- 5", " 3", "1e5", "2.5E-3", "1e400", "007"]),
)
STRAYS = st.sampled_from(["NaN", "Infinity", "true", "false", ".5", "5.", "M", "<script>", "", "é", "1 "])
TEXTS = st.one_of(st.sampled_from(["M", "F", "I"]), st.text(max_size=12))


def cells(values: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """Values of which some are missing."""
    return st.one_of(values, values, values, st.none())


ROWS = st.lists(
    st.tuples(cells(NUMBERS), cells(st.one_of(NUMBERS, STRAYS)), cells(TEXTS)),
    max_size=60,
)


def frame_of(rows: list[tuple[str | None, str | None, str | None]]) -> pl.DataFrame:
    """Three columns: numbers, numbers with strays among them, and text (`sex`)."""
    schema = {"length": pl.String, "weight": pl.String, "sex": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")
