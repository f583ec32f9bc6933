"""The first labelled windows after a rollout: is the new model worse than the one it replaced?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from config.metrics import LOWER_IS_BETTER
from retrain.judging import COVERAGE
from retrain.readings import FEWEST_LABELLED
from store.records import MetricRow
from store.retraining import Helped, Trial

_SPAN = 2 * NormalDist().inv_cdf((1 + COVERAGE) / 2)
"""How many standard errors an interval spans."""


class Look(StrEnum):
    """What the first windows say."""

    WORSE = "worse"
    GOOD = "good"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Pooled:
    """Several windows' metric as one, with its interval.

    `members` are the records of the rarest class that the metric is of, None where it is of no classes.
    """

    value: float
    low: float
    high: float
    count: int
    windows: int
    members: int | None = None

    def says_something(self, fewest: int) -> bool:
        """Whether there are so many labelled records, and enough of each class."""
        return self.count >= fewest and (self.members is None or self.members >= FEWEST_LABELLED)


def look(before: Trial, pooled: Pooled | None, wanted: int, fewest: int) -> tuple[Look, str]:
    """Hold the first windows after the rollout against what the champion did in the changed world.

    `before` is the trial on the fresh window, `pooled` its metric in the `first` labelled windows since the
    rollout. The first `wanted` of them count, and as many more as it takes to have `fewest` labelled records:
    labels trickle in, and the first few say little; nor do a few of a rare class. WORSE as soon as there are
    so many and the whole interval of them together is worse than the champion was; GOOD when all windows are
    there too and it is not; WAITING until then.
    """
    if pooled is None:
        return Look.WAITING, f"No labelled window yet since the rollout, {wanted} are wanted."
    told = _told(before, pooled)
    if pooled.count < fewest:
        return Look.WAITING, f"{fewest} labelled records since the rollout are wanted: {told}."
    if pooled.members is not None and pooled.members < FEWEST_LABELLED:
        few = f"{pooled.members} of the labelled records are of the rarest class that {before.metric} is of"
        return Look.WAITING, f"{few}, and {FEWEST_LABELLED} are wanted: {told}."
    if _is_worse(before, pooled):
        return Look.WORSE, f"The new model is worse than the one before: {told}."
    if pooled.windows < wanted:
        return Look.WAITING, f"{pooled.windows} of {wanted} labelled windows since the rollout: {told}."
    return Look.GOOD, f"The first windows are good: {told}."


def first(windows: Sequence[MetricRow], wanted: int, fewest: int) -> list[MetricRow]:
    """The windows that count, of those with labels enough to say anything.

    The first `wanted` of them, and as many more as it takes to have `fewest` labelled records.
    """
    found: list[MetricRow] = []
    for window in windows:
        if len(found) >= wanted and sum(row.count for row in found) >= fewest:
            break
        if window.value is not None and window.count >= FEWEST_LABELLED:
            found.append(window)
    return found


def most(wanted: int, fewest: int) -> int:
    """So many windows at most are counted by `first`: each has labels enough to say anything."""
    return max(wanted, -(-fewest // FEWEST_LABELLED))


def helped(before: Trial, pooled: Pooled | None) -> tuple[Helped, str]:
    """Whether the realised quality came back: the whole interval better than the champion was, or not better.

    The sentence goes with that of `look`, which has the numbers.
    UNKNOWN without labels, or where the value is better and its interval includes the champion's.
    """
    if pooled is None:
        return Helped.UNKNOWN, "Whether it helped is unknown: no labels came after the rollout."
    if _is_better(before, pooled.low, pooled.high):
        return Helped.HELPED, "It helped."
    if _is_better(before, pooled.value, pooled.value):
        return Helped.UNKNOWN, "Whether it helped is not certain: the interval includes the champion's."
    return Helped.NOT, "It did not help."


def pool(metric: str, windows: Sequence[MetricRow]) -> Pooled | None:
    """The metric over several windows, each by its number of records; None where none was measured.

    Squared errors add up, so rmse is averaged as its square; r2 has no exact sum over windows and is averaged
    as it is. Standard errors are read off the windows' intervals and add up as independent ones do.
    """
    measured = [_Point.of(row, 2 if metric == "rmse" else 1) for row in windows]
    points = [point for point in measured if point is not None]
    total = sum(point.count for point in points)
    if not total:
        return None
    power = points[0].power
    mean = sum(point.count / total * point.value for point in points)
    error = math.sqrt(sum((point.count / total * point.error) ** 2 for point in points))
    value = mean ** (1 / power)
    slope = power * value ** (power - 1)
    half = error / slope * _SPAN / 2 if slope else 0.0
    return Pooled(value, value - half, value + half, total, len(points))


@dataclass(frozen=True, slots=True)
class _Point:
    """A window's metric raised to `power`, and its standard error (by the delta method)."""

    value: float
    error: float
    count: int
    power: int

    @classmethod
    def of(cls, row: MetricRow, power: int) -> _Point | None:
        if row.value is None or row.low is None or row.high is None:
            return None
        error = (row.high - row.low) / _SPAN * power * row.value ** (power - 1)
        return cls(row.value**power, error, row.count, power)


def _is_worse(before: Trial, pooled: Pooled) -> bool:
    lower = before.metric in LOWER_IS_BETTER
    return pooled.low > before.champion if lower else pooled.high < before.champion


def _is_better(before: Trial, low: float, high: float) -> bool:
    return high < before.champion if before.metric in LOWER_IS_BETTER else low > before.champion


def _told(before: Trial, pooled: Pooled) -> str:
    if math.isnan(pooled.value):
        return f"{before.metric} is not known of {pooled.count} records"
    now = f"{before.metric} {pooled.value:.3f} ({pooled.low:.3f} to {pooled.high:.3f})"
    return f"{now} on {pooled.count} records, where the champion had {before.champion:.3f} before"
