"""What tells two baselines of a model's quality apart, metric by metric."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from baselines.folder import CONSTRAINTS, STATISTICS, BaselineFiles
from baselines.quality import constraints as constraints_file
from baselines.quality import statistics as statistics_file
from baselines.quality.constraints import Bound, QualityConstraints
from baselines.quality.measures import Measured
from baselines.quality.problem import QualityError
from baselines.quality.statistics import QualityStatistics
from config.problem import ProblemType


@dataclass(frozen=True, slots=True)
class QualityBaseline:
    """The two files of a quality baseline as values, and where they lie."""

    statistics: QualityStatistics
    constraints: QualityConstraints
    source: str


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """A metric in the old baseline and in the new one; None where a file does not have it."""

    name: str
    values: tuple[float | None, float | None]
    bounds: tuple[Bound | None, Bound | None]


@dataclass(frozen=True, slots=True)
class QualityDifference:
    """All metrics that either baseline has, in the order of their files, and of how many records each is."""

    problem: ProblemType
    records: tuple[int | None, int | None]
    metrics: tuple[MetricDifference, ...]


def is_quality(files: BaselineFiles) -> bool:
    """Whether the files are of a model's quality; those of data, and what can't be read, are not."""
    try:
        document = orjson.loads(files.constraints)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and any(
        constraints_file.constraints_key(each) in document for each in ProblemType
    )


def parse(files: BaselineFiles) -> QualityBaseline:
    """The two files as values. Raises QualityError."""
    return QualityBaseline(
        statistics_file.read(files.statistics, f"{files.source}/{STATISTICS}"),
        constraints_file.read(files.constraints, f"{files.source}/{CONSTRAINTS}"),
        files.source,
    )


def difference(old: QualityBaseline, new: QualityBaseline) -> QualityDifference:
    """The two, metric by metric. Raises QualityError where they are of two kinds of model."""
    problem = old.constraints.problem
    if problem is not new.constraints.problem:
        raise QualityError(
            f"{old.source} is of a {problem} and {new.source} of a {new.constraints.problem}: "
            "give two baselines of one kind of model"
        )
    measured, others = old.statistics.quality.metrics, new.statistics.quality.metrics
    bounds, other_bounds = old.constraints.bounds, new.constraints.bounds
    return QualityDifference(
        problem,
        (old.statistics.item_count, new.statistics.item_count),
        tuple(
            MetricDifference(
                name,
                (_value(measured.get(name)), _value(others.get(name))),
                (bounds.get(name), other_bounds.get(name)),
            )
            for name in dict.fromkeys([*measured, *others, *bounds, *other_bounds])
        ),
    )


def _value(measured: Measured | None) -> float | None:
    return None if measured is None else measured.value
