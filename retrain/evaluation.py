"""A model's own evaluation, as its workflow left it: metrics, and the records behind them where it has them.

Two shapes of evaluation.json are read: ``{"GroundTruth": [...], "Predictions": [...]}``, from which metrics
are computed here, and ``{"regression_metrics": {"rmse": {"value": ..., "standard_deviation": ...}}}``, whose
standard deviation is that of the residuals and no interval of the metric. A baseline.csv with the header
``prediction,label`` gives the second one its records. Pure: bytes in, values out.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np
import polars as pl

from baselines.quality.pairs import LABEL, PREDICTION, PROBABILITY, Floats, is_read
from config.problem import ProblemType
from retrain.judging import MEASURES, RESAMPLES, paired, widened
from store.retraining import Trial

EVALUATION: Final = "evaluation"
"""The name of the workflows' own evaluations as a data set."""
_CLOSE: Final = 0.01
"""Records whose rmse is further from the stated one than this share are those of something else."""
_CELLS: Final = 2_000_000


class EvaluationError(ValueError):
    """An evaluation that can't be read, in one sentence with its address."""


class Splits(StrEnum):
    """Whether two models were evaluated on the same records."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Records:
    """Labels and predictions, each of shape (records,), in one order."""

    labels: Floats
    predictions: Floats


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model was measured at: metric → value, and the records where they are there."""

    uri: str
    metrics: Mapping[str, float]
    records: Records | None = None


def read(data: bytes, uri: str, problem: ProblemType = ProblemType.REGRESSION) -> Evaluation:
    """An evaluation.json of either shape.

    Of the second one read are ``regression_metrics``, those of classifiers
    (``binary_classification_metrics``) and the same without the outer key, each metric an object with a value
    or a bare number; what is no finite number is left out. The first one is of models that answer numbers.

    Raises:
        EvaluationError: where it is no JSON object, or its ground truth and predictions don't go together.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # the latter of what is nested too deep
        found = None
    if not isinstance(found, dict):
        raise EvaluationError(f"the evaluation {uri} is no JSON object: write regression_metrics there")
    if "GroundTruth" in found and "Predictions" in found:
        if problem is not ProblemType.REGRESSION:
            raise EvaluationError(
                f"the evaluation {uri} has GroundTruth and Predictions, which are read of numbers alone: "
                f"write {problem}_metrics there"
            )
        records = _records(found["GroundTruth"], found["Predictions"], uri)
        return Evaluation(uri, _measured(records), records)
    own = (value for key, value in found.items() if key.endswith("_metrics"))
    nested = found.get(f"{problem}_metrics", next(own, None))
    values = {name: _number(value) for name, value in (nested if isinstance(nested, dict) else found).items()}
    return Evaluation(uri, {name: value for name, value in values.items() if value is not None})


_NUMBERS: Final = {PREDICTION: PREDICTION}


def answers(
    data: bytes,
    uri: str,
    columns: Mapping[str, str] = _NUMBERS,
    problem: ProblemType = ProblemType.REGRESSION,
) -> pl.DataFrame:
    """A baseline.csv: the column label, and for each side of `columns` the one that holds it.

    Numbers are Float64 and classes text; rows that lack a side are left out.

    Raises:
        EvaluationError: where it is no such file, or holds no record.
    """
    wanted = [pl.col(name).alias(side) for side, name in columns.items()]
    try:
        table = pl.read_csv(io.BytesIO(data), infer_schema=False).select(*wanted, LABEL)
    except pl.exceptions.PolarsError as error:
        told = f"{uri} is no CSV with the header {','.join([*columns.values(), LABEL])}"
        raise EvaluationError(f"{told} ({type(error).__name__})") from error
    kept = table.filter(pl.all_horizontal(is_read(side, problem) for side in table.columns))
    if kept.is_empty():
        raise EvaluationError(f"{uri} holds no record with a {' and a '.join([*columns.values(), LABEL])}")
    of_numbers = [name for name in table.columns if problem is ProblemType.REGRESSION or name == PROBABILITY]
    return kept.with_columns(pl.col(of_numbers).cast(pl.Float64))


def records_of(answers: pl.DataFrame) -> Records:
    """The records behind an evaluation of numbers: `answers` as they were read."""
    return Records(answers[LABEL].to_numpy(), answers[PREDICTION].to_numpy())


def with_records(evaluation: Evaluation, records: Records) -> Evaluation:
    """The evaluation with the records behind it, unless it has some, or they give another rmse."""
    if evaluation.records is not None:
        return evaluation
    measured, stated = _measured(records), evaluation.metrics.get("rmse")
    found = measured.get("rmse")
    if found is None or (stated is not None and abs(found - stated) > _CLOSE * abs(stated)):
        return evaluation
    return replace(evaluation, metrics={**measured, **evaluation.metrics}, records=records)


def splits(champion: Evaluation, challenger: Evaluation) -> Splits:
    """Whether both were measured on the same records, as their labels tell (in any order)."""
    if champion.records is None or challenger.records is None:
        return Splits.UNKNOWN
    one, other = (np.sort(each.records.labels) for each in (champion, challenger) if each.records)
    return Splits.SAME if np.array_equal(one, other) else Splits.DIFFERENT


def compare(champion: Evaluation, challenger: Evaluation, metric: str, seed: int = 0) -> Trial | None:
    """Both by one metric; None where one of them has it not.

    On the same records in the same order the difference is paired (`judging.paired`). On different ones each
    side is resampled by itself: the percentiles of 1000 differences, drawn apart as Student's t is wider than
    the normal. Without records the interval is the difference itself and the count 0: nobody knows how far
    it can be trusted.
    """
    one, other = champion.metrics.get(metric), challenger.metrics.get(metric)
    if one is None or other is None:
        return None
    ours, theirs = challenger.records, champion.records
    if ours is None or theirs is None:
        return Trial(EVALUATION, metric, one, other, other - one, other - one, other - one, 0)
    if np.array_equal(ours.labels, theirs.labels):
        return paired(ours.labels, theirs.predictions, ours.predictions, metric, seed, EVALUATION)
    count = min(ours.labels.size, theirs.labels.size)
    low, high = _apart(theirs, ours, metric, seed)
    return Trial(EVALUATION, metric, one, other, other - one, low, high, count)


def _apart(champion: Records, challenger: Records, metric: str, seed: int) -> tuple[float, float]:
    size = min(champion.labels.size, challenger.labels.size)
    if size < 2:
        return -np.inf, np.inf
    generator = np.random.default_rng(seed)
    drawn = _resampled(challenger, metric, generator) - _resampled(champion, metric, generator)
    middle = _measured(challenger)[metric] - _measured(champion)[metric]
    return widened(drawn, middle, size)


def _resampled(records: Records, metric: str, generator: np.random.Generator) -> Floats:
    measure, labels = MEASURES[metric], records.labels - records.labels.mean()
    residuals = records.predictions - records.labels
    step = max(1, _CELLS // labels.size)
    found = []
    for done in range(0, RESAMPLES, step):
        drawn = generator.integers(0, labels.size, (min(step, RESAMPLES - done), labels.size))
        found.append(measure(residuals[drawn], labels[drawn]))
    return np.concatenate(found)


def _records(truth: Any, predictions: Any, uri: str) -> Records:  # noqa: ANN401 (JSON)
    """The two lists, of numbers or of lists of one number as networks answer."""
    told = f"GroundTruth and Predictions of {uri} are no two lists of equally many finite numbers"
    try:
        labels, answered = (np.asarray(each, dtype=np.float64).reshape(-1) for each in (truth, predictions))
    except (ValueError, TypeError, OverflowError) as error:
        raise EvaluationError(told) from error
    if not labels.size or labels.size != answered.size:
        raise EvaluationError(told)
    if not (np.isfinite(labels).all() and np.isfinite(answered).all()):
        raise EvaluationError(told)
    return Records(labels, answered)


def _measured(records: Records) -> dict[str, float]:
    labels = records.labels - records.labels.mean()
    residuals = records.predictions - records.labels
    values = {name: float(measure(residuals, labels)) for name, measure in MEASURES.items()}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _number(value: object) -> float | None:
    inner = value.get("value") if isinstance(value, dict) else value
    if isinstance(inner, bool) or not isinstance(inner, int | float):
        return None
    try:
        return float(inner) if math.isfinite(inner) else None
    except OverflowError:  # a whole number that no double holds
        return None
