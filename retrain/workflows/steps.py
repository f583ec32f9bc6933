"""The two steps of the shipped workflow, from a message to the files they leave and the answer they give."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import polars as pl

from objects import PlaceError, PlaceProblem, S3Client, S3Objects

BAD_INPUT: Final = "BadInput"
WORKER_ERROR: Final = "WorkerError"
TRAIN_ERROR: Final = "TrainError"
SCORE_ERROR: Final = "ScoreError"
_PLURALS: Final = {"prediction": "predictions", "probability": "probabilities"}
_ABSENT = {PlaceProblem.NO_KEY, PlaceProblem.NO_BUCKET, PlaceProblem.BAD_URI}


@dataclass(frozen=True, slots=True)
class Trained:
    """A model: its archive (model.tar.gz), the image that serves it, SageMaker's evaluation.json."""

    archive: bytes
    image: str
    evaluation: dict[str, Any]


Scores = Sequence[float] | Sequence[str] | Mapping[str, Sequence[float] | Sequence[str]]
"""Numbers, or names of classes; or columns of them: "prediction", and "probability" where there is one."""


class TrainerError(Exception):
    """A trainer's own failure, in one sentence that holds none of the data; it is told as it is."""


class Trainer(Protocol):
    """What trains and scores. Any exception is a failure; a `TrainerError`'s sentence is passed on."""

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        """A model of column `label` by columns `features`; the same `seed_of` gives the same model."""

    def score(self, archive: bytes, csv: bytes) -> Scores:
        """The archive's predictions for the rows of a CSV with a header, in their order."""


class StepError(Exception):
    """A step that failed: `name` for the state machine's Catch, one sentence for people."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def do_step(trainer: Trainer, s3: S3Client, message: dict[str, Any]) -> dict[str, Any]:
    """Do what the message asks for and give what the state machine gets for it.

    Raises:
        StepError: BadInput, TrainError or ScoreError.
    """
    match message.get("step"):
        case "train":
            return _train(trainer, s3, message)
        case "score":
            return _score(trainer, s3, message)
        case step:
            raise StepError(BAD_INPUT, f"there is no step {step!r}: see that the worker is of this version")


def do_all(trainer: Trainer, s3: S3Client, given: dict[str, Any]) -> dict[str, Any]:
    """Both steps on a run's whole input, one after the other; gives the run's output.

    Raises:
        StepError: BadInput, TrainError or ScoreError.
    """
    with _shape():
        train = {name: given[name] for name in ("run", "training", "output")}
        score = {name: given[name] for name in ("run", "score", "champion", "output")}
    trained = do_step(trainer, s3, {"step": "train"} | train)
    scored = do_step(trainer, s3, {"step": "score", "model_data": trained["model_data"]} | score)
    return trained | scored


def _train(trainer: Trainer, s3: S3Client, message: dict[str, Any]) -> dict[str, Any]:
    with _shape():
        run, output = str(message["run"]), str(message["output"])
        training = message["training"]
        data, label, features = str(training["data"]), str(training["label"]), list(training["features"])
    trained = trained_on(trainer, _read(s3, data, TRAIN_ERROR), data, label, features, run)
    evaluation = json.dumps(trained.evaluation).encode()
    return {
        "model_data": _write(s3, f"{output}/model.tar.gz", trained.archive, "application/gzip", TRAIN_ERROR),
        "image": trained.image,
        "evaluation": _write(s3, f"{output}/evaluation.json", evaluation, "application/json", TRAIN_ERROR),
    }


def trained_on(
    trainer: Trainer, csv: bytes, where: str, label: str, features: list[str], seed_of: str
) -> Trained:
    """What the trainer makes of a training set whose columns are there; `where` names it in errors.

    Raises:
        StepError: BadInput or TrainError.
    """
    _require_columns(csv, where, [label, *features])
    with _trainers_faults(TRAIN_ERROR):
        trained = trainer.train(csv, label, features, seed_of)
        evaluation = json.loads(json.dumps(trained.evaluation))  # what is no JSON is the trainer's fault too
        return Trained(bytes(trained.archive), str(trained.image), evaluation)


def _score(trainer: Trainer, s3: S3Client, message: dict[str, Any]) -> dict[str, Any]:
    with _shape():
        output, score = str(message["output"]), message["score"]
        champion = (message["champion"] or {}).get("model_data")
        tests = {"test": message["model_data"], "champion_test": champion} if score.get("test") else {}
        asked = {
            "fresh": (message["model_data"], score["fresh"]),
            "captured": (message["model_data"], score["captured"]),
        } | {name: (model, score["test"]) for name, model in tests.items() if model}
    predicted = {
        name: _write(
            s3, f"{output}/predictions/{name}.csv", _predictions(trainer, s3, *of), "text/csv", SCORE_ERROR
        )
        for name, of in asked.items()
    }
    return {"predictions": {"test": None, "champion_test": None} | predicted}


def _predictions(trainer: Trainer, s3: S3Client, model: str, data: str) -> bytes:
    csv = _read(s3, data, SCORE_ERROR)
    table(csv, data)  # what can't be read is told before a model is fetched for it
    return predictions_csv(trainer, _read(s3, model, SCORE_ERROR), csv, data)


def predictions_csv(trainer: Trainer, archive: bytes, csv: bytes, where: str) -> bytes:
    """A CSV with the column `prediction`: the archive's answers to the rows of `csv`, which `where` names.

    Of a classifier that gives them it has the column `probability` too.

    Raises:
        StepError: BadInput, or ScoreError where an answer is missing, or a number not finite.
    """
    rows = table(csv, where).height
    with _trainers_faults(SCORE_ERROR):
        found = trainer.score(archive, csv)
        columns = found if isinstance(found, Mapping) else {"prediction": found}
        if others := columns.keys() - _PLURALS.keys():
            message = f"the trainer answers {min(others)!r}, and prediction and probability alone are taken"
            raise StepError(SCORE_ERROR, message)
        frame = pl.DataFrame([_scored(name, values) for name, values in columns.items()])
    if frame.height != rows:
        raise StepError(
            SCORE_ERROR, f"the trainer gave {frame.height} predictions for the {rows} rows of {where}"
        )
    for column in frame:
        is_text = column.dtype == pl.String
        if column.null_count() or not (is_text or column.is_finite().all()):
            what = "there" if is_text else "finite numbers"
            told = f"the trainer's {_PLURALS[column.name]} for {where} are not all {what}"
            raise StepError(SCORE_ERROR, told)
    return frame.write_csv().encode()


def _scored(name: str, values: Sequence[float] | Sequence[str]) -> pl.Series:
    """One column of a trainer's answers: names of classes as they are, whole numbers whole, else Float64."""
    column = pl.Series(name, values, strict=False)
    if column.dtype == pl.String:
        return column
    return column.cast(pl.Int64 if column.dtype.is_integer() or column.dtype == pl.Boolean else pl.Float64)


def _require_columns(csv: bytes, uri: str, wanted: list[str]) -> None:
    found = table(csv, uri)
    if missing := [name for name in wanted if name not in found.columns]:
        raise StepError(BAD_INPUT, f"{uri} has no column {missing[0]!r}: see that its header names it")
    if not found.height:
        raise StepError(BAD_INPUT, f"{uri} has a header and no rows: nothing can be learnt from it")


def table(csv: bytes, uri: str) -> pl.DataFrame:
    """A CSV with a header as columns of text; raises StepError (BadInput) where it is none."""
    try:
        return pl.read_csv(io.BytesIO(csv), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise StepError(BAD_INPUT, f"{uri} is no CSV with a header ({type(error).__name__})") from error


def _read(s3: S3Client, uri: str, error_name: str) -> bytes:
    bucket, key = _address(uri)
    with _places(error_name):
        return S3Objects(bucket, s3).read(key)


def _write(s3: S3Client, uri: str, data: bytes, content_type: str, error_name: str) -> str:
    bucket, key = _address(uri)
    with _places(error_name):
        S3Objects(bucket, s3).write(key, data, content_type)
    return uri


def _address(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise StepError(BAD_INPUT, f"{uri!r} is no address of an object: write s3://bucket/key")
    return bucket, key


@contextmanager
def _shape() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else "has another form"
        raise StepError(BAD_INPUT, f"the step's input {what}: see that it is the documented one") from error


@contextmanager
def _places(error_name: str) -> Iterator[None]:
    """What is absent is bad input; what cannot be reached may be reached another time."""
    try:
        yield
    except PlaceError as error:
        raise StepError(BAD_INPUT if error.kind in _ABSENT else error_name, str(error)) from error


@contextmanager
def _trainers_faults(name: str) -> Iterator[None]:
    """Tell a trainer's failure by its kind and place; its own words may hold people's data."""
    try:
        yield
    except TrainerError as error:
        raise StepError(name, str(error)) from error
    except Exception as error:
        raise StepError(name, f"the trainer {failed_with(error)}") from error


def failed_with(error: Exception) -> str:
    """An exception in words that hold none of the data: its kind and place."""
    return f"failed with {type(error).__name__}{_place(error)}"


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" in {Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}" if trace else ""
