"""Did a feature's unit change? Its values are then the baseline's times a constant, and shaped as before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from baselines.checks.names import NO_SHAPE, NO_UNIT, Check, insufficient, not_applicable
from baselines.profile.column import ColumnProfile
from baselines.profile.types import DataType
from config.distance import Distance
from monitor.checks.drift import BLIND_ABOVE
from monitor.distances.robust import correction, robust
from monitor.distances.simple import simple
from monitor.distances.step import Floats, StepCdf, step_cdf
from store.records import CheckRow, Outcome

FAR: Final = 2.5
"""A ratio of medians from here on, or down to one part in it, may be another unit (an inch is 2.54 cm)."""
APART: Final = 0.6
"""The two must also be so far apart, beyond chance: a world that drifts by a standard deviation or two, even
by the same factor for all, keeps to less, and no shape can tell such a drift from a unit."""
ALIKE: Final = 0.05
"""And, divided by the ratio, no further apart than this beyond chance …"""
ALIKE_AT_MOST: Final = 0.25
"""… nor than this with it: few records must not pass for alike because they show little."""
FEWEST_VALUES: Final = 10
"""Fewer different values (a flag, a class) have no shape to know them by."""
_TOLERANCE = 0.02  # of a value: readings are rounded anew in the new unit
_SHARES = np.linspace(0.1, 0.9, 9)
_NUMERIC = frozenset({DataType.INTEGRAL, DataType.FRACTIONAL})


@dataclass(frozen=True, slots=True)
class _Scaled:
    """The factor that makes the baseline most like the current values, and what is left between them."""

    ratio: float
    distance: float


def check_unit(name: str, current: ColumnProfile, baseline: ColumnProfile) -> CheckRow:
    """Whether the current values are the baseline's in another unit.

    Judged are numeric features of positive values with a shape: ten different values or more, and hardly a
    zero among them. A shift of the origin too (°C to °F) is not looked for: every normal distribution that
    drifts looks like one.
    """
    why = _unfit(current, baseline)
    if why:
        return not_applicable(name, Check.UNIT, why)
    chance = correction(current.sketch.count, baseline.sketch.count)
    if chance > BLIND_ABOVE:
        return insufficient(name, Check.UNIT, f"Too few values: {current.sketch.count}.")
    now, before = current.sketch.quantiles(_SHARES), baseline.sketch.quantiles(_SHARES)
    if min(now[0], before[0]) <= 0:
        return not_applicable(name, Check.UNIT, "Many of the values are zero.")
    ratios = now / before
    ratio = float(ratios[_SHARES.size // 2])
    if 1 / FAR < ratio < FAR:
        return _row(name, Outcome.OK, ratio, f"The median is {ratio:.3g} times the baseline's.")
    return _judged(name, current, baseline, ratios, chance)


def _judged(
    name: str, current: ColumnProfile, baseline: ColumnProfile, ratios: Floats, chance: float
) -> CheckRow:
    ours, theirs = step_cdf(current.sketch, Distance.CORRECT), step_cdf(baseline.sketch, Distance.CORRECT)
    if theirs.values.size < FEWEST_VALUES:
        return not_applicable(name, Check.UNIT, NO_SHAPE)
    scaled = _scaled(ours, theirs, ratios)
    apart = robust(simple(ours, theirs), ours.total, theirs.total)
    alike = scaled.distance <= min(ALIKE + chance, ALIKE_AT_MOST)
    if apart < APART or not alike:
        detail = (
            f"The values are not the baseline's times {scaled.ratio:.3g}: the shape or the place differs."
        )
        return _row(name, Outcome.OK, scaled.ratio, detail)
    detail = (
        f"The values are distributed as the baseline's times {scaled.ratio:.3g}: the unit has changed. "
        f"Distance before: {apart:.3f}, after dividing: {scaled.distance:.3f}"
    )
    return _row(name, Outcome.VIOLATED, scaled.ratio, detail)


def _unfit(current: ColumnProfile, baseline: ColumnProfile) -> str | None:
    """Why there is nothing to say about units here, if so."""
    if baseline.inferred_type not in _NUMERIC or not baseline.sketch.count:
        return NO_UNIT
    if not current.sketch.count:
        return "None of the values is a number."
    if min(current.moments.minimum, baseline.moments.minimum) < 0:
        return "Values on both sides of zero are not compared by a factor."
    return None


def _scaled(ours: StepCdf, theirs: StepCdf, ratios: Floats) -> _Scaled:
    tried = (_Scaled(float(ratio), _apart(ours, theirs, float(ratio))) for ratio in ratios)
    return min(tried, key=lambda each: each.distance)


def _apart(ours: StepCdf, theirs: StepCdf, ratio: float) -> float:
    """The largest gap between the two after scaling, with a tolerance in value (as in Lévy's metric)."""
    points = np.union1d(theirs.values, ours.values / ratio)
    low, high = points * (1 - _TOLERANCE), points * (1 + _TOLERANCE)
    above = theirs.at(low) - ours.at(high * ratio)
    below = ours.at(low * ratio) - theirs.at(high)
    return float(max(0.0, above.max(), below.max()))


def _row(name: str, outcome: Outcome, ratio: float, detail: str) -> CheckRow:
    threshold = FAR if ratio >= 1 else 1 / FAR
    return CheckRow(name, Check.UNIT, outcome, ratio, threshold, detail)
