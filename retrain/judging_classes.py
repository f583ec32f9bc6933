"""Champion or challenger where models answer classes: both on the same labelled records, drawn together.

Every metric of classes is a function of sums over records: how often each class is labelled, answered and
hit, and for the area under the curve how many of each class have a score. So to resample requests is to weigh
their sums by how often each was drawn, and what a request adds to a metric is told by the metric's gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from baselines.quality import counts, curves
from baselines.quality.counts import Counts
from baselines.quality.curves import Tally
from baselines.quality.pairs import Choices, Codes, Floats
from config.metrics import FRESH, OF_PROBABILITIES
from retrain.judging import COVERAGE, JudgingError, resamples, widened
from store.retraining import Trial

_MEASURES: Final = counts.BINARY | counts.MULTICLASS
_CELLS: Final = 2_000_000
"""How many weights or sums are held at once, so that memory stays flat."""
_STEP: Final = 1e-6
"""Of a gradient's differences, as a share of the records."""


def paired_classes(
    champion: Choices,
    challenger: Choices,
    metric: str,
    seed: int,
    dataset: str = FRESH,
    requests: NDArray[np.str_] | None = None,
    coverage: float = COVERAGE,
) -> Trial:
    """The metric of both, and the percentile bootstrap interval of challenger less champion.

    As `judging.paired` has it: requests are drawn whole, the same ones for both, reproducible by `seed`. Both
    are of the same records in one order, and so are `requests`, of shape (records,).

    Few requests may carry the whole difference where there are many: those that the two answer differently,
    and of a rare class. With d what each adds to it, as many count as the largest of them would make up,
    Σd² / max d². Fewer than log2(1 / tail) may all fall on one side by chance (the sign test): of them
    nothing is known. The interval is widened for as many as there are. So of a handful it says what
    McNemar's exact test does.

    Where a model's own resamples are all alike, since it answers each right, its end is moved by the exact
    margin of so many requests (Clopper and Pearson, 1934). The precision of a model that never says yes is 0
    here.

    Raises:
        JudgingError: where there are no records, or no label of a class that the metric is of.
    """
    if not champion.size:
        raise JudgingError("no record has both a label and an answer of the champion; wait for labels")
    request = _numbered(requests, champion.size)
    one, other = (_Sums.of(each, metric, request) for each in (champion, challenger))
    theirs, ours = one.whole(), other.whole()
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        raise JudgingError(
            f"{metric} can't be told of these {champion.size} labels, among which a class that it is of is "
            "missing: judge by more of them (training.judging), or by another metric"
        )
    low, high = _interval(one, other, seed, coverage)
    return Trial(dataset, metric, theirs, ours, ours - theirs, low, high, champion.size)


@dataclass(frozen=True, slots=True)
class Level:
    """A model's metric with its interval; `members` are the records of the rarest class that it is of."""

    value: float
    low: float
    high: float
    members: int


def level(choices: Choices, metric: str, seed: int, requests: NDArray[np.str_] | None = None) -> Level:
    """One model's metric by the same bootstrap over requests; NaN of no `members` where it can't be told."""
    unknown = Level(np.nan, -np.inf, np.inf, 0)
    if not choices.size:
        return unknown
    sums = _Sums.of(choices, metric, _numbered(requests, choices.size))
    value, rarest = sums.whole(), members(choices, metric)
    if not np.isfinite(value) or not rarest:
        return unknown
    drawn = np.concatenate([sums.weighed(weights) for weights in _weights(sums, sums, seed, COVERAGE)])
    below, above = sums.beyond(drawn, (1 - COVERAGE) / 2)
    size = _carrying(sums.added() + value / sums.requests)
    low, high = widened(drawn, value, max(size, 2.0))
    return Level(value, low - below, high + above, rarest)


def members(choices: Choices, metric: str) -> int:
    """The records of the rarest class that a metric is of: labelled so, and for precision answered so."""
    return min(int(each.sum()) for each in _classes_of(choices, metric))


def _classes_of(choices: Choices, metric: str) -> tuple[NDArray[np.bool_], ...]:
    """Which records are in each class that a metric is a share of; of several classes all are."""
    if metric in counts.MULTICLASS:  # accuracy among them
        return (np.ones(choices.size, np.bool_),)
    positives = choices.labels == 1
    if metric == OF_PROBABILITIES:
        return positives, ~positives
    match metric:
        case "true_negative_rate" | "false_positive_rate":
            return (~positives,)
        case "precision":
            return (choices.predictions == 1,)
        case _:
            return (positives,)


def _numbered(requests: NDArray[np.str_] | None, records: int) -> Codes:
    """Each record's request as a number; without names each record is a request."""
    if requests is None:
        return np.arange(records)
    return np.asarray(np.unique(requests, return_inverse=True)[1])


def _precision(counted: Counts) -> Floats:
    """That of a model that never says yes is 0: it is held against others, and must not be left out."""
    found = counts.precision(counted)
    silent = np.isnan(found) & (counted.labelled[..., 1] > 0)
    return np.asarray(np.where(silent, 0.0, found))


@dataclass(frozen=True, slots=True)
class _Sums:
    """A model's metric of what its requests add up to.

    `of_requests` has shape (requests, sums), `metric` is (..., sums) → (...), homogeneous of degree 0, and
    `gradient` that of the metric at the sums of all. `held` is in how many requests there are records of the
    rarest class that the metric is of.
    """

    of_requests: csr_array
    metric: Callable[[Floats], Floats]
    gradient: Callable[[Floats], Floats]
    held: int

    @classmethod
    def of(cls, choices: Choices, metric: str, request: Codes) -> _Sums:
        """Those of a metric; `request` numbers the request of each record.

        Raises:
            JudgingError: where it is no metric of such a model.
        """
        if metric not in _MEASURES and metric != OF_PROBABILITIES:
            raise JudgingError(f"{metric} is no metric of classes: see accept and problem_type in kedge.yaml")
        held = min(np.unique(request[each]).size for each in _classes_of(choices, metric))
        if metric == OF_PROBABILITIES:
            return cls._of_scores(choices, request, held)
        size = len(choices.names)
        measure = _precision if metric == "precision" else _MEASURES[metric]
        hit = choices.labels == choices.predictions
        columns = (choices.labels, size + choices.predictions, 2 * size + choices.labels[hit])

        def of_counts(sums: Floats) -> Floats:
            return measure(Counts(*(sums[..., at * size : (at + 1) * size] for at in range(3))))

        def gradient(sums: Floats) -> Floats:
            return _differences(of_counts, sums, _STEP * choices.size)

        return cls(_added((request, request, request[hit]), columns, 3 * size), of_counts, gradient, held)

    @classmethod
    def _of_scores(cls, choices: Choices, request: Codes, held: int) -> _Sums:
        if choices.scores is None:
            raise JudgingError(
                f"{OF_PROBABILITIES} is told by probabilities alone: name their column, probability"
            )
        different, place = np.unique(-choices.scores, return_inverse=True)
        size = different.size
        columns = np.where(choices.labels == 1, place, size + place)

        def of_tally(sums: Floats) -> Floats:
            return curves.auc(Tally(sums[..., :size], sums[..., size:]))

        def gradient(sums: Floats) -> Floats:
            return _placements(sums[:size], sums[size:])

        return cls(_added((request,), (columns,), 2 * size), of_tally, gradient, held)

    @property
    def requests(self) -> int:
        """How many there are."""
        return int(self.of_requests.shape[0])

    def whole(self) -> float:
        """The metric of all records."""
        return float(self.metric(self._all()))

    def weighed(self, weights: Floats) -> Floats:
        """The metric of samples in which each request stands so often: (samples, requests) → (samples,)."""
        return self.metric(np.asarray(weights @ self.of_requests))

    def added(self) -> Floats:
        """What each request adds to the metric, to first order, shape (requests,); they add up to 0."""
        return np.asarray(self.of_requests @ self.gradient(self._all()))

    def beyond(self, drawn: Floats, tail: float) -> tuple[float, float]:
        """By how much it may be lower, and higher, than its resamples say where they are all alike."""
        if not self.held:
            return 0.0, 0.0  # a precision of 0 by definition
        margin, value = 1 - tail ** (1 / self.held), self.whole()
        if value in (0.0, 1.0):
            return (margin, 0.0) if value else (0.0, margin)
        known = drawn[np.isfinite(drawn)]
        varies = known.size and np.ptp(known)
        return (0.0, 0.0) if varies else (np.inf, np.inf)  # a request or a few, which are all alike

    def _all(self) -> Floats:
        return np.asarray(self.of_requests.sum(axis=0), np.float64)


def _added(rows: tuple[Codes, ...], columns: tuple[Codes, ...], width: int) -> csr_array:
    """How often each column occurs in each row."""
    at = np.concatenate(rows), np.concatenate(columns)
    # the first are of every record, so that no request is missed
    return csr_array((np.ones(at[0].size), at), shape=(int(rows[0].max()) + 1, width))


def _differences(metric: Callable[[Floats], Floats], sums: Floats, step: float) -> Floats:
    """The gradient by central differences, in parts so that memory stays flat."""
    found = []
    rows = max(1, _CELLS // sums.size)
    for start in range(0, sums.size, rows):
        moved = np.zeros((min(rows, sums.size - start), sums.size))
        moved[np.arange(moved.shape[0]), start + np.arange(moved.shape[0])] = step
        found.append((metric(sums + moved) - metric(sums - moved)) / (2 * step))
    return np.nan_to_num(np.concatenate(found))


def _placements(positives: Floats, negatives: Floats) -> Floats:
    """The gradient of the area under the curve (DeLong, DeLong and Clarke-Pearson, 1988).

    Of a positive at a score it is the share of negatives below (of equal ones a half) less the area, of a
    negative the share of positives above, each by how many there are. Both are counted from the highest score
    down.
    """
    all_positives, all_negatives = positives.sum(), negatives.sum()
    below = (all_negatives - np.cumsum(negatives) + negatives / 2) / all_negatives
    above = (np.cumsum(positives) - positives / 2) / all_positives
    area = float((below * positives).sum() / all_positives)
    return np.concatenate([(below - area) / all_positives, (above - area) / all_negatives])


def _carrying(added: Floats) -> float:
    """How many requests carry a sum: as many as the largest of them would make up; 0 where all are 0."""
    largest = float(np.abs(added).max())
    return float(np.square(added / largest).sum()) if largest else 0.0


def _interval(one: _Sums, other: _Sums, seed: int, coverage: float) -> tuple[float, float]:
    middle, tail = other.whole() - one.whole(), (1 - coverage) / 2
    carrying = _carrying(other.added() - one.added() + middle / one.requests)
    if not carrying:
        return middle, middle  # both answer alike
    fewest = min([carrying, *(each.held for each in (one, other) if each.held)])
    if fewest < np.log2(1 / tail):
        return -np.inf, np.inf
    drawn = [
        (other.weighed(weights), one.weighed(weights)) for weights in _weights(one, other, seed, coverage)
    ]
    ours, theirs = (np.concatenate(each) for each in zip(*drawn, strict=True))
    if not np.isfinite(ours - theirs).any():
        return -np.inf, np.inf
    low, high = widened(ours - theirs, middle, carrying, coverage)
    (our_below, our_above), (their_below, their_above) = other.beyond(ours, tail), one.beyond(theirs, tail)
    return low - our_below - their_above, high + our_above + their_below


def _weights(one: _Sums, other: _Sums, seed: int, coverage: float) -> Iterator[Floats]:
    """How often each request is drawn in each resample, in parts of shape (resamples, requests)."""
    size, count = one.requests, resamples(coverage)
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // max(size, *(each.of_requests.shape[1] for each in (one, other))))
    for done in range(0, count, step):
        rows = min(step, count - done)
        drawn = generator.integers(0, size, (rows, size)) + size * np.arange(rows)[:, np.newaxis]
        often = np.bincount(drawn.ravel(), minlength=rows * size)
        yield often.reshape(rows, size).astype(np.float64)
