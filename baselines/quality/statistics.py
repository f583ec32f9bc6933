"""Model Monitor's model-quality statistics.json, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from baselines.fields import Fields, FieldsError, told_of
from baselines.jackson import Json, render
from baselines.quality.curves import Curve
from baselines.quality.measures import Measured, Quality
from baselines.quality.problem import QualityError
from config.problem import ProblemType

_CONFUSION = "confusion_matrix"
_ROC = "receiver_operating_characteristic_curve"
_ROC_AXES = ("false_positive_rates", "true_positive_rates")
_PRECISION_RECALL = "precision_recall_curve"
_PRECISION_RECALL_AXES = ("recalls", "precisions")
# before which metric the pictures of two classes stand
_BEFORE = {"auc", "f0_5"}


@dataclass(frozen=True, slots=True)
class QualityStatistics:
    """The file: the quality, of how many records, and when it was evaluated (UTC).

    Files that were taken apart for a model card have neither `version` nor `item_count`.
    """

    quality: Quality
    item_count: int | None
    evaluation_time: datetime | None = None
    version: float | None = 0.0

    @property
    def cloudwatch(self) -> dict[str, float]:
        """The metrics that Model Monitor sends to CloudWatch, by name; what is no number is not sent."""
        return {name: each.value for name, each in self.quality.metrics.items() if np.isfinite(each.value)}


def write(statistics: QualityStatistics) -> str:
    """The file's text, in Model Monitor's layout."""
    document: dict[str, Json] = {} if statistics.version is None else {"version": statistics.version}
    if statistics.item_count is not None:
        about: dict[str, Json] = {"item_count": statistics.item_count}
        if statistics.evaluation_time is not None:
            about["evaluation_time"] = _time_text(statistics.evaluation_time)
        document["dataset"] = about
    document[_metrics_key(statistics.quality.problem)] = _metrics_json(statistics.quality)
    return render(document)


def _time_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _metrics_json(quality: Quality) -> Json:
    found: dict[str, Json] = {_CONFUSION: quality.confusion} if quality.confusion else {}
    pictures: dict[str, Json] = {}
    if quality.roc is not None:
        pictures[_ROC] = _curve_json(quality.roc, _ROC_AXES)
    if quality.precision_recall is not None:
        axes = quality.precision_recall
        pictures[_PRECISION_RECALL] = _curve_json(Curve(axes.y, axes.x), _PRECISION_RECALL_AXES[::-1])
    for name, each in quality.metrics.items():
        if name in _BEFORE:
            found |= pictures
        found[name] = {"value": each.value, "standard_deviation": each.standard_deviation}
    return found | pictures


def _curve_json(curve: Curve, names: tuple[str, str]) -> Json:
    return {names[0]: [float(x) for x in curve.x], names[1]: [float(y) for y in curve.y]}


def read(text: str | bytes, where: str) -> QualityStatistics:
    """The statistics of a file; `where` names it in errors. Raises QualityError."""
    with told_of(where, "statistics.json", "model-quality", QualityError):
        return _statistics(Fields.parsed(text))


def _metrics_key(problem: ProblemType) -> str:
    """Where the file has the metrics."""
    return f"{problem}_metrics"


def _statistics(document: Fields) -> QualityStatistics:
    problem = next((each for each in ProblemType if document.has(_metrics_key(each))), None)
    if problem is None:
        raise FieldsError(f"it has none of {', '.join(map(_metrics_key, ProblemType))}")
    about = document.optional("dataset")
    return QualityStatistics(
        quality=_quality(document.inner(_metrics_key(problem)), problem),
        item_count=about.integer("item_count") if about and about.has("item_count") else None,
        evaluation_time=_time(about) if about and about.has("evaluation_time") else None,
        version=document.number("version") if document.has("version") else None,
    )


def _time(about: Fields) -> datetime:
    try:
        at = datetime.fromisoformat(about.text("evaluation_time"))
    except ValueError:
        raise FieldsError(f"{about.at('evaluation_time')} must be a time in ISO 8601") from None
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def _quality(entry: Fields, problem: ProblemType) -> Quality:
    shapes = (_CONFUSION, _ROC, _PRECISION_RECALL)
    return Quality(
        problem=problem,
        metrics={name: _measured(entry.inner(name)) for name in entry.values if name not in shapes},
        confusion=_confusion(entry.inner(_CONFUSION)) if entry.has(_CONFUSION) else {},
        roc=_curve(entry.inner(_ROC), _ROC_AXES) if entry.has(_ROC) else None,
        precision_recall=(
            _curve(entry.inner(_PRECISION_RECALL), _PRECISION_RECALL_AXES)
            if entry.has(_PRECISION_RECALL)
            else None
        ),
    )


def _measured(entry: Fields) -> Measured:
    deviation = entry.number("standard_deviation") if entry.has("standard_deviation") else float("nan")
    return Measured(entry.number("value"), deviation)


def _confusion(entry: Fields) -> dict[str, dict[str, float]]:
    return {
        name: {other: entry.inner(name).integer(other) for other in entry.inner(name).values}
        for name in entry.values
    }


def _curve(entry: Fields, axes: tuple[str, str]) -> Curve:
    x, y = (np.asarray(entry.numbers(name), np.float64) for name in axes)
    if x.size != y.size:
        raise FieldsError(f"{entry.at(axes[0])} and {entry.at(axes[1])} must be lists of the same length")
    return Curve(x, y)
