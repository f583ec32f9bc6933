"""Every metric of a model with its spread: what a model-quality statistics.json tells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from baselines.quality import counts, curves
from baselines.quality.counts import Counts
from baselines.quality.curves import Curve
from baselines.quality.pairs import Choices, Numbers, Pairs
from baselines.quality.residuals import REGRESSION
from config.problem import ProblemType

SAMPLES: Final = 5
SHARE: Final = 0.8
FEWEST: Final = 200
"""Records below which a spread says nothing, and is NaN."""
CURVE_POINTS: Final = 1000
"""The most points of a curve that are kept; the area under it is that of all."""
BEST_CONSTANT: Final = "_best_constant_classifier"

# Where a file of Model Monitor's has what, as the documentation prints it.
_BINARY_FIRST = ("recall", "precision", "accuracy")
_BINARY_RATES = ("true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate")
_BINARY_LAST = ("f0_5", "f1", "f2")


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value and its standard deviation; NaN where it can't be told."""

    value: float
    standard_deviation: float = math.nan


@dataclass(frozen=True, slots=True)
class Quality:
    """What a model answered against what was right, in the order of Model Monitor's files.

    `confusion` is [labelled][answered] by the classes' names. `roc` has false and true positive rates,
    `precision_recall` recalls and precisions; None where there are no probabilities.
    """

    problem: ProblemType
    metrics: Mapping[str, Measured]
    confusion: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    roc: Curve | None = None
    precision_recall: Curve | None = None


def measure(pairs: Pairs, problem: ProblemType, *, seed: int = 0) -> Quality:
    """Every metric of the problem type.

    Standard deviations are of SAMPLES random samples of SHARE of the records, drawn without replacement and
    reproducible by `seed`: the spreads in printed outputs of Model Monitor are those of such samples (with
    replacement they would be twice as large), nearer to the population's formula than to the sample's.
    """
    values = dict(_values(pairs, problem))
    sampled = list(_sampled(pairs, problem, seed)) if pairs.size >= FEWEST else []
    metrics = {
        name: Measured(value, _deviation([each[name] for each in sampled])) for name, value in values.items()
    }
    if isinstance(pairs, Numbers):
        return Quality(problem, metrics)
    counted = None if pairs.scores is None else curves.tally(pairs.scores, pairs.labels)
    return Quality(
        problem,
        metrics,
        _named(pairs),
        None if counted is None else curves.thinned(curves.roc(counted), CURVE_POINTS),
        None if counted is None else curves.thinned(curves.precision_recall(counted), CURVE_POINTS),
    )


def _sampled(pairs: Pairs, problem: ProblemType, seed: int) -> Iterator[dict[str, float]]:
    generator = np.random.default_rng(seed)
    for _ in range(SAMPLES):
        drawn = generator.permutation(pairs.size)[: round(SHARE * pairs.size)]
        yield dict(_values(pairs.at(drawn), problem))


def _deviation(values: list[float]) -> float:
    return float(np.std(values)) if values else math.nan


def _values(pairs: Pairs, problem: ProblemType) -> Iterator[tuple[str, float]]:
    if isinstance(pairs, Numbers):
        for name, of in REGRESSION.items():
            residuals = pairs.predictions - pairs.labels
            yield name, float(of(residuals, pairs.labels)) if pairs.size else math.nan
        return
    counted = counts.counts_of(pairs)
    if problem is ProblemType.BINARY_CLASSIFICATION:
        yield from _of_two(pairs, counted)
        return
    yield from _each(counted, tuple(counts.MULTICLASS))
    yield from _constant(counted, tuple(counts.MULTICLASS))


def _of_two(pairs: Choices, counted: Counts) -> Iterator[tuple[str, float]]:
    yield from _each(counted, _BINARY_FIRST)
    yield from _constant(counted, _BINARY_FIRST)
    yield from _each(counted, _BINARY_RATES)
    if pairs.scores is not None:
        yield "auc", float(curves.auc(curves.tally(pairs.scores, pairs.labels)))
    yield from _each(counted, _BINARY_LAST)
    yield from _constant(counted, _BINARY_LAST)


def _each(counted: Counts, names: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    known = counts.BINARY | counts.MULTICLASS
    for name in names:
        yield name, float(known[name](counted))


def _constant(counted: Counts, names: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if counted.labelled.size:
        constant = counted.constant()
        for name, value in _each(constant, names):
            yield f"{name}{BEST_CONSTANT}", value


def _named(pairs: Choices) -> dict[str, dict[str, float]]:
    matrix = counts.confusion(pairs)
    return {
        name: dict(zip(pairs.names, map(int, row), strict=True))
        for name, row in zip(pairs.names, matrix, strict=True)
    }
