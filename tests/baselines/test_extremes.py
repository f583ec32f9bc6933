"""Values at the ends of what a number can be, and columns of nothing, go all the way through."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import constraints, statistics
from baselines.profile import Profile, profile_frame
from baselines.profile.codec import decode, encode
from tests.baselines.frames import ROWS, frame_of

EXTREMES = [
    "1e308",
    "-1e308",
    "1e400",
    "-1e400",
    "5e-324",
    "0",
    "-0.0",
    "9" * 400,
    "1e-400",
    "9007199254740993",
]

Rows = list[tuple[str | None, str | None, str | None]]


def profile_of(values: list[str | None], *, exact: bool = True) -> Profile:
    return profile_frame(pl.DataFrame({"x": values}, schema={"x": pl.String}), exact=exact)


@settings(deadline=None)
@given(st.lists(st.sampled_from(EXTREMES), max_size=12), st.booleans())
def test_numbers_without_a_double_are_counted_and_not_summed(values: list[str], exact: bool) -> None:
    profile = profile_of([*values], exact=exact)
    column = profile.columns["x"]
    infinite = sum(float(value) in (float("inf"), float("-inf")) for value in values)
    assert column.types.numeric == len(values)
    assert column.moments.count == len(values) - infinite
    assert column.sketch.count == column.moments.count


@settings(deadline=None)
@given(st.lists(st.sampled_from(EXTREMES), max_size=12))
def test_extremes_are_written_as_json_that_reads_back(values: list[str]) -> None:
    profile = profile_of([*values])
    text = statistics.write(profile)
    json.loads(text)
    again = statistics.read(text, "statistics.json").columns["x"]
    assert again.sketch.count == profile.columns["x"].sketch.count
    assert constraints.read(constraints.write(constraints.suggest(profile)), "constraints.json").features


@pytest.mark.parametrize("values", [[], [None], ["1e400"], ["M"], [None, "true"], ["1", "M"]])
def test_columns_without_a_number_go_through(values: list[str | None]) -> None:
    profile = profile_of(values)
    assert decode(encode(profile)) == profile
    again = statistics.read(statistics.write(profile), "statistics.json")
    assert again.rows == len(values)
    assert again.columns["x"].num_present == profile.columns["x"].num_present
    assert again.columns["x"].num_missing == profile.columns["x"].num_missing


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_whatever_was_captured_can_be_written_and_read(rows: Rows) -> None:
    profile = profile_frame(frame_of(rows), text=("sex",))
    again = statistics.read(statistics.write(profile), "statistics.json")
    assert list(again.columns) == list(profile.columns)
    for name, column in profile.columns.items():
        read = again.columns[name]
        assert (read.num_present, read.num_missing) == (column.num_present, column.num_missing)
        assert read.inferred_type is statistics.file_type(column)
        assert read.completeness == column.completeness
    suggested = constraints.suggest(profile)
    assert [each.completeness for each in suggested.features] == [
        each.completeness for each in profile.columns.values()
    ]


def test_profiles_build_on_nothing_else_of_the_project() -> None:
    """What Spark's workers or another tool import of Kedge stays small."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, baselines.profile.codec; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = {"monitor", "store", "config", "objects", "web", "commands", "demo", "retrain", "service"}
    heavy = {"pandas", "pyarrow", "scipy", "tensorflow", "evidently", "sqlalchemy", "boto3"}
    assert not (ours | heavy) & {name.split(".")[0] for name in said}
    assert {name for name in said if name.startswith("baselines.")} == {
        name for name in said if name.startswith("baselines.profile")
    }
