"""Model Monitor's model-quality constraints.json: what a model's metrics must not fall below or exceed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from baselines.fields import Fields, FieldsError, told_of
from baselines.jackson import Json, render
from baselines.quality.measures import Quality
from baselines.quality.problem import QualityError
from config.problem import ProblemType


class Operator(StrEnum):
    """Which side of its threshold a metric is bad on."""

    LESS_THAN = "LessThanThreshold"
    GREATER_THAN = "GreaterThanThreshold"

    def is_bad(self, value: float, threshold: float) -> bool:
        """Whether a value lies strictly beyond the threshold; NaN never does."""
        return value < threshold if self is Operator.LESS_THAN else value > threshold


_LESS, _GREATER = Operator.LESS_THAN, Operator.GREATER_THAN
OPERATORS: Final[dict[ProblemType, dict[str, Operator]]] = {
    ProblemType.REGRESSION: {"mae": _GREATER, "mse": _GREATER, "rmse": _GREATER, "r2": _LESS},
    ProblemType.BINARY_CLASSIFICATION: {
        "recall": _LESS,
        "precision": _LESS,
        "accuracy": _LESS,
        "true_positive_rate": _LESS,
        "true_negative_rate": _LESS,
        "false_positive_rate": _GREATER,
        "false_negative_rate": _GREATER,
        "auc": _LESS,
        "f0_5": _LESS,
        "f1": _LESS,
        "f2": _LESS,
    },
    ProblemType.MULTICLASS_CLASSIFICATION: dict.fromkeys(
        (
            "accuracy",
            "weighted_recall",
            "weighted_precision",
            "weighted_f0_5",
            "weighted_f1",
            "weighted_f2",
        ),
        _LESS,
    ),
}
"""What Model Monitor suggests a constraint on, in the order of its files."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold, and the side of it that is bad."""

    threshold: float
    operator: Operator


@dataclass(frozen=True, slots=True)
class QualityConstraints:
    """The bounds of a model's metrics, by metric."""

    problem: ProblemType
    bounds: Mapping[str, Bound]
    version: float | None = 0.0


def suggest(quality: Quality) -> QualityConstraints:
    """The constraints that a baseline suggests: to be no worse than it. What is no number bounds nothing."""
    values = {name: each.value for name, each in quality.metrics.items()}
    bounds = {
        name: Bound(values[name], operator)
        for name, operator in OPERATORS[quality.problem].items()
        if name in values and np.isfinite(values[name])
    }
    return QualityConstraints(quality.problem, bounds)


def write(constraints: QualityConstraints) -> str:
    """The file's text, in Model Monitor's layout."""
    document: dict[str, Json] = {} if constraints.version is None else {"version": constraints.version}
    document[constraints_key(constraints.problem)] = {
        name: {"threshold": bound.threshold, "comparison_operator": str(bound.operator)}
        for name, bound in constraints.bounds.items()
    }
    return render(document)


def read(text: str | bytes, where: str) -> QualityConstraints:
    """The constraints of a file; `where` names it in errors. Raises QualityError."""
    with told_of(where, "constraints.json", "model-quality", QualityError):
        return _constraints(Fields.parsed(text))


def constraints_key(problem: ProblemType) -> str:
    """Where a constraints.json has the thresholds."""
    return f"{problem}_constraints"


def _constraints(document: Fields) -> QualityConstraints:
    problem = next((each for each in ProblemType if document.has(constraints_key(each))), None)
    if problem is None:
        raise FieldsError(f"it has none of {', '.join(map(constraints_key, ProblemType))}")
    entry = document.inner(constraints_key(problem))
    return QualityConstraints(
        problem=problem,
        bounds={name: _bound(entry.inner(name)) for name in entry.values},
        version=document.number("version") if document.has("version") else None,
    )


def _bound(entry: Fields) -> Bound:
    return Bound(entry.number("threshold"), entry.choice("comparison_operator", Operator))
