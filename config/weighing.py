"""A condition held against the metrics of a window: true, false or unknown, with the numbers it saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from config.conditions import And, Comparison, Condition, Op, Reference, number

_RELATIONS = {Op.BELOW: "below", Op.AT_MOST: "at most", Op.ABOVE: "above", Op.AT_LEAST: "at least"}


class Truth(StrEnum):
    """Three values: what is not known is neither true nor false."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's value, its interval where it has one (low to high), and the same metric elsewhere."""

    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    champion: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The numbers that one comparison saw, and what they made of it; None is what was not there."""

    comparison: Comparison
    reading: Reading | None
    threshold: float | None
    truth: Truth

    @property
    def words(self) -> str:
        """The comparison as one sentence without a full stop; made when it is asked for, which is seldom."""
        if self.reading is None or math.isnan(self.reading.value):
            return f"{self.comparison.subject} was not measured"
        if self.threshold is None:
            missing = f"there is no {self.comparison.against} to hold it against"
            return f"{self.comparison.subject} is {self.reading.value:.6g}, and {missing}"
        return _told(self.comparison, self.reading, self.threshold, self.truth)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition came to, with every comparison in the order in which it is written."""

    truth: Truth
    seen: tuple[Seen, ...]

    @property
    def words(self) -> str:
        """The outcome as one sentence without a full stop."""
        return "; ".join(each.words for each in self.seen)


Metrics: TypeAlias = Callable[[str, str | None], Reading | None]


def evaluate(condition: Condition, metrics: Metrics) -> Outcome:
    """Hold a condition against the metrics of one window; `metrics` gives None for what was not measured.

    A comparison is true where value, and the interval if there is one, lie wholly on its side of the
    threshold; false where the value does not; unknown where the value does and the interval does not,
    or where the metric or its threshold is not there. And/or follow Kleene: a false part settles `and`,
    a true one `or`, whatever is unknown beside it. Every comparison is weighed, so that all are told.
    """
    if isinstance(condition, Comparison):
        seen = _weigh(condition, metrics(condition.metric, condition.feature))
        return Outcome(seen.truth, (seen,))
    outcomes = [evaluate(part, metrics) for part in condition.parts]
    settling = Truth.FALSE if isinstance(condition, And) else Truth.TRUE
    truth = _joined((outcome.truth for outcome in outcomes), settling)
    return Outcome(truth, tuple(seen for outcome in outcomes for seen in outcome.seen))


def _joined(truths: Iterable[Truth], settling: Truth) -> Truth:
    found = set(truths)
    if settling in found:
        return settling
    if Truth.UNKNOWN in found:
        return Truth.UNKNOWN
    return Truth.TRUE if settling is Truth.FALSE else Truth.FALSE


def _weigh(comparison: Comparison, reading: Reading | None) -> Seen:
    if reading is None or math.isnan(reading.value):
        return Seen(comparison, reading, None, Truth.UNKNOWN)
    threshold = _threshold(comparison, reading)
    truth = Truth.UNKNOWN if threshold is None else _truth(comparison.op, reading, threshold)
    return Seen(comparison, reading, threshold, truth)


def _threshold(comparison: Comparison, reading: Reading) -> float | None:
    match comparison.against:
        case Reference.BASELINE:
            level = reading.baseline
        case Reference.CHAMPION:
            level = reading.champion
        case written:
            level = written
    if level is None:
        return None
    threshold = level if comparison.factor is None else comparison.factor * level
    return None if math.isnan(threshold) else threshold


def _truth(op: Op, reading: Reading, threshold: float) -> Truth:
    if not op.holds(reading.value, threshold):
        return Truth.FALSE
    nearest = reading.low if op.upward else reading.high
    return Truth.TRUE if nearest is None or op.holds(nearest, threshold) else Truth.UNKNOWN


def _told(comparison: Comparison, reading: Reading, threshold: float, truth: Truth) -> str:
    interval = ""
    if reading.low is not None and reading.high is not None:
        interval = f" (interval {reading.low:.6g} to {reading.high:.6g})"
    limit = f"{threshold:.6g}"
    if comparison.factor is not None or isinstance(comparison.against, Reference):
        limit = f"{limit} ({_limit(comparison, reading)})"
    relation = f"{'not ' if truth is Truth.FALSE else ''}{_RELATIONS[comparison.op]} {limit}"
    doubt = ", but its interval still includes that" if truth is Truth.UNKNOWN else ""
    return f"{comparison.subject} is {reading.value:.6g}{interval}, {relation}{doubt}"


def _limit(comparison: Comparison, reading: Reading) -> str:
    factor = "" if comparison.factor is None else f"{number(comparison.factor)} * "
    if not isinstance(comparison.against, Reference):
        return f"{factor}{number(comparison.against)}"
    level = reading.baseline if comparison.against is Reference.BASELINE else reading.champion
    return f"{factor}{comparison.against.value} {level:.6g}"
