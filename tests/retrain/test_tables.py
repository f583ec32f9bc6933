"""The tables of a run: the same cells whichever format they are written in."""

from __future__ import annotations

import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.training import TrainingFormat
from retrain import tables
from retrain.tables import TableError

FRAME = pl.DataFrame(
    {
        "whole": ["1", "-2", None],
        "number": ["1", "2.50", "1e3"],
        "code": ["007", "8", "9"],
        "mixed": ["1", "two", None],
        "none": pl.Series([None, None, None], dtype=pl.String),
    }
)


def test_parquet_has_types_and_what_is_text_stays_as_it_is() -> None:
    types = tables.types_of([FRAME], text={"code"})
    written = pl.read_parquet(io.BytesIO(tables.write(FRAME, TrainingFormat.PARQUET, types)))
    assert dict(written.schema) == {
        "whole": pl.Int64,
        "number": pl.Float64,
        "code": pl.String,
        "mixed": pl.String,
        "none": pl.String,
    }
    assert written["whole"].to_list() == [1, -2, None]
    assert written["number"].to_list() == [1.0, 2.5, 1000.0]
    assert written["code"].to_list() == ["007", "8", "9"]


def test_files_of_one_run_have_the_same_types_whatever_stands_about_a_number() -> None:
    learnt = pl.DataFrame({"a": ["1", "2"], "b": ["1.5", " 2"], "label": ["9", "8"]})
    fresh = pl.DataFrame({"a": ["3", "0.5 "], "b": ["4", "5"]})
    types = tables.types_of([learnt, fresh])
    back = [
        pl.read_parquet(io.BytesIO(tables.write(frame, TrainingFormat.PARQUET, types)))
        for frame in (learnt, fresh)
    ]
    assert dict(back[0].schema) == {"a": pl.Float64, "b": pl.Float64, "label": pl.Int64}
    assert dict(back[1].schema) == {"a": pl.Float64, "b": pl.Float64}
    assert (back[0]["b"].to_list(), back[1]["a"].to_list()) == ([1.5, 2.0], [3.0, 0.5])


def test_digits_of_other_scripts_are_text() -> None:
    frame = pl.DataFrame({"a": ["1", "\N{ARABIC-INDIC DIGIT THREE}"]})
    data = tables.write(frame, TrainingFormat.PARQUET, tables.types_of([frame]))
    assert pl.read_parquet(io.BytesIO(data)).equals(frame)


def test_csv_keeps_every_cell() -> None:
    assert tables.read(
        tables.write(FRAME, TrainingFormat.CSV), TrainingFormat.CSV, "x", FRAME.columns
    ).equals(FRAME)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=1, max_size=30))
def test_numbers_come_back_from_parquet_as_they_were(numbers: list[str]) -> None:
    frame = pl.DataFrame({"a": numbers})
    written = tables.write(frame, TrainingFormat.PARQUET, tables.types_of([frame]))
    back = tables.read(written, TrainingFormat.PARQUET, "x", ("a",))
    assert [float(each) for each in back["a"]] == [float(each) for each in numbers]


@pytest.mark.parametrize("format", TrainingFormat)
def test_what_is_no_table_any_more_is_named(format: TrainingFormat) -> None:
    with pytest.raises(TableError, match=r"s3://models/run/fresh, which Kedge wrote, is no"):
        tables.read(b"\xff\xfe\n1,2\n", format, "s3://models/run/fresh", ())


def test_a_table_that_somebody_wrote_predictions_over_is_told() -> None:
    with pytest.raises(
        TableError, match=r"s3://models/run/captured\.csv, which Kedge wrote, has no column 'a'"
    ):
        tables.read(b"prediction\n1\n", TrainingFormat.CSV, "s3://models/run/captured.csv", ("a", "b"))
