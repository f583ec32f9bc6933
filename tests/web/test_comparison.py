"""A distribution beside its baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.profile.column import ColumnProfile
from baselines.profile.profile import profile_frame
from web import figures
from web.comparison import Comparison, compare


def column(values: Sequence[str | None], *, text: bool = False) -> ColumnProfile:
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    return profile_frame(frame, text=["x"] if text else []).column("x")


def numbers(values: Sequence[float]) -> ColumnProfile:
    return column(
        [repr(float(value)) if "e" not in repr(float(value)) else f"{value:.12f}" for value in values]
    )


def found(now: ColumnProfile, baseline: ColumnProfile) -> Comparison:
    comparison = compare(now, baseline)
    assert comparison is not None
    return comparison


def totals(comparison: Comparison) -> tuple[float, float]:
    return (
        sum(bar.now or 0.0 for bar in comparison.bars),
        sum(bar.baseline or 0.0 for bar in comparison.bars),
    )


FLOATS = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=200)


@settings(max_examples=50, deadline=None)
@given(FLOATS, FLOATS)
def test_every_number_is_in_one_bar(now: list[float], baseline: list[float]) -> None:
    comparison = found(numbers(now), numbers(baseline))
    assert comparison.numeric
    assert totals(comparison) == pytest.approx((1, 1))
    assert all(0 <= (bar.now or 0) <= 1 for bar in comparison.bars)
    bounds = [(bar.lower, bar.upper) for bar in comparison.bars]
    assert all(lower is not None and upper is not None and lower < upper for lower, upper in bounds)


def test_a_shift_is_seen() -> None:
    rng = np.random.default_rng(3)
    baseline, now = numbers(rng.normal(0, 1, 3000).tolist()), numbers(rng.normal(2, 1, 500).tolist())
    bars = found(now, baseline).bars
    fullest_now = max(bars, key=lambda bar: bar.now or 0)
    fullest_baseline = max(bars, key=lambda bar: bar.baseline or 0)
    assert fullest_now.lower is not None
    assert fullest_baseline.lower is not None
    assert 1 < fullest_now.lower - fullest_baseline.lower < 3


def test_an_outlier_does_not_squeeze_the_rest() -> None:
    rng = np.random.default_rng(3)
    values = [*rng.normal(0, 1, 2000).tolist(), 1e6]
    bars = found(numbers(values), numbers(values)).bars
    assert bars[-1].upper is not None
    assert bars[-1].upper < 10
    assert sum((bar.baseline or 0) > 0.01 for bar in bars) > 10


def test_whole_numbers_have_bars_of_equal_many() -> None:
    values = [str(value) for value in range(1, 30)] * 5
    bars = found(column(values), column(values)).bars
    widths = {round((bar.upper or 0) - (bar.lower or 0), 9) for bar in bars}
    assert widths == {2.0}
    assert {round(bar.now or 0, 6) for bar in bars[:-1]} == {round(2 / 29, 6)}


def test_one_value_alone_has_a_bar() -> None:
    same = column(["7", "7", "7"])
    assert totals(found(same, same)) == pytest.approx((1, 1))


def test_a_side_without_numbers_has_no_bars() -> None:
    comparison = found(column([None, None]), column(["1.5", "2.5"]))
    assert {bar.now for bar in comparison.bars} == {None}
    assert totals(comparison)[1] == pytest.approx(1)
    assert figures.distribution(comparison)["data"][1]["y"][0] is None


def test_nothing_at_all_is_no_picture() -> None:
    assert compare(column([None]), column([None])) is None


TEXTS = st.lists(st.text(max_size=5), min_size=1, max_size=120)


@settings(max_examples=50, deadline=None)
@given(TEXTS, TEXTS)
def test_every_text_is_in_one_bar(now: list[str], baseline: list[str]) -> None:
    comparison = found(column(now, text=True), column(baseline, text=True))
    assert not comparison.numeric
    assert len(comparison.bars) <= 21
    assert totals(comparison) == pytest.approx((1, 1))


def test_a_new_category_is_shown_among_many() -> None:
    baseline = column([f"old {at:02}" for at in range(60)] * 10, text=True)
    now = column(["brand new"] * 300 + ["old 01"], text=True)
    comparison = found(now, baseline)
    fresh = next(bar for bar in comparison.bars if bar.label == "brand new")
    assert fresh.baseline == 0
    assert math.isclose(fresh.now or 0, 300 / 301)
    assert comparison.bars[-1].label == "(41 others)"
    assert "41 categories" in comparison.note


def test_texts_that_overflowed_on_one_side_still_show_the_other() -> None:
    many = column([f"text {at}" for at in range(1500)], text=True)
    comparison = found(many, column(["a", "b"], text=True))
    assert [bar.now for bar in comparison.bars] == [None, None]
    assert compare(many, many) is None
