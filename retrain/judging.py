"""Champion or challenger: both on the same labelled records, by the interval of their paired difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from baselines.quality.pairs import Floats
from baselines.quality.residuals import REGRESSION
from config.conditions import Condition, comparisons
from config.expressions import Reading, Truth, evaluate
from config.metrics import FRESH, LOWER_IS_BETTER
from store.retraining import Trial

Places = NDArray[np.intp]

RESAMPLES: Final = 1000
MEASURES: Final = {name: REGRESSION[name] for name in ("rmse", "mae", "r2")}
"""Each metric as a function of residuals and labels along the last axis."""
SEED: Final = 20_260_101
"""The bootstrap's: the same records give the same interval."""
COVERAGE: Final = 0.95
_BEYOND = 25
"""So many resamples lie beyond each end of an interval at least, that it does not hang on a few of them."""
_CELLS = 2_000_000
"""How many resampled values of one kind are held at once, so that memory stays flat."""


class JudgingError(ValueError):
    """Champion and challenger can't be compared, in one sentence."""


class Judgement(StrEnum):
    """How a challenger did."""

    WON = "won"
    LOST = "lost"
    WAITING = "waiting"


def metrics_of(accept: Condition) -> tuple[str, ...]:
    """The metrics to make trials of, in the order of `accept`; the first is the one that `margin` is of."""
    return tuple(dict.fromkeys(comparison.metric for comparison in comparisons(accept)))


def paired(
    labels: Floats,
    champion: Floats,
    challenger: Floats,
    metric: str,
    seed: int,
    dataset: str = FRESH,
    requests: NDArray[np.str_] | None = None,
    coverage: float = COVERAGE,
) -> Trial:
    """The metric of both, and the percentile bootstrap interval of challenger less champion.

    Of 95 % or another `coverage`, 1000 resamples of requests or as many as a narrower tail takes,
    reproducible by `seed`; each resample draws the same ones for both, so
    that what is hard for both cancels out. The three have shape (records,) and one order, and so have
    `requests`, which name the request of each record: the records of one are drawn together, since models err
    alike on them. Without them each record is a request. A record without a label, or without an answer of
    the champion, is left out; a challenger that gives no number is at fault.

    Raises:
        JudgingError: where shapes differ, the challenger gave no number, or nothing is left to compare by.
    """
    known = _comparable(labels, champion, challenger)
    truth, one, other = labels[known], champion[known], challenger[known]
    measure = MEASURES[metric]
    centred = truth - truth.mean()
    ours, theirs = float(measure(other - truth, centred)), float(measure(one - truth, centred))
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        why = "they are all alike" if np.ptp(truth) == 0 else "an answer or a label is beyond what adds up"
        raise JudgingError(f"{metric} can't be told of these {truth.size} labels: {why}")
    together = None if requests is None else _Requests.of(requests[known])
    low, high = _interval(metric, centred, one - truth, other - truth, together, seed, coverage)
    return Trial(dataset, metric, theirs, ours, ours - theirs, low, high, int(truth.size))


def _comparable(labels: Floats, champion: Floats, challenger: Floats) -> NDArray[np.bool_]:
    """Which records have a label and an answer of the champion."""
    if not labels.shape == champion.shape == challenger.shape:
        sizes = f"{labels.size} labels, {champion.size} and {challenger.size} predictions"
        raise JudgingError(f"there are {sizes} of champion and challenger; give one of each for every record")
    known = np.isfinite(labels) & np.isfinite(champion)
    if not known.any():
        raise JudgingError("no record has both a label and a prediction of the champion; wait for labels")
    dumb = int((~np.isfinite(challenger[known])).sum())
    if dumb:
        raise JudgingError(f"the challenger gave no number for {dumb} of {int(known.sum())} records")
    return np.asarray(known)


@dataclass(frozen=True, slots=True)
class _Requests:
    """Records by their request: `order` are their places, those of one request together."""

    order: Places
    starts: Places
    sizes: Places

    @classmethod
    def of(cls, names: NDArray[np.str_]) -> _Requests | None:
        """None where each request has one record."""
        _, request, sizes = np.unique(names, return_inverse=True, return_counts=True)
        if sizes.size == names.size:
            return None
        return cls(np.argsort(request, kind="stable"), np.cumsum(sizes) - sizes, sizes)

    def added(self, values: Floats) -> Floats:
        """The sum of each request's records."""
        return np.asarray(np.add.reduceat(values[self.order], self.starts))


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a metric takes of the records of each request; all of shape (requests,)."""

    records: Floats
    absolute: Floats
    squared: Floats
    labels: Floats
    labels_squared: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, residuals: Floats, labels: Floats, requests: _Requests) -> _Sums:
        ordered = labels[requests.order]
        return cls(
            requests.sizes.astype(np.float64),
            requests.added(np.abs(residuals)),
            requests.added(np.square(residuals)),
            requests.added(labels),
            requests.added(np.square(labels)),
            np.minimum.reduceat(ordered, requests.starts),
            np.maximum.reduceat(ordered, requests.starts),
        )


def _rmse_of(sums: _Sums, drawn: Places) -> Floats:
    return np.asarray(np.sqrt(_mean(sums.squared, sums, drawn)))


def _mae_of(sums: _Sums, drawn: Places) -> Floats:
    return _mean(sums.absolute, sums, drawn)


def _r2_of(sums: _Sums, drawn: Places) -> Floats:
    spread = _mean(sums.labels_squared, sums, drawn) - np.square(_mean(sums.labels, sums, drawn))
    differ = sums.highest[drawn].max(axis=-1) > sums.lowest[drawn].min(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(np.where(differ, 1.0 - _mean(sums.squared, sums, drawn) / spread, np.nan))


def _mean(added: Floats, sums: _Sums, drawn: Places) -> Floats:
    return np.asarray(added[drawn].sum(axis=-1) / sums.records[drawn].sum(axis=-1))


_OF_REQUESTS: Final[dict[str, Callable[[_Sums, Places], Floats]]] = {
    "rmse": _rmse_of,
    "mae": _mae_of,
    "r2": _r2_of,
}
"""The same metrics of requests that were drawn whole, by what their records add up to."""


def _interval(
    metric: str,
    labels: Floats,
    one: Floats,
    other: Floats,
    requests: _Requests | None,
    seed: int,
    coverage: float,
) -> tuple[float, float]:
    size = labels.size if requests is None else requests.sizes.size
    if size < 2:
        return -np.inf, np.inf
    count = resamples(coverage)
    measure = MEASURES[metric]
    differences = (
        _resampled(measure, labels, one, other, seed, count)
        if requests is None
        else _resampled_whole(metric, labels, one, other, requests, seed, count)
    )
    return widened(differences, float(measure(other, labels) - measure(one, labels)), size, coverage)


def resamples(coverage: float) -> int:
    """How many resamples an interval of this coverage takes."""
    return max(RESAMPLES, int(np.ceil(_BEYOND / ((1 - coverage) / 2))))


def widened(
    differences: Floats, middle: float, size: float, coverage: float = COVERAGE
) -> tuple[float, float]:
    """The percentiles of resampled `differences`, drawn apart about what was measured, the `middle`.

    A bootstrap mean varies by (n - 1)/n of what means of n = `size` do, and few records show little of the
    tails, so that plain percentiles let more ties win than they say. So each end is moved away as Student's t
    is wider than the normal: after Hesterberg's expanded percentiles (What Teachers Should Know About the
    Bootstrap, The American Statistician 69, 2015), by distance where he takes a further percentile.
    """
    tail = (1 - coverage) / 2
    low, high = np.nanquantile(differences, [tail, 1 - tail])
    wider = stdtrit(size - 1, 1 - tail) / ndtri(1 - tail) * np.sqrt(size / (size - 1))
    return middle - float((middle - low) * wider), middle + float((high - middle) * wider)


def _resampled(
    measure: Callable[[Floats, Floats], Floats],
    labels: Floats,
    one: Floats,
    other: Floats,
    seed: int,
    count: int,
) -> Floats:
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // labels.size)
    found = []
    for done in range(0, count, step):
        drawn = generator.integers(0, labels.size, (min(step, count - done), labels.size))
        truth = labels[drawn]
        found.append(measure(other[drawn], truth) - measure(one[drawn], truth))
    return np.concatenate(found)


def _resampled_whole(
    metric: str,
    labels: Floats,
    one: Floats,
    other: Floats,
    requests: _Requests,
    seed: int,
    count: int,
) -> Floats:
    """The same, of requests with all of their records."""
    measure = _OF_REQUESTS[metric]
    ours, theirs = (_Sums.of(residuals, labels, requests) for residuals in (other, one))
    generator = np.random.default_rng(seed)
    size = requests.sizes.size
    step = max(1, _CELLS // size)
    found = []
    for done in range(0, count, step):
        drawn = generator.integers(0, size, (min(step, count - done), size))
        found.append(measure(ours, drawn) - measure(theirs, drawn))
    return np.concatenate(found)


def verdict(
    fresh: Sequence[Trial],
    test: Sequence[Trial],
    accept: Condition,
    margin: float,
    wanted: int,
    count: int,
) -> tuple[Judgement, str]:
    """Whether the challenger takes the champion's place, and why, in a sentence.

    `fresh` are the trials on the freshest labelled window, one for each of `metrics_of(accept)`, `test` those
    on the original test set, which are told and decide nothing but where `accept` asks for them, as in
    ``rmse(test) < 1.25 * champion``: the world may have changed. With fewer than `wanted` of `count` labelled
    records it waits. It wins only where `accept` holds, each metric read with the interval of the paired
    difference, and the whole interval of the first metric's difference lies beyond `margin` (a share of the
    champion's value). A tie keeps the champion.
    """
    if not fresh or count < wanted:
        return Judgement.WAITING, f"{count} labelled records to judge by, and {wanted} are wanted."
    tried = {(trial.metric, trial.dataset): trial for trial in (*fresh, *test)}
    outcome = evaluate(accept, lambda metric, dataset: _reading(tried.get((metric, dataset or FRESH))))
    leading = tried.get((metrics_of(accept)[0], FRESH), fresh[0])
    told = f"{compared(leading)}{_on_test(leading.metric, test)}"
    if not beyond(leading, margin):
        asked = f" by more than {margin:.3g} of the champion's {leading.metric}" if margin else ""
        return Judgement.LOST, f"The challenger is not shown to be better{asked}: {told}."
    if outcome.truth is not Truth.TRUE:
        return Judgement.LOST, f"The challenger does not meet {accept}: {outcome.words}; {told}."
    return Judgement.WON, f"The challenger is better: {told}."


def _reading(trial: Trial | None) -> Reading | None:
    """The challenger's metric, with the interval that it has against a champion who stays where it is."""
    if trial is None:
        return None
    level = trial.champion
    return Reading(trial.challenger, level + trial.low, level + trial.high, champion=level)


def beyond(trial: Trial, margin: float) -> bool:
    """Whether the whole interval is better than the champion by more than a part of its metric."""
    needed = margin * abs(trial.champion)
    return trial.high < -needed if trial.metric in LOWER_IS_BETTER else trial.low > needed


def compared(trial: Trial) -> str:
    """A trial's numbers, in words."""
    told = (
        f"{trial.metric} {trial.challenger:.3f} against {trial.champion:.3f}, "
        f"a difference of {trial.difference:+.3f}"
    )
    if not np.isfinite([trial.low, trial.high]).all():
        return f"{told} on {trial.count} records, too few of which tell the two apart"
    return f"{told} ({trial.low:+.3f} to {trial.high:+.3f}) on {trial.count} records"


def _on_test(metric: str, test: Sequence[Trial]) -> str:
    found = next((trial for trial in test if trial.metric == metric), None)
    if found is None:
        return ""
    worse = found.low > 0 if metric in LOWER_IS_BETTER else found.high < 0
    word = "worse" if worse else "better" if beyond(found, 0.0) else "no different"
    return f"; on the original test set it is {word}, {found.challenger:.3f} against {found.champion:.3f}"
