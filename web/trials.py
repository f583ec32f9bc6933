"""Champion against challenger as small pictures: the difference with its interval, about no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from config.metrics import FRESH, LOWER_IS_BETTER, TEST
from store.retraining import Trial
from web.texts import visible

_SLICE = f"{FRESH}:"
_EVALUATION = "evaluation"
_DATASETS = {
    FRESH: "the freshest labelled window",
    TEST: "the original test set",
    _EVALUATION: "each model's own evaluation",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference in a box of `width` by `height`: where it, its interval and zero lie in it."""

    width: int
    height: int
    low: float
    at: float
    high: float
    zero: float


@dataclass(frozen=True, slots=True)
class Compared:
    """One trial, ready to be shown; `tone` is good where all of the interval is on the challenger's side."""

    trial: Trial
    dataset: str
    tone: str
    picture: Interval

    @property
    def is_slice(self) -> bool:
        """Whether it is of a part of the freshest window."""
        return self.trial.dataset.startswith(_SLICE)

    @property
    def is_evaluation(self) -> bool:
        """Whether each model was measured by its own workflow, not by Kedge on its records."""
        return self.trial.dataset == _EVALUATION


def compared(trials: Sequence[Trial]) -> tuple[Compared, ...]:
    """Each trial with its picture; those of one metric share a scale."""
    spans = {
        trial.metric: _span([other for other in trials if other.metric == trial.metric]) for trial in trials
    }
    return tuple(
        Compared(
            trial,
            _named(trial.dataset),
            _tone(trial),
            interval(trial, spans[trial.metric]),
        )
        for trial in trials
    )


def _named(dataset: str) -> str:
    """A data set in words; a slice's name may hold captured values, and is shown as what it is."""
    if dataset.startswith(_SLICE):
        return f"the freshest window where {visible(dataset.removeprefix(_SLICE))}"
    return _DATASETS.get(dataset, dataset)


def _span(trials: Sequence[Trial]) -> float:
    ends = [abs(end) for trial in trials for end in (trial.low, trial.difference, trial.high)]
    return max((end for end in ends if math.isfinite(end)), default=0.0) or 1.0


def _tone(trial: Trial) -> str:
    if not trial.count:  # two bare numbers, without an interval
        return "idle"
    low, high = trial.low, trial.high
    if trial.metric not in LOWER_IS_BETTER:
        low, high = -high, -low
    if high < 0:
        return "good"
    return "bad" if low > 0 else "idle"


def interval(trial: Trial, span: float, *, width: int = 160, height: int = 18) -> Interval:
    """The trial between -span and +span, zero in the middle; ends without a bound reach the edge."""
    half = width / 2 - 4

    def at(value: float) -> float:
        share = 0.0 if math.isnan(value) else max(-1.0, min(1.0, value / span))
        return round(width / 2 + half * share, 1)

    return Interval(width, height, at(trial.low), at(trial.difference), at(trial.high), width / 2)
