"""profile(a + b) == profile(a) + profile(b), whatever strangers sent."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.profile import ColumnProfile, DataType, Profile, TypeCounts, profile_frame
from baselines.profile.categories import Categories
from baselines.profile.column import NotAppendableError
from baselines.profile.kll import Sketch
from baselines.profile.moments import Moments
from tests.baselines.frames import ROWS, frame_of
from tests.baselines.test_moments import about_equal

Rows = list[tuple[str | None, str | None, str | None]]

TEXT = ("sex",)


def profile(rows: Rows) -> Profile:
    return profile_frame(frame_of(rows), text=TEXT)


def column(*values: str | None, text: bool = False, exact: bool = False) -> ColumnProfile:
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    return profile_frame(frame, text=("x",) if text else (), exact=exact).columns["x"]


def assert_same_but_for_rounding(one: Profile, other: Profile) -> None:
    assert one.rows == other.rows
    assert one.widths == other.widths
    assert list(one.columns) == list(other.columns)
    for name, mine in one.columns.items():
        theirs = other.columns[name]
        assert mine.types == theirs.types
        assert mine.categories == theirs.categories
        assert mine.registers == theirs.registers
        assert about_equal(mine.moments, theirs.moments)
        assert mine.sketch.count == theirs.sketch.count


@settings(max_examples=60, deadline=None)
@given(ROWS, ROWS)
def test_profiles_add_up(one: Rows, other: Rows) -> None:
    assert_same_but_for_rounding(profile(one) + profile(other), profile(one + other))


@settings(max_examples=30, deadline=None)
@given(ROWS, ROWS, ROWS)
def test_how_they_are_grouped_does_not_matter(one: Rows, two: Rows, three: Rows) -> None:
    a, b, c = profile(one), profile(two), profile(three)
    assert_same_but_for_rounding((a + b) + c, a + (b + c))


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 60), st.booleans())
def test_extended_in_order_sketches_and_exact_digits_are_those_of_the_whole(
    rows: Rows, cut: int, exact: bool
) -> None:
    whole = profile_frame(frame_of(rows), text=TEXT, exact=exact)
    first = profile_frame(frame_of(rows[:cut]), text=TEXT, exact=exact)
    parts = profile_frame(frame_of(rows[cut:]), text=TEXT, exact=exact, onto=first)
    assert_same_but_for_rounding(parts, whole)
    assert [each.sketch for each in parts.columns.values()] == [
        each.sketch for each in whole.columns.values()
    ]
    if exact:
        assert parts == whole


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_an_empty_profile_is_the_zero(rows: Rows) -> None:
    some = profile(rows)
    nothing = Profile.empty(some.columns)
    assert some + nothing == some
    assert nothing + some == some


def test_adding_leaves_both_as_they_were() -> None:
    one, other = column("1", "M"), column("2", "F")
    before = (column("1", "M"), column("2", "F"))
    assert one + other != one
    assert (one, other) == before


@pytest.mark.parametrize("cut", [0, 1, 700, 1000, 1001, 1500, 2999])
def test_many_categories_overflow_alike_wherever_the_data_are_cut(cut: int) -> None:
    values = [f"value-{i % 1500}" for i in range(3000)]
    whole = column(*values, text=True)
    parts = column(*values[:cut], text=True) + column(*values[cut:], text=True)
    assert whole.categories.overflowed
    assert parts == whole
    assert whole.distinct_count == pytest.approx(1500, rel=0.08)


@pytest.mark.parametrize("cut", [0, 1, 700, 1000, 1001, 1500, 2999])
@pytest.mark.parametrize("different", [100, 1500])
def test_values_of_a_domain_are_counted_alike_wherever_the_data_are_cut(cut: int, different: int) -> None:
    values = ["M" if i % 3 else f"value-{i % different}" for i in range(3000)]
    frame = pl.DataFrame({"x": values}, schema={"x": pl.String})

    def profiled(part: pl.DataFrame) -> Profile:
        return profile_frame(part, text=["x"], domains={"x": frozenset({"M", "F", "value-0"})})

    whole, parts = profiled(frame), profiled(frame[:cut]) + profiled(frame[cut:])
    assert parts == whole
    kept = whole.columns["x"].categories.listed
    assert kept == {"F": 0, "M": 2000, "value-0": values.count("value-0")}
    assert list(kept) == list(parts.columns["x"].categories.listed)


def test_a_thousand_categories_are_still_counted_exactly() -> None:
    profile = column(*[str(i) for i in range(1000)], text=True)
    assert profile.registers is None
    assert profile.distinct_count == 1000.0
    assert (profile + profile).categories.counts["7"] == 2


def test_a_numeric_column() -> None:
    profile = column("1", "2.5", "- 3", None, "1e400")
    assert profile.types == TypeCounts(integral=2, fractional=2, missing=1)
    assert profile.inferred_type is DataType.FRACTIONAL
    assert (profile.moments.count, profile.moments.total) == (3, 0.5)
    assert profile.sketch == Sketch.of(np.array([1.0, 2.5, -3.0]))
    assert profile.categories == Categories()
    assert profile.distinct_count is None
    assert profile.completeness == 0.8
    assert (profile.num_present, profile.num_missing) == (4, 1)


def test_what_is_no_number_in_a_numeric_column_is_kept_as_stray() -> None:
    profile = column("1", "NaN", "Infinity", "true", "NaN", ".5", None)
    assert profile.types == TypeCounts(integral=1, boolean=1, string=4, missing=1)
    assert profile.moments == Moments.of(np.array([1.0]))
    assert profile.categories.counts == {"NaN": 2, "Infinity": 1, "true": 1, ".5": 1}
    assert profile.inferred_type is DataType.STRING


def test_a_text_column_counts_every_present_value_and_has_no_moments() -> None:
    profile = column("M", "1", None, "M", text=True)
    assert profile.categories.counts == {"M": 2, "1": 1}
    assert profile.types == TypeCounts(integral=1, string=2, missing=1)
    assert profile.moments == Moments()
    assert profile.distinct_count == 2.0


def test_a_column_without_rows_lacks_nothing() -> None:
    profile = column()
    assert profile.completeness == 1.0
    assert profile.inferred_type is DataType.UNKNOWN
    assert column(None, None).completeness == 0.0


def test_records_of_another_width_are_counted_and_not_summarised() -> None:
    frame = pl.DataFrame({"a": ["1", "2"], "b": ["3", "4"]})
    profile = profile_frame(frame, widths={3: 5})
    assert profile.rows == 2
    assert profile.widths == {2: 2, 3: 5}
    assert (profile + profile).widths == {2: 4, 3: 10}
    assert profile_frame(frame.clear(), widths={1: 1}).widths == {1: 1}


def test_a_column_that_one_part_lacks_is_missing_in_its_rows() -> None:
    one = profile_frame(pl.DataFrame({"a": ["1"], "b": ["2"]}))
    other = profile_frame(pl.DataFrame({"b": ["3"], "c": ["4"]}))
    both = one + other
    assert list(both.columns) == ["a", "b", "c"]
    assert both.columns["a"].types == TypeCounts(integral=1, missing=1)
    assert both.columns["b"].types == TypeCounts(integral=2)
    onto = profile_frame(pl.DataFrame({"b": ["3"], "c": ["4"]}), onto=one)
    assert_same_but_for_rounding(onto, both)
    assert both.columns["c"].types == TypeCounts(integral=1, missing=1)


def test_names_that_look_like_patterns_are_names() -> None:
    frame = pl.DataFrame({"^.*$": ["1"], "*": ["x"], "": ["2"], "^a$": ["- 3"], "^b$": ["y"], "^c$": ["z"]})
    profile = profile_frame(frame, text=("*", "^b$"), ids=frame["^b$"], sample_rows=1)
    assert profile.columns["^.*$"].moments.total == 1.0
    assert profile.columns["*"].categories.counts == {"x": 1}
    assert profile.columns[""].moments.total == 2.0
    assert profile.columns["^a$"].moments.total == -3.0
    assert profile.columns["^b$"].categories.counts == {"y": 1}
    assert profile.columns["^c$"].categories.counts == {"z": 1}
    assert (profile + profile).sample.rows.columns == frame.columns


def test_a_sample_of_rows_is_kept_where_it_is_asked_for() -> None:
    frame = pl.DataFrame({"a": [str(i) for i in range(50)]})
    ids = pl.Series([f"event-{i}" for i in range(50)])
    whole = profile_frame(frame, ids=ids, sample_rows=7)
    halves = profile_frame(frame[:20], ids=ids[:20], sample_rows=7)
    halves += profile_frame(frame[20:], ids=ids[20:], sample_rows=7)
    assert whole.sample.rows.height == 7
    assert halves.sample == whole.sample
    assert profile_frame(frame, ids=ids).sample.rows.is_empty()


def test_what_came_from_a_file_is_not_added_to() -> None:
    imported = ColumnProfile(appendable=False)
    for one, other in ((imported, column("1")), (column("1"), imported)):
        with pytest.raises(NotAppendableError, match="can be compared but not added to"):
            _ = one + other


def test_a_frame_of_no_columns_is_no_error() -> None:
    assert profile_frame(pl.DataFrame()) == Profile.empty()
