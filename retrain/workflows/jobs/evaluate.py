"""The evaluation job: scores what Kedge asks for, and measures both models on the same held-out records."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from baselines.quality import statistics as quality_file
from baselines.quality.analysis import analyze
from baselines.quality.problem import QualityError
from config.problem import ProblemType
from retrain.judging import MEASURES
from retrain.workflows.jobs.container import main, optional_file, require_environment, the_file, trainer
from retrain.workflows.steps import SCORE_ERROR, StepError, Trainer, predictions_csv, table

LABEL: Final = "KEDGE_LABEL"
OUTPUT: Final = "KEDGE_OUTPUT_URI"
_METRIC: Final = "rmse"


def evaluate(root: Path) -> None:
    """Leave ``predictions/*.csv``, ``evaluation/evaluation.json`` and ``evaluation/baseline.csv``.

    evaluation.json is Model Monitor's model-quality statistics of the challenger on the held-out records,
    with the rmse of both models there (``comparison``) and the addresses that the predictions will have
    (``predictions``). baseline.csv is the challenger's answers to these records and their labels, from which
    Model Monitor, and `kedge baseline create`, make a model-quality baseline.

    Raises:
        StepError: where an input is missing, a model gives no finite number, or there are no labels.
    """
    inputs, outputs = root / "processing" / "input", root / "processing" / "output"
    label, uri, by = require_environment(LABEL), require_environment(OUTPUT).rstrip("/"), trainer()
    challenger = the_file(inputs / "model").read_bytes()
    found = optional_file(inputs / "champion")
    champion = found.read_bytes() if found else None
    asked: dict[str, tuple[bytes | None, Path | None]] = {
        "fresh": (challenger, the_file(inputs / "fresh")),
        "captured": (challenger, the_file(inputs / "captured")),
        "test": (challenger, optional_file(inputs / "test")),
        "champion_test": (champion, optional_file(inputs / "test")),
    }
    addresses: dict[str, str | None] = {}
    for name, (archive, data) in asked.items():
        addresses[name] = None
        if archive is not None and data is not None:
            _put(outputs / "predictions" / f"{name}.csv", _scored(by, archive, data))
            addresses[name] = f"{uri}/predictions/{name}.csv"
    held_out = the_file(inputs / "held_out")
    frame = _beside_labels(_scored(by, challenger, held_out), held_out, label)
    theirs = _beside_labels(_scored(by, champion, held_out), held_out, label) if champion else None
    evaluation = _quality(frame) | {
        "comparison": {
            "metric": _METRIC,
            "challenger": _measured(frame),
            "champion": None if theirs is None else _measured(theirs),
            "count": frame.height,
        },
        "predictions": addresses,
    }
    _put(outputs / "evaluation" / "evaluation.json", json.dumps(evaluation).encode())
    _put(outputs / "evaluation" / "baseline.csv", frame.write_csv().encode())


def _scored(by: Trainer, archive: bytes, data: Path) -> bytes:
    return predictions_csv(by, archive, data.read_bytes(), data.name)


def _beside_labels(predictions: bytes, data: Path, label: str) -> pl.DataFrame:
    """The columns prediction and label of the records that have a label."""
    rows = table(data.read_bytes(), data.name)
    if label not in rows.columns:
        raise StepError(SCORE_ERROR, f"{data.name} has no column {label!r}, the label's")
    scored = pl.read_csv(io.BytesIO(predictions), infer_schema=False)
    answers = scored.to_series(0).cast(pl.Float64, strict=False).alias("prediction")
    if answers.null_count() or scored.columns != ["prediction"]:
        told = f"this job measures {_METRIC}, of numbers, and the model answers classes: hand it to a worker"
        raise StepError(SCORE_ERROR, told)
    truth = rows[label].cast(pl.Float64, strict=False).alias("label")
    both = pl.DataFrame([answers, truth])
    return both.filter(pl.col("label").is_finite())


def _measured(frame: pl.DataFrame) -> float:
    truth = frame["label"].to_numpy()
    value = float(MEASURES[_METRIC](frame["prediction"].to_numpy() - truth, truth - truth.mean()))
    if not np.isfinite(value):
        raise StepError(SCORE_ERROR, f"{_METRIC} of {frame.height} held-out records is no number")
    return value


def _quality(frame: pl.DataFrame) -> dict[str, Any]:
    try:
        written = quality_file.write(analyze(frame, ProblemType.REGRESSION).statistics)
    except QualityError as error:
        raise StepError(SCORE_ERROR, str(error)) from error
    found: dict[str, Any] = json.loads(written)
    return found


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    main(evaluate)
