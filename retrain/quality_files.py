"""What a challenger achieved where it was judged, in Model Monitor's files: they travel with the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from baselines.quality import constraints, statistics
from baselines.quality.measures import measure
from baselines.quality.pairs import LABEL, PREDICTION, Floats, Numbers
from baselines.quality.statistics import QualityStatistics
from config.problem import ProblemType
from objects import Place

FOLDER = "model_quality"
STATISTICS, CONSTRAINTS, PAIRS = "statistics.json", "constraints.json", "baseline.csv"


@dataclass(frozen=True, slots=True)
class QualityFiles:
    """Model-quality statistics.json and constraints.json, and the predictions and labels they are of.

    `pairs` is CSV with the header ``prediction,label``, as a model-quality baselining job takes it.
    """

    statistics: bytes
    constraints: bytes
    pairs: bytes


def of_regression(predictions: Floats, labels: Floats, at: datetime) -> QualityFiles:
    """The files of a challenger's answers; both arrays have shape (records,) and are finite.

    The constraints say to be no worse than this. `at` is the time of the evaluation: the end of the judging
    window, so that the same records give the same bytes.
    """
    quality = measure(Numbers(predictions, labels), ProblemType.REGRESSION)
    told = QualityStatistics(quality, int(labels.size), at)
    pairs = pl.DataFrame({PREDICTION: predictions, LABEL: labels})
    return QualityFiles(
        statistics.write(told).encode(),
        constraints.write(constraints.suggest(quality)).encode(),
        pairs.write_csv().encode(),
    )


@dataclass(frozen=True, slots=True)
class QualityPlaces:
    """The addresses of the files; `pairs` is None where they were not written."""

    statistics: str
    constraints: str
    pairs: str | None = None


def write(output: Place, run_name: str, files: QualityFiles, *, with_pairs: bool = False) -> QualityPlaces:
    """Put them below ``<output>/<run name>/model_quality/``, the pairs where they are asked for.

    Raises:
        PlaceError: where they can't be written.
    """

    def put(name: str, data: bytes, content_type: str) -> str:
        path = f"{run_name}/{FOLDER}/{name}"
        output.objects.write(output.key(path), data, content_type)
        return f"{output.uri.rstrip('/')}/{path}"

    return QualityPlaces(
        put(STATISTICS, files.statistics, "application/json"),
        put(CONSTRAINTS, files.constraints, "application/json"),
        put(PAIRS, files.pairs, "text/csv") if with_pairs else None,
    )
