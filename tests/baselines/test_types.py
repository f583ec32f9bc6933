"""A value's type is the one that deequ's own patterns give it; a column's type follows deequ's rule."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.profile.types import DataType, TypeCounts, classify, classify_columns

# As deequ spells them, matched whole, in the order in which deequ tries them.
DEEQU = (
    (DataType.FRACTIONAL, re.compile(r"(-|\+)? ?\d+((\.\d+)|((?:\.\d+)?[Ee][-+]?\d+))", re.ASCII)),
    (DataType.INTEGRAL, re.compile(r"(-|\+)? ?\d+", re.ASCII)),
    (DataType.BOOLEAN, re.compile(r"(true|false)")),
)


def type_by_deequ(value: str | None) -> DataType:
    if value is None:
        return DataType.UNKNOWN
    return next((kind for kind, pattern in DEEQU if pattern.fullmatch(value)), DataType.STRING)


def series(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("0", DataType.INTEGRAL),
        ("-12", DataType.INTEGRAL),
        ("+7", DataType.INTEGRAL),
        ("- 5", DataType.INTEGRAL),
        (" 5", DataType.INTEGRAL),
        ("99999999999999999999999", DataType.INTEGRAL),
        ("1.0", DataType.FRACTIONAL),
        ("-0.25", DataType.FRACTIONAL),
        ("1e-05", DataType.FRACTIONAL),
        ("1.5E+3", DataType.FRACTIONAL),
        ("true", DataType.BOOLEAN),
        ("false", DataType.BOOLEAN),
        ("True", DataType.STRING),
        (".5", DataType.STRING),
        ("5.", DataType.STRING),
        ("1.e5", DataType.STRING),
        ("1 ", DataType.STRING),
        ("1\n", DataType.STRING),
        ("NaN", DataType.STRING),
        ("Infinity", DataType.STRING),
        ("inf", DataType.STRING),
        ("٣", DataType.STRING),
        ("0x10", DataType.STRING),
        ("", DataType.STRING),
        (None, DataType.UNKNOWN),
    ],
)
def test_a_value_has_the_type_of_its_spelling(value: str | None, kind: DataType) -> None:
    assert classify(series(value)).inferred is kind
    assert type_by_deequ(value) is kind


SPELLINGS = st.one_of(
    st.text(alphabet="0123456789+-. eE", max_size=8),
    st.sampled_from(["true", "false", "NaN", "x"]),
    st.none(),
)


@given(st.lists(SPELLINGS, max_size=40))
def test_types_are_counted_as_deequ_counts_them(values: list[str | None]) -> None:
    expected = [type_by_deequ(value) for value in values]
    counts = classify(series(*values))
    assert counts == TypeCounts(
        integral=expected.count(DataType.INTEGRAL),
        fractional=expected.count(DataType.FRACTIONAL),
        boolean=expected.count(DataType.BOOLEAN),
        string=expected.count(DataType.STRING),
        missing=expected.count(DataType.UNKNOWN),
    )
    assert counts.rows == len(values)


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        (TypeCounts(), DataType.UNKNOWN),
        (TypeCounts(missing=3), DataType.UNKNOWN),
        (TypeCounts(integral=3, missing=1), DataType.INTEGRAL),
        (TypeCounts(integral=99, fractional=1), DataType.FRACTIONAL),
        (TypeCounts(boolean=2), DataType.BOOLEAN),
        (TypeCounts(boolean=2, integral=1), DataType.STRING),
        (TypeCounts(fractional=99, string=1), DataType.STRING),
    ],
)
def test_a_column_has_the_type_that_all_its_values_satisfy(counts: TypeCounts, kind: DataType) -> None:
    assert counts.inferred is kind


def test_whole_numbers_satisfy_fractional_and_everything_present_satisfies_string() -> None:
    counts = TypeCounts(integral=5, fractional=3, boolean=2, string=1, missing=7)
    assert counts.matching(DataType.INTEGRAL) == 5
    assert counts.matching(DataType.FRACTIONAL) == 8
    assert counts.matching(DataType.BOOLEAN) == 2
    assert counts.matching(DataType.STRING) == 11
    assert counts.matching(DataType.UNKNOWN) == 11
    assert counts.present == 11


def test_columns_are_classified_by_position_whatever_their_names() -> None:
    frame = pl.DataFrame({"^.*$": ["1", "2"], "*": ["x", None]})
    assert classify_columns(frame) == (TypeCounts(integral=2), TypeCounts(string=1, missing=1))


def test_a_frame_of_no_rows_has_no_counts() -> None:
    frame = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    assert classify_columns(frame) == (TypeCounts(), TypeCounts())
