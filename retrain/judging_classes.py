"""Champion or challenger where models answer classes: both on the same labelled records, drawn together.

Every metric of classes is a function of sums over records: how often each class is labelled, answered and
hit, and for the area under the curve how many of each class have a score. So to resample requests is to weigh
their sums by how often each was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
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
    are of the same records in one order, and so are `requests`, of shape (records,). Only requests that the
    two answer differently say anything of the difference, which may be few where there are many records: so
    the interval is widened for as many as there are of those. Where all resamples lack a class that the
    metric is of, nothing is known of the difference.

    Raises:
        JudgingError: where there are no records, or a class that the metric is of is not among them.
    """
    if not champion.size:
        raise JudgingError("no record has both a label and an answer of the champion; wait for labels")
    request = _numbered(requests, champion.size)
    one, other = (_Sums.of(each, metric, request) for each in (champion, challenger))
    theirs, ours = one.whole(), other.whole()
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        raise JudgingError(
            f"{metric} can't be told of these {champion.size} labels: of a class that it is of there is none"
        )
    low, high = _interval(one, other, _differing(champion, challenger, metric, request), seed, coverage)
    return Trial(dataset, metric, theirs, ours, ours - theirs, low, high, champion.size)


def _numbered(requests: NDArray[np.str_] | None, records: int) -> Codes:
    """Each record's request as a number; without names each record is a request."""
    if requests is None:
        return np.arange(records)
    return np.asarray(np.unique(requests, return_inverse=True)[1])


@dataclass(frozen=True, slots=True)
class _Sums:
    """A model's metric of what its requests add up to: `of` has shape (requests, sums)."""

    of_requests: csr_array
    metric: Callable[[Floats], Floats]

    @classmethod
    def of(cls, choices: Choices, metric: str, request: Codes) -> _Sums:
        """Those of a metric; `request` numbers the request of each record."""
        if metric == OF_PROBABILITIES:
            return cls._of_scores(choices, request)
        size, measure = len(choices.names), _MEASURES[metric]
        hit = choices.labels == choices.predictions
        columns = (choices.labels, size + choices.predictions, 2 * size + choices.labels[hit])

        def of_counts(sums: Floats) -> Floats:
            return measure(Counts(*(sums[..., at * size : (at + 1) * size] for at in range(3))))

        return cls(_added((request, request, request[hit]), columns, 3 * size), of_counts)

    @classmethod
    def _of_scores(cls, choices: Choices, request: Codes) -> _Sums:
        if choices.scores is None:
            raise JudgingError(f"{OF_PROBABILITIES} is told by probabilities alone, and there are none")
        different, place = np.unique(-choices.scores, return_inverse=True)
        size = different.size
        columns = np.where(choices.labels == 1, place, size + place)

        def of_tally(sums: Floats) -> Floats:
            return curves.auc(Tally(sums[..., :size], sums[..., size:]))

        return cls(_added((request,), (columns,), 2 * size), of_tally)

    def whole(self) -> float:
        """The metric of all records."""
        return float(self.metric(np.asarray(self.of_requests.sum(axis=0), np.float64)))

    def weighed(self, weights: Floats) -> Floats:
        """The metric of samples in which each request stands so often: (samples, requests) → (samples,)."""
        return self.metric(np.asarray(weights @ self.of_requests))


def _added(rows: tuple[Codes, ...], columns: tuple[Codes, ...], width: int) -> csr_array:
    """How often each column occurs in each row."""
    at = np.concatenate(rows), np.concatenate(columns)
    # the first are of every record, so that no request is missed
    return csr_array((np.ones(at[0].size), at), shape=(int(rows[0].max()) + 1, width))


def _differing(champion: Choices, challenger: Choices, metric: str, request: Codes) -> int:
    """How many requests the two answer differently, as far as the metric sees their answers."""
    if metric == OF_PROBABILITIES and champion.scores is not None and challenger.scores is not None:
        differ = champion.scores != challenger.scores
    else:
        one, other = (np.asarray(each.names)[each.predictions] for each in (champion, challenger))
        differ = one != other
    return int(np.unique(request[differ]).size)


def _interval(one: _Sums, other: _Sums, differing: int, seed: int, coverage: float) -> tuple[float, float]:
    size, sums = one.of_requests.shape[0], max(each.of_requests.shape[1] for each in (one, other))
    if size < 2:
        return -np.inf, np.inf
    generator, count = np.random.default_rng(seed), resamples(coverage)
    step = max(1, _CELLS // max(size, sums))
    found = []
    for done in range(0, count, step):
        rows = min(step, count - done)
        drawn = generator.integers(0, size, (rows, size)) + size * np.arange(rows)[:, np.newaxis]
        weights = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)
        found.append(other.weighed(weights) - one.weighed(weights))
    differences = np.concatenate(found)
    if not np.isfinite(differences).any():
        return -np.inf, np.inf
    return widened(differences, other.whole() - one.whole(), max(differing, 2), coverage)
