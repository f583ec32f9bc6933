"""What a challenger trains on and is judged on, split by inference time and told in a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from objects import Place
from retrain.captured import Captured, Source, Truth, captured_rows, fresh_truth

__all__ = [
    "Captured",
    "Source",
    "Split",
    "TooFew",
    "TrainingSet",
    "TrainingSetError",
    "Truth",
    "Written",
    "build",
    "captured_rows",
    "fresh_truth",
    "require_disjoint",
    "split",
    "write",
]


class TrainingSetError(Exception):
    """A training set that must not be used, in one sentence."""


@dataclass(frozen=True, slots=True)
class Split:
    """Labelled records (`Captured.rows`) to train on, and the newest, of [start, end), to judge on."""

    training: pl.DataFrame
    judging: pl.DataFrame
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class TooFew:
    """There are not enough labelled records yet."""

    sentence: str


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The files of a run; the same records give the same bytes.

    Attributes:
        training_csv: header of the label and the features; the original set, then the captured records.
        fresh_csv: the judging window's features alone.
        captured_csv: the features of the captured training records: what the new baseline is made of.
        judging_ids: "id" (join hash) and "row" of each line of `fresh_csv`; not handed to the target.
        manifest: JSON.
    """

    training_csv: bytes
    fresh_csv: bytes
    captured_csv: bytes
    judging_ids: bytes
    manifest: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """The addresses of a run's files."""

    training: str
    fresh: str
    captured: str
    judging_ids: str
    manifest: str


def split(rows: pl.DataFrame, *, window: timedelta, minimum: int, judging: int) -> Split | TooFew:
    """Take the newest whole windows that hold at least `judging` records off; the rest is to train on.

    Args:
        rows: labelled records, as `Captured.rows`.
        window: the length of the endpoint's windows.
        minimum: so many must be left to train on.
        judging: so many are wanted to judge on.
    """
    raise NotImplementedError


def require_disjoint(training: pl.DataFrame, judging: pl.DataFrame) -> None:
    """Raise TrainingSetError where two sets share an "@id" or overlap in "@time"."""
    raise NotImplementedError


def build(
    parts: Split,
    *,
    run_name: str,
    label: str,
    features: Sequence[str],
    sources: Sequence[Source],
    original: bytes | None = None,
    original_uri: str | None = None,
) -> TrainingSet:
    """Make the files of a run.

    Args:
        parts: what is trained and judged on.
        run_name: the run's.
        label: the label's column in the training set: the endpoint's `prediction`.
        features: the input columns, in the order the model takes them.
        sources: the captured objects, for the manifest.
        original: the champion's own training set: CSV with a header of the label and the features.
        original_uri: its address.

    Raises:
        TrainingSetError: where the parts overlap, or the original has not these columns.
    """
    raise NotImplementedError


def write(output: Place, run_name: str, files: TrainingSet) -> Written:
    """Put the files below `<output>/<run name>/`, the manifest last; twice writes the same. PlaceError."""
    raise NotImplementedError
