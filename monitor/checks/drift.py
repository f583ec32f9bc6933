"""Is a feature distributed as its baseline says?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from baselines.checks.names import (
    NO_HISTOGRAM,
    NO_SKETCH,
    NO_VALUES,
    NOT_COMPARED,
    Check,
    insufficient,
    not_applicable,
    printed,
)
from baselines.constraints import CategoricalDriftMethod, DistanceMethod, MonitoringConfig
from baselines.profile.column import ColumnProfile
from config.assumptions import CONSERVATIVE, Assume, ChiSquaredReading
from config.distance import Distance
from monitor.distances.chi_squared import chi_squared
from monitor.distances.l_infinity import l_infinity
from monitor.distances.robust import correction, robust, shift_in_sd
from monitor.distances.simple import simple
from monitor.distances.step import step_cdf
from store.records import CheckRow, Outcome

BLIND_ABOVE = 0.4
"""Where chance alone could make a gap this large (a shift of 1 sd), "no drift" says nothing."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A distance, its threshold, and how many records each side had."""

    distance: float
    threshold: float
    current: float
    baseline: float


def check_drift(
    name: str,
    current: ColumnProfile,
    baseline: ColumnProfile,
    config: MonitoringConfig,
    mode: Distance,
    assume: Assume = CONSERVATIVE,
) -> CheckRow:
    """The distance between the two distributions, against the threshold of the constraints.

    `compat` compares only columns of one inferred type, as Model Monitor does; `correct` compares numbers
    with numbers whether whole or not, and goes on comparing them when a few values are no numbers.
    """
    if not config.perform_comparison:
        return not_applicable(name, Check.DRIFT, NOT_COMPARED)
    expected, found = baseline.inferred_type.in_files, current.inferred_type.in_files
    if mode is Distance.COMPAT and expected is not found:
        return not_applicable(
            name, Check.DRIFT, f"Inferred data type don't match for column: {expected} against {found}."
        )
    if current.num_present == 0:
        return insufficient(name, Check.DRIFT, "No value of this feature is present.")
    if expected.numeric:
        return _numeric(name, current, baseline, config, mode)
    if config.categorical_drift_method is CategoricalDriftMethod.CHISQUARED:
        return _chi_squared(name, current, baseline, config, assume.chi_squared)
    return _categorical(name, current, baseline, config, mode)


def _numeric(
    name: str, current: ColumnProfile, baseline: ColumnProfile, config: MonitoringConfig, mode: Distance
) -> CheckRow:
    if current.sketch.count == 0:
        return not_applicable(name, Check.DRIFT, "The baseline is numeric and no value is a number.")
    if baseline.sketch.count == 0:
        return not_applicable(name, Check.DRIFT, NO_SKETCH)
    ours, theirs = step_cdf(current.sketch, mode), step_cdf(baseline.sketch, mode)
    measured = _Measured(simple(ours, theirs), config.comparison_threshold, ours.total, theirs.total)
    return _verdict(name, measured, config, mode)


def _categorical(
    name: str, current: ColumnProfile, baseline: ColumnProfile, config: MonitoringConfig, mode: Distance
) -> CheckRow:
    ours, theirs = current.categories, baseline.categories
    why = _incomparable(current, baseline)
    if why:
        return not_applicable(name, Check.DRIFT, why)
    measured = _Measured(
        l_infinity(ours.counts, theirs.counts),
        config.categorical_threshold,
        sum(ours.counts.values()),
        sum(theirs.counts.values()),
    )
    return _verdict(name, measured, config, mode)


def _incomparable(current: ColumnProfile, baseline: ColumnProfile) -> str | None:
    if baseline.categories.overflowed:
        return NO_HISTOGRAM
    if not sum(baseline.categories.counts.values()):
        return NO_VALUES
    if current.categories.overflowed:
        return "The feature has too many values now to compare their shares."
    if not sum(current.categories.counts.values()):
        return "The baseline is text and every value is a number."
    return None


def _verdict(name: str, measured: _Measured, config: MonitoringConfig, mode: Distance) -> CheckRow:
    n, m, threshold = measured.current, measured.baseline, measured.threshold
    is_robust = config.comparison_method is DistanceMethod.ROBUST
    distance = robust(measured.distance, n, m) if is_robust else measured.distance
    if distance > threshold:
        detail = f"Baseline drift distance: {printed(distance)} exceeds threshold: {printed(threshold)}"
        return CheckRow(name, Check.DRIFT, Outcome.VIOLATED, distance, threshold, detail)
    blind = correction(n, m) if is_robust else 0.0
    seen = _visible(n, threshold + blind)
    if mode is Distance.CORRECT and blind > BLIND_ABOVE:
        detail = f"Too few values: {seen}."
        return CheckRow(name, Check.DRIFT, Outcome.INSUFFICIENT_DATA, distance, threshold, detail)
    detail = (
        f"Baseline drift distance: {printed(distance)} is within threshold: {printed(threshold)}; {seen}."
    )
    return CheckRow(name, Check.DRIFT, Outcome.OK, distance, threshold, detail)


def _visible(n: float, distance: float) -> str:
    """What was the least to be seen, so that "no drift" can be weighed."""
    if distance >= 1:  # no two distributions are further apart
        return f"{n:.0f} values could not have shown a shift of any size"
    shift = f"{shift_in_sd(distance):.2f} standard deviations"
    return f"{n:.0f} values could have shown a distance of {distance:.2f}, a shift of {shift}"


def _chi_squared(
    name: str,
    current: ColumnProfile,
    baseline: ColumnProfile,
    config: MonitoringConfig,
    reading: ChiSquaredReading,
) -> CheckRow:
    """The p-value (Robust) or the statistic (Simple), as deequ returns them.

    Which way Model Monitor compares them is not public: `reading` says it.
    """
    why = _incomparable(current, baseline)
    if why:
        return not_applicable(name, Check.DRIFT, why)
    fit = chi_squared(current.categories.counts, baseline.categories.counts)
    if math.isnan(fit.statistic):
        return insufficient(
            name, Check.DRIFT, "Too few values of the baseline's categories for a chi-squared test."
        )
    threshold = config.categorical_threshold
    by_p = config.comparison_method is DistanceMethod.ROBUST
    value = fit.p_value if by_p else fit.statistic
    below = by_p and reading is ChiSquaredReading.P_VALUE_BELOW
    violated = value < threshold if below else value > threshold
    if below:
        told = f"p-value: {printed(value)} {'is below' if violated else 'is not below'}"
    else:
        told = f"distance: {printed(value)} {'exceeds' if violated else 'is within'}"
    detail = f"Baseline drift {told} threshold: {printed(threshold)}"
    return CheckRow(name, Check.DRIFT, Outcome.VIOLATED if violated else Outcome.OK, value, threshold, detail)
