"""CSV in batches is CSV read whole: nothing is lost, moved or invented wherever it is cut."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.csv_batches import RowError, csv_batches

Table = list[list[str]]


def batches(data: bytes, *, header: bool = True, size: int = 1 << 20) -> list[pl.DataFrame]:
    return list(csv_batches(io.BytesIO(data), header=header, size=size))


def whole(data: bytes, *, header: bool = True, size: int = 1 << 20) -> pl.DataFrame:
    return pl.concat(batches(data, header=header, size=size))


def spelled(table: Table, ending: str, quoting: bool) -> bytes:
    text = io.StringIO(newline="")
    if quoting:
        csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(table)
    else:
        csv.writer(text, lineterminator=ending).writerows(table)
    return text.getvalue().encode()


CELLS = st.text(alphabet='ab1. ,"\né🦀', max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12)
)


@settings(max_examples=100, deadline=None)
@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 200))
def test_cells_are_those_that_were_written_wherever_the_file_is_cut(
    table: Table, ending: str, quoting: bool, size: int
) -> None:
    data = spelled(table, ending, quoting)
    frame = whole(data, header=False, size=size)
    assert frame.columns == [f"_c{i}" for i in range(len(table[0]))]
    assert frame.rows() == [tuple(cell or None for cell in row) for row in table]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_first_line_names_the_columns(size: int) -> None:
    frame = whole(b'"ring count",sex\n9,M\n', size=size)
    assert frame.to_dict(as_series=False) == {"ring count": ["9"], "sex": ["M"]}
    assert frame.dtypes == [pl.String, pl.String]


def test_a_column_without_a_name_has_sparks() -> None:
    assert whole(b",x,\n0,1,2\n").columns == ["_c0", "x", "_c2"]


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert whole(b"\xef\xbb\xbfa,b\n1,2\n").columns == ["a", "b"]


def test_the_last_line_may_lack_its_end() -> None:
    assert whole(b"a,b\n1,2").rows() == [("1", "2")]


def test_empty_cells_are_missing_quoted_or_not() -> None:
    assert whole(b'a,b,c\n1,,""\n').rows() == [("1", None, None)]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_blank_lines_are_no_rows(size: int) -> None:
    data = b"\n\r\na,b\r\n\r\n1,2\r\n\n3,4\n\n"
    assert whole(data, size=size).to_dict(as_series=False) == {"a": ["1", "3"], "b": ["2", "4"]}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_single_column_says_with_quotes_what_is_missing(size: int) -> None:
    assert whole(b'\na\n1\n\n""\n2\n', size=size).rows() == [("1",), (None,), ("2",)]


def test_an_empty_file_has_no_batches() -> None:
    assert batches(b"") == []


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n3\n4,5\n", ", line 3: has 1 cells where the first line has 2"),
        (b"a,b\n1,2\n\n3,4,5\n", ", line 4: has 3 cells where the first line has 2"),
        (b'a,b\n"1\n2",3\n4\n', ", line 4: has 1 cells where the first line has 2"),
        (b'a,b\n"1,,\n",3\n"4,",5,6\n', ", line 4: has 3 cells where the first line has 2"),
        (b"a,b\n1,2\n3,\xff\n", ", line 3: is not UTF-8"),
        (b'a,b\n1,2\n3,"4\n5,6\n', ", line 3: has a quote that is never closed"),
        (b"a,b,a\n1,2,3\n", ", line 1: column 3 is named like an earlier one"),
        (b"_c1,,c\n1,2,3\n", ", line 1: column 2 is named like an earlier one"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(data: bytes, said: str, size: int) -> None:
    with pytest.raises(RowError) as caught:
        batches(data, size=size)
    assert str(caught.value).startswith(said)


def test_a_quote_inside_a_cell_is_refused_rather_than_guessed() -> None:
    with pytest.raises(RowError, match="has a quote inside a cell"):
        batches(b'a,b\n1,x"y\n3,4\n5,z"w\n')


def test_good_rows_before_a_bad_one_are_seen_first() -> None:
    reader = csv_batches(io.BytesIO(b"a,b\n" + b"1,2\n" * 100 + b"3\n"), header=True, size=40)
    assert next(reader).height > 0
    with pytest.raises(RowError, match="line 102"):
        list(reader)
