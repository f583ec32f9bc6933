"""What is not public about Model Monitor is a switch: each one, and what it changes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from baselines.checks.names import Check
from baselines.constraints import (
    CategoricalDriftMethod,
    Constraints,
    DistanceMethod,
    FeatureConstraints,
    MonitoringConfig,
)
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType
from config.assumptions import Assume, ChiSquaredReading
from config.distance import Distance
from monitor.judge import Verdict, judge
from store.records import Outcome

CHI = MonitoringConfig(categorical_drift_method=CategoricalDriftMethod.CHISQUARED)


def profiled(*values: str, text: bool = False) -> Profile:
    return profile_frame(pl.DataFrame({"x": values}), text=["x"] if text else [])


def verdict(
    current: Profile,
    feature: FeatureConstraints,
    assume: Assume,
    *,
    baseline: Profile | None = None,
    monitoring: MonitoringConfig = MonitoringConfig(),  # noqa: B008 - frozen
) -> Verdict:
    constraints = Constraints((feature,), monitoring)
    return judge(current, baseline or current, constraints, Distance.COMPAT, assume=assume)


def found(verdict: Verdict) -> set[str]:
    return {str(row.check) for row in verdict.violations}


def test_whole_numbers_are_fractional_unless_the_owner_says_otherwise() -> None:
    current, feature = profiled("1", "2", "3"), FeatureConstraints("x", DataType.FRACTIONAL)
    assert found(verdict(current, feature, Assume())) == set()
    assert found(verdict(current, feature, Assume(integral_is_fractional=False))) == {Check.DATA_TYPE}


def test_anything_is_a_string_unless_the_owner_says_otherwise() -> None:
    current, feature = profiled("M", "7", "true", text=True), FeatureConstraints("x", DataType.STRING)
    assert found(verdict(current, feature, Assume())) == set()
    (row,) = verdict(current, feature, Assume(string_takes_all=False)).violations
    assert (row.check, row.value) == (Check.DATA_TYPE, 2 / 3)


def test_a_sign_is_checked_only_where_the_owner_wants_it() -> None:
    current = profiled("1", "-2")
    feature = FeatureConstraints("x", DataType.INTEGRAL, is_non_negative=True)
    strict = Assume(non_negative=True)
    assert found(verdict(current, feature, Assume())) == set()
    assert found(verdict(current, feature, strict)) == {Check.NON_NEGATIVE}
    allowed = replace(feature, is_non_negative=False)
    (row,) = (row for row in verdict(current, allowed, strict).checks if row.check == Check.NON_NEGATIVE)
    assert row.outcome is Outcome.NOT_APPLICABLE
    assert found(verdict(profiled("0", "2"), feature, strict)) == set()


def test_a_surplus_column_ends_the_checks_unless_the_owner_says_otherwise() -> None:
    current = replace(profiled("-1", "M"), widths={1: 2, 2: 9})
    feature = FeatureConstraints("x", DataType.INTEGRAL)
    assert found(verdict(current, feature, Assume())) == {Check.EXTRA_COLUMNS}
    assert found(verdict(current, feature, Assume(columns_alone=False))) == {
        Check.EXTRA_COLUMNS,
        Check.DATA_TYPE,
    }


def test_a_chi_squared_test_is_read_in_either_direction() -> None:
    baseline = profiled(*["a"] * 500, *["b"] * 500, text=True)
    other, alike = (
        profiled(*["a"] * 90, *["b"] * 10, text=True),
        profiled(*["a"] * 50, *["b"] * 50, text=True),
    )
    feature = FeatureConstraints("x", DataType.STRING)
    above = Assume(chi_squared=ChiSquaredReading.VALUE_ABOVE)

    def drifts(current: Profile, assume: Assume, config: MonitoringConfig) -> bool:
        judged = verdict(current, feature, assume, baseline=baseline, monitoring=config)
        return Check.DRIFT in found(judged)

    assert (drifts(other, Assume(), CHI), drifts(alike, Assume(), CHI)) == (True, False)
    assert (drifts(other, above, CHI), drifts(alike, above, CHI)) == (False, True)
    simple = replace(CHI, comparison_method=DistanceMethod.SIMPLE)
    for assume in (Assume(), above):  # a statistic is larger the further apart they are, either way
        assert (drifts(other, assume, simple), drifts(alike, assume, simple)) == (True, False)
