"""Realised quality: predictions held against the labels that came for them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from baselines.quality import counts, curves
from baselines.quality.counts import Counts
from baselines.quality.curves import Tally
from baselines.quality.pairs import Choices, Floats
from baselines.quality.residuals import REGRESSION
from config.problem import ProblemType
from store.records import MetricRow

RESAMPLES = 500
COVERAGE = 0.95
MANY = 20_000
"""Pairs above which groups of them are drawn: to draw a million pairs 500 times takes minutes."""
GROUPS = 1000
"""Groups of neighbouring scores that the interval of an area under the curve is drawn by."""
_CELLS = 5_000_000
"""How many resampled values are held at once, so that memory stays flat."""


METRICS: Final = {name: REGRESSION[name] for name in ("mae", "r2", "rmse")}


def regression(predictions: Floats, labels: Floats, seed: int) -> tuple[MetricRow, ...]:
    """Each metric with its percentile bootstrap interval (95 %, 500 resamples, reproducible by `seed`).

    Pairs in which either side is missing are left out. Fewer than two pairs have no interval. Above MANY
    pairs what is drawn is MANY random groups of them, each counted as often as a Poisson variable of mean 1
    says (Chamandy et al., "Estimating uncertainty for massive data streams", 2012): the sums that the metrics
    are made of have the same spread, known to 1 / sqrt(2 MANY) = 0.5 % of itself, at a cost that is bounded.
    """
    known = np.isfinite(predictions) & np.isfinite(labels)
    if not known.any():
        return ()
    with np.errstate(over="ignore", invalid="ignore"):  # a metric beyond what a double holds is None
        return _measured(predictions[known] - labels[known], labels[known], seed)


def classification(choices: Choices, problem: ProblemType, seed: int) -> tuple[MetricRow, ...]:
    """Each metric of classes, in the order of names, with an interval as `regression` has it.

    To draw records is to draw how often each pair of label and answer occurs, which is multinomial: so it is
    drawn, and many records cost no more than few. The area under the curve is drawn by the scores, of which
    at most GROUPS groups of neighbours are kept apart.
    """
    if not choices.size:
        return ()
    metrics = counts.BINARY if problem is ProblemType.BINARY_CLASSIFICATION else counts.MULTICLASS
    generator, whole = np.random.default_rng(seed), counts.counts_of(choices)
    values = {name: np.asarray(metric(whole)) for name, metric in metrics.items()}
    drawn = _drawn_counts(choices, generator) if choices.size > 1 else None
    resampled = {} if drawn is None else {name: metric(drawn) for name, metric in metrics.items()}
    if choices.scores is not None:
        counted = curves.tally(choices.scores, choices.labels)
        values["auc"] = curves.auc(counted)
        if choices.size > 1:
            resampled["auc"] = curves.auc(_drawn_tally(counted, choices.size, generator))
    return tuple(
        MetricRow(name, _number(values[name]), *_interval(resampled.get(name)), choices.size)
        for name in sorted(values)
    )


def _drawn_counts(choices: Choices, generator: np.random.Generator) -> Counts:
    classes = len(choices.names)
    cells, often = np.unique(choices.labels * classes + choices.predictions, return_counts=True)
    labelled, answered = np.divmod(cells, classes)
    step = max(1, _CELLS // cells.size)

    def summed(by: np.ndarray[tuple[int], np.dtype[np.intp]], rows: NDArray[np.int64]) -> Floats:
        return np.stack([np.bincount(by, weights=row, minlength=classes) for row in rows])

    parts: list[tuple[Floats, Floats, Floats]] = []
    for done in range(0, RESAMPLES, step):
        drawn = generator.multinomial(choices.size, often / choices.size, min(step, RESAMPLES - done))
        hits = drawn * (labelled == answered)
        parts.append((summed(labelled, drawn), summed(answered, drawn), summed(labelled, hits)))
    return Counts(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _drawn_tally(counted: Tally, size: int, generator: np.random.Generator) -> Tally:
    sides = np.stack([counted.positives, counted.negatives])
    if sides.shape[1] > GROUPS:
        starts = np.linspace(0, sides.shape[1], GROUPS, endpoint=False).astype(np.intp)
        sides = np.add.reduceat(sides, starts, axis=1)
    groups = sides.shape[1]
    drawn = generator.multinomial(size, sides.ravel() / size, RESAMPLES).astype(np.float64)
    return Tally(drawn[:, :groups], drawn[:, groups:])


def _measured(residuals: Floats, labels: Floats, seed: int) -> tuple[MetricRow, ...]:
    bootstrap = _bootstrap if labels.size <= MANY else _bootstrap_of_many
    resampled = bootstrap(residuals, labels, seed) if labels.size > 1 else {}
    return tuple(
        MetricRow(name, _number(metric(residuals, labels)), *_interval(resampled.get(name)), int(labels.size))
        for name, metric in METRICS.items()
    )


def _bootstrap(residuals: Floats, labels: Floats, seed: int) -> dict[str, Floats]:
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // labels.size)
    found: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for done in range(0, RESAMPLES, step):
        drawn = generator.integers(0, labels.size, (min(step, RESAMPLES - done), labels.size))
        for name, metric in METRICS.items():
            found[name].append(metric(residuals[drawn], labels[drawn]))
    return {name: np.concatenate(values) for name, values in found.items()}


def _bootstrap_of_many(residuals: Floats, labels: Floats, seed: int) -> dict[str, Floats]:
    """The same three metrics, of weighted sums over random groups of pairs."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(labels.size)
    errors, centred = residuals[order], labels[order] - labels.mean()
    terms = np.stack([np.ones_like(errors), errors**2, np.abs(errors), centred, centred**2])
    starts = np.linspace(0, labels.size, MANY, endpoint=False).astype(np.intp)
    groups = np.add.reduceat(terms, starts, axis=1)
    step = _CELLS // MANY
    weighted = [
        groups @ generator.poisson(1.0, (MANY, min(step, RESAMPLES - done)))
        for done in range(0, RESAMPLES, step)
    ]
    count, squares, distances, first, second = np.concatenate(weighted, axis=1)
    spread = second - first**2 / count
    # what is left of equal labels is the error of rounding, which is seldom exactly 0
    spread = np.where(spread > 1e-9 * second, spread, np.nan)
    return {"mae": distances / count, "r2": 1 - squares / spread, "rmse": np.sqrt(squares / count)}


def _interval(resampled: Floats | None) -> tuple[float | None, float | None]:
    if resampled is None or not np.isfinite(resampled).any():
        return None, None
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail])
    return _number(low), _number(high)


def _number(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
