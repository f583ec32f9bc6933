"""What holds of every distance."""

from __future__ import annotations

import doctest
import importlib
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.profile.kll import Sketch
from config.distance import Distance
from monitor.distances.chi_squared import chi_squared
from monitor.distances.l_infinity import l_infinity
from monitor.distances.robust import correction, robust, shift_in_sd
from monitor.distances.simple import simple
from monitor.distances.step import StepCdf, step_cdf

VALUES = st.lists(st.integers(-20, 20).map(float) | st.floats(-1e9, 1e9), min_size=1, max_size=80)
SKETCHES = VALUES.map(lambda values: Sketch.of(np.array(values)))
COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 500), min_size=1)
MODES = st.sampled_from(Distance)


@pytest.mark.parametrize(
    "name",
    [
        *(f"monitor.distances.{each}" for each in ("chi_squared", "l_infinity", "robust", "simple", "step")),
        "monitor.windows",
        "monitor.violations",
    ],
)
def test_the_examples_in_the_documentation_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


@given(SKETCHES, SKETCHES, MODES)
def test_simple_is_a_symmetric_share(one: Sketch, other: Sketch, mode: Distance) -> None:
    a, b = step_cdf(one, mode), step_cdf(other, mode)
    assert 0 <= simple(a, b) <= 1
    assert simple(a, b) == simple(b, a)


@given(SKETCHES, MODES)
def test_nothing_is_as_near_as_itself(sketch: Sketch, mode: Distance) -> None:
    steps = step_cdf(sketch, mode)
    assert simple(steps, steps) == 0


@given(VALUES, st.floats(1.5, 1e6), st.floats(-1e6, 1e6))
def test_simple_does_not_care_for_units(values: list[float], factor: float, offset: float) -> None:
    whole = np.array(values).round()
    shifted = whole + 3.0
    before = simple(*(step_cdf(Sketch.of(each), Distance.CORRECT) for each in (whole, shifted)))
    scaled = [step_cdf(Sketch.of(each * factor + offset), Distance.CORRECT) for each in (whole, shifted)]
    assert simple(*scaled) == pytest.approx(before)


@given(VALUES, VALUES)
def test_correct_is_the_distance_of_kolmogorov_and_smirnov(one: list[float], other: list[float]) -> None:
    def share(values: list[float], point: float) -> float:
        return sum(value <= point for value in values) / len(values)

    expected = max(abs(share(one, point) - share(other, point)) for point in [*one, *other])
    steps = [step_cdf(Sketch.of(np.array(each)), Distance.CORRECT) for each in (one, other)]
    assert simple(*steps) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80, unique=True), VALUES)
def test_the_modes_agree_where_no_value_is_repeated(one: list[float], other: list[float]) -> None:
    sketches = [Sketch.of(np.array(each)) for each in (one, sorted(set(other)))]
    compat, correct = ([step_cdf(sketch, mode) for sketch in sketches] for mode in Distance)
    assert simple(*compat) == simple(*correct)


@given(SKETCHES)
def test_compat_counts_distinct_values_and_correct_counts_records(sketch: Sketch) -> None:
    assert step_cdf(sketch, Distance.CORRECT).total == sketch.count
    assert step_cdf(sketch, Distance.COMPAT).total == len(np.unique(sketch.levels[0]))


def test_compat_is_blind_to_a_change_of_frequency_as_model_monitor_is() -> None:
    rare, common = (Sketch.of(np.repeat([0.0, 1.0], times)) for times in ([99, 1], [1, 99]))
    assert simple(step_cdf(rare, Distance.COMPAT), step_cdf(common, Distance.COMPAT)) == 0
    assert simple(step_cdf(rare, Distance.CORRECT), step_cdf(common, Distance.CORRECT)) == 0.98


def test_of_a_repeated_value_compat_keeps_the_weight_of_the_highest_level() -> None:
    sketch = Sketch((np.array([1.0, 1.0, 2.0]), np.array([1.0, 3.0])), (1, 0))
    assert step_cdf(sketch, Distance.COMPAT).weights.tolist() == [2, 1, 2]
    assert step_cdf(sketch, Distance.CORRECT).weights.tolist() == [4, 1, 2]


@given(COUNTS, COUNTS)
def test_l_infinity_is_a_symmetric_share(one: dict[str, int], other: dict[str, int]) -> None:
    assert 0 <= l_infinity(one, other) <= 1
    assert l_infinity(one, other) == l_infinity(other, one)
    assert l_infinity(one, one) == 0


@given(COUNTS, st.integers(2, 50))
def test_l_infinity_compares_shares_not_counts(counts: dict[str, int], times: int) -> None:
    assert l_infinity({c: n * times for c, n in counts.items()}, counts) == pytest.approx(0, abs=1e-12)


def test_categories_of_which_none_is_shared_are_as_far_apart_as_can_be() -> None:
    assert l_infinity({"a": 3}, {"b": 7}) == 1


@pytest.mark.parametrize(("one", "other"), [({}, {"a": 1}), ({"a": 1}, {}), ({}, {}), ({"a": 0}, {"a": 1})])
def test_without_values_there_is_no_distance(one: dict[str, int], other: dict[str, int]) -> None:
    assert math.isnan(l_infinity(one, other))


def test_without_numbers_there_is_no_distance() -> None:
    none, some = StepCdf(np.empty(0), np.empty(0)), StepCdf(np.ones(1), np.ones(1))
    assert all(math.isnan(simple(*pair)) for pair in ((none, some), (some, none), (none, none)))
    assert step_cdf(Sketch.empty(), Distance.CORRECT).total == 0


@given(st.floats(0, 1), st.integers(1, 10**7), st.integers(1, 10**7))
def test_robust_is_never_more_than_simple_and_never_negative(distance: float, n: int, m: int) -> None:
    assert 0 <= robust(distance, n, m) <= distance
    assert correction(n, m) == correction(m, n)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_records_allow_less_by_chance(n: int, m: int) -> None:
    assert correction(2 * n, m) < correction(n, m)


def test_no_distance_stays_none() -> None:
    assert math.isnan(robust(math.nan, 10, 10))


@given(st.floats(0.001, 6))
def test_a_shift_is_told_from_the_gap_that_it_makes(shift: float) -> None:
    normal = NormalDist()
    gap = normal.cdf(shift / 2) - normal.cdf(-shift / 2)
    assert shift_in_sd(gap) == pytest.approx(shift, rel=1e-4)


def test_no_shift_is_large_enough_for_a_gap_of_everything() -> None:
    assert shift_in_sd(0) == 0
    assert shift_in_sd(1) == math.inf
    assert shift_in_sd(1.7) == math.inf


@given(COUNTS, COUNTS)
def test_chi_squared_is_a_statistic_with_a_probability(one: dict[str, int], other: dict[str, int]) -> None:
    fit = chi_squared(one, other)
    assert math.isnan(fit.statistic) == math.isnan(fit.p_value)
    if not math.isnan(fit.statistic):
        assert fit.statistic >= 0
        assert 0 <= fit.p_value <= 1


@given(COUNTS, st.integers(1, 20))
def test_shares_like_the_baselines_fit_it(counts: dict[str, int], times: int) -> None:
    fit = chi_squared({c: n * times for c, n in counts.items()}, counts)
    assert math.isnan(fit.statistic) or fit.p_value == pytest.approx(1)


def test_a_category_that_the_baseline_lists_without_a_value_divides_nothing_by_nought() -> None:
    with_nought = {"a": 50, "b": 50, "c": 40, "d": 40, "e": 40, "never": 0}
    without = {c: n for c, n in with_nought.items() if n}
    assert chi_squared(without, with_nought) == chi_squared(without, without)
