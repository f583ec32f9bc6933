"""Moments are those of the numbers, digit for digit where a stream is read in order, and they add up."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.profile.moments import Moments

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=50)


def of(values: list[float], *, exact: bool = False) -> Moments:
    return Moments.of(np.array(values, dtype=np.float64), exact=exact)


def about_equal(one: Moments, other: Moments) -> bool:
    """Equal counts and range; the rest to 1e-9 of the size of the numbers."""
    size = max(1.0, abs(one.minimum), abs(one.maximum)) if one.count else 1.0
    return (
        (one.count, one.minimum, one.maximum) == (other.count, other.minimum, other.maximum)
        and math.isclose(one.mean, other.mean, rel_tol=1e-9, abs_tol=1e-9 * size)
        and math.isclose(one.m2, other.m2, rel_tol=1e-9, abs_tol=1e-9 * size * size)
        and math.isclose(one.total, other.total, rel_tol=1e-9, abs_tol=1e-9 * size * max(1, one.count))
    )


@pytest.mark.parametrize("name", ["baseline1", "baseline2"])
def test_the_numbers_of_real_baselines_come_out_digit_for_digit(golden: Path, name: str) -> None:
    file = golden / "model-monitor" / "boston" / f"{name}_statistics.json"
    for feature in json.loads(file.read_text())["features"]:
        wanted = feature["numerical_statistics"]
        moments = of(wanted["distribution"]["kll"]["sketch"]["data"][0], exact=True)
        assert moments.count == wanted["common"]["num_present"]
        assert moments.total == wanted["sum"], feature["name"]
        assert moments.total / moments.count == wanted["mean"], feature["name"]
        assert moments.std_dev == wanted["std_dev"], feature["name"]
        assert (moments.minimum, moments.maximum) == (wanted["min"], wanted["max"])


def test_moments_by_hand() -> None:
    moments = of([1.0, 2.0, 6.0])
    assert (moments.count, moments.mean, moments.total) == (3, 3.0, 9.0)
    assert (moments.minimum, moments.maximum) == (1.0, 6.0)
    assert moments.m2 == 14.0
    assert moments.std_dev == math.sqrt(14 / 3)


def test_no_numbers_have_no_range_and_no_spread() -> None:
    nothing = of([])
    assert nothing == Moments()
    assert nothing.std_dev == 0.0
    assert nothing.minimum > nothing.maximum
    assert nothing + nothing == nothing


@given(VALUES.filter(bool))
def test_the_fast_and_the_exact_way_agree(values: list[float]) -> None:
    assert about_equal(of(values), of(values, exact=True))


@given(VALUES.filter(bool))
def test_the_spread_is_the_population_standard_deviation(values: list[float]) -> None:
    size = max(1.0, *map(abs, values))
    wanted = statistics.pstdev(values)
    assert of(values, exact=True).std_dev == pytest.approx(wanted, rel=1e-9, abs=1e-7 * size)


@given(VALUES, VALUES)
def test_moments_add_up(one: list[float], other: list[float]) -> None:
    assert about_equal(of(one) + of(other), of(one + other))


@given(VALUES, VALUES)
def test_read_in_order_a_stream_in_parts_is_the_stream_to_the_last_digit(
    one: list[float], other: list[float]
) -> None:
    parts = of(one, exact=True).extend(np.array(other, dtype=np.float64), exact=True)
    assert parts == of(one + other, exact=True)


def test_far_from_zero_the_spread_keeps_its_digits() -> None:
    values = [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)]
    assert of(values).std_dev == pytest.approx(math.sqrt(22.5), rel=1e-12)
    assert (of(values[:2]) + of(values[2:])).std_dev == pytest.approx(math.sqrt(22.5), rel=1e-9)


def test_numbers_at_the_end_of_the_range_do_not_stop_anything() -> None:
    moments = of([1e308, -1e308, 1e308])
    assert moments.count == 3
    assert moments.maximum == 1e308
