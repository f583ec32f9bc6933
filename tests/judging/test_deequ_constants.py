"""deequ's own tests of its distances (KLLDistanceTest): their inputs give their constants."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.distances.chi_squared import chi_squared
from monitor.distances.l_infinity import l_infinity
from monitor.distances.robust import CRITICAL, correction, robust
from monitor.distances.simple import simple
from monitor.distances.step import StepCdf

Counts = dict[str, int]

ONE: Counts = {"a": 10, "b": 20, "c": 25, "d": 10, "e": 5}
OTHER: Counts = {"a": 11, "b": 20, "c": 25, "d": 10, "e": 10}
RENAMED: Counts = {"f": 11, "a": 20, "c": 25, "d": 10, "e": 10}
MANY: Counts = {"a": 207, "b": 20, "c": 25, "d": 14, "e": 25, "g": 13}


def steps(*values: float) -> StepCdf:
    return StepCdf(np.array(values), np.ones(len(values)))


def test_the_simple_distance_of_four_values_shifted_by_one() -> None:
    assert simple(steps(1, 2, 3, 4), steps(2, 3, 4, 5)) == 0.25


def test_the_robust_distance_of_so_few_values_is_nothing() -> None:
    assert robust(0.25, 4, 4) == 0.0


@pytest.mark.parametrize(
    ("current", "distance"), [(OTHER, 0.06015037593984962), (RENAMED, 0.2857142857142857)]
)
def test_the_simple_distance_of_categories(current: Counts, distance: float) -> None:
    assert l_infinity(ONE, current) == distance
    assert l_infinity(current, ONE) == distance


@pytest.mark.parametrize("current", [OTHER, RENAMED])
def test_the_robust_distance_of_categories(current: Counts) -> None:
    assert robust(l_infinity(ONE, current), sum(ONE.values()), sum(current.values())) == 0.0


@pytest.mark.parametrize(("alpha", "distance"), [(0.003, 0.2726338046550349), (0.1, 0.33774199396969184)])
def test_the_robust_distance_at_a_level(alpha: float, distance: float) -> None:
    fewer = {"a": 22, "b": 20, "c": 25, "d": 12, "e": 13, "f": 15}
    critical = math.sqrt(-math.log(alpha / 2) / 2)
    allowed = correction(sum(MANY.values()), sum(fewer.values())) * critical / CRITICAL
    assert l_infinity(MANY, fewer) - allowed == pytest.approx(distance, rel=1e-14)


def test_the_constant_is_the_critical_value_at_three_in_a_thousand() -> None:
    assert pytest.approx(math.sqrt(-math.log(0.003 / 2) / 2), abs=0.01) == CRITICAL


@pytest.mark.parametrize(
    ("current", "baseline", "statistic"),
    [
        (MANY, {"a": 223, "b": 20, "c": 25, "d": 12, "e": 13, "f": 15}, 28.175042782458068),
        (
            {"a": 100, "b": 20, "c": 25, "d": 10, "e": 5, "f": 2},
            {"a": 100, "b": 22, "c": 25, "d": 5, "e": 13, "f": 2},
            8.789790456457125,
        ),
        (
            {"a": 100, "b": 40, "c": 30, "d": 10},
            {"a": 100, "b": 40, "c": 30, "e": 4},
            0.38754325259515626,
        ),
        ({"a": 100, "b": 4, "c": 3, "d": 27}, {"a": 100, "b": 4, "c": 3, "d": 34}, 1.1507901668129925),
        (
            {"a": 100, "b": 4, "c": 3, "d": 27, "e": 20, "f": 20, "g": 20, "h": 20},
            {"a": 100, "b": 2, "c": 1, "d": 34, "e": 20, "f": 20, "g": 20, "h": 20},
            6.827423492761593,
        ),
    ],
    ids=["absent categories", "regrouped", "a new category", "two groups left", "small ones are few"],
)
def test_the_chi_squared_statistic(current: Counts, baseline: Counts, statistic: float) -> None:
    assert chi_squared(current, baseline).statistic == pytest.approx(statistic, rel=1e-13)


@pytest.mark.parametrize(
    ("current", "baseline", "p_value"),
    [
        (MANY, {"a": 223, "b": 20, "c": 25, "d": 12, "e": 13, "f": 15}, 3.3640191298478506e-5),
        (
            {"a": 207, "b": 20, "c": 25, "d": 14, "e": 25},
            {"a": 223, "b": 20, "c": 25, "d": 12, "e": 13},
            0.013227994814265176,
        ),
    ],
)
def test_the_chi_squared_p_value(current: Counts, baseline: Counts, p_value: float) -> None:
    assert chi_squared(current, baseline).p_value == pytest.approx(p_value, rel=1e-10)


@pytest.mark.parametrize(
    ("current", "baseline"),
    [
        ({"a": 100, "b": 4, "c": 3}, {"a": 100, "b": 4, "c": 3}),
        ({}, ONE),
        (ONE, {}),
        ({"new": 50}, ONE),
        (ONE, {"a": 0}),
    ],
    ids=["one group left", "nothing now", "no baseline", "new categories alone", "a category of none"],
)
def test_without_two_groups_there_is_no_chi_squared(current: Counts, baseline: Counts) -> None:
    fit = chi_squared(current, baseline)
    assert math.isnan(fit.statistic)
    assert math.isnan(fit.p_value)
