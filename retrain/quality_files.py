"""What a challenger achieved where it was judged, in Model Monitor's files: they travel with the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from baselines.quality import analysis
from baselines.quality.analysis import analyze
from baselines.quality.pairs import LABEL
from config.model import Endpoint
from monitor.capture.answers import answer_columns, column_in_file
from objects import Place

FOLDER = "model_quality"
STATISTICS, CONSTRAINTS, PAIRS = "statistics.json", "constraints.json", "baseline.csv"


@dataclass(frozen=True, slots=True)
class QualityFiles:
    """Model-quality statistics.json and constraints.json, and the answers and labels they are of.

    `pairs` is CSV with the header ``prediction,label``, as a model-quality baselining job takes it; of two
    classes it has a ``probability`` too, or instead of the prediction.
    """

    statistics: bytes
    constraints: bytes
    pairs: bytes


def of_answers(sides: pl.DataFrame, endpoint: Endpoint, at: datetime) -> QualityFiles:
    """The files of a challenger's answers, beside their labels, as `monitor.capture.answers` has both.

    The constraints say to be no worse than this. `at` is the time of the evaluation: the end of the judging
    window, so that the same records give the same bytes.

    Raises:
        QualityError: where no record has both, or classes don't fit the kind of model.
    """
    found = analyze(
        sides,
        endpoint.problem,
        threshold=endpoint.probability_threshold,
        positive=endpoint.positive_class,
        evaluation_time=at,
    ).files()
    named = {side: column_in_file(side, endpoint) for side in answer_columns(endpoint)}
    ordered = sides.select(pl.col(side).alias(name) for side, name in (named | {LABEL: LABEL}).items())
    return QualityFiles(
        found[analysis.STATISTICS].encode(),
        found[analysis.CONSTRAINTS].encode(),
        ordered.write_csv().encode(),
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
