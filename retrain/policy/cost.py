"""The cost gate: what the errors will cost while they last, against what a training costs.

A run is worth its price where (excess error per record × what that costs × records over the horizon) is more
than it, the rule by which the incident policy of docs/retraining.md was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from config.expressions import Reading
from config.metrics import LOWER_IS_BETTER
from config.policy import Cost
from retrain.readings import LOOKED_AT, WindowReadings


@dataclass(frozen=True, slots=True)
class Weighing:
    """What was found: the metric and its baseline over the windows that count, records a day, and the loss.

    None where it was not measured. `loss` is in the owner's money, over the horizon.
    """

    value: float | None = None
    baseline: float | None = None
    records_a_day: float | None = None
    loss: float | None = None

    def is_worth(self, cost: Cost) -> bool:
        """Whether a training costs less than it may save; what can't be weighed is not."""
        return self.loss is not None and self.loss > cost.training


def weigh_cost(cost: Cost, windows: Sequence[WindowReadings], counted: int) -> Weighing:
    """Weigh the excess error of the newest `counted` windows that measured it; `windows` are newest first.

    What lies in a data fault measures no model, but its records came.

    The traffic is what the newest LOOKED_AT windows hold, over the time from the first to the last of them:
    of captured records, so a share that is not captured is not counted. Behind those, weeks may lie to the
    labelled ones, of which nothing is given.
    """
    sound = (window for window in windows if not window.at_fault)
    measured = [
        found for found in (window.metrics(cost.metric, None) for window in sound) if _is_whole(found)
    ]
    readings = [reading for reading in measured[:counted] if reading is not None]
    records_a_day = _traffic(windows)
    if not readings:
        return Weighing(records_a_day=records_a_day)
    value = fmean(reading.value for reading in readings)
    baseline = fmean(reading.baseline for reading in readings if reading.baseline is not None)
    if records_a_day is None:
        return Weighing(value, baseline)
    excess = value - baseline if cost.metric in LOWER_IS_BETTER else baseline - value
    days = cost.horizon.total_seconds() / 86_400
    return Weighing(value, baseline, records_a_day, max(0.0, excess) * cost.error * records_a_day * days)


def _is_whole(reading: Reading | None) -> bool:
    return reading is not None and reading.baseline is not None


def _traffic(windows: Sequence[WindowReadings]) -> float | None:
    volumes = [(window, found) for window in windows[:LOOKED_AT] if (found := window.metrics("volume", None))]
    if not volumes:
        return None
    newest, oldest = volumes[0][0], volumes[-1][0]
    days = (newest.start + newest.length - oldest.start).total_seconds() / 86_400
    return sum(found.value for _, found in volumes) / days
