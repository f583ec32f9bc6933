"""What a challenger trains on and is judged on, split by inference time and told in a manifest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from objects import Place
from retrain.captured import (
    RECORD,
    Captured,
    Period,
    Source,
    Truth,
    captured_rows,
    fresh_truth,
    labelled_rows,
)

__all__ = [
    "Captured",
    "Period",
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
    "labelled_rows",
    "require_disjoint",
    "split",
    "write",
]

TRAINING, FRESH, CAPTURED = "training.csv", "fresh.csv", "captured.csv"
JUDGING_IDS, MANIFEST = "judging_ids.csv", "manifest.json"


class TrainingSetError(Exception):
    """A training set that must not be used, in one sentence."""


@dataclass(frozen=True, slots=True)
class Split:
    """Labelled records (`Captured.rows`) to train on, and the newest, of [start, end), to judge on.

    Those to judge on were all answered by the champion.
    """

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
        judging_ids: "@id" (join hash) and "@row" of each line of `fresh_csv`; not handed to the target.
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

    A record that the champion did not answer can be trained on and has nothing to be judged by.

    Args:
        rows: labelled records, as `Captured.rows` or as `labelled_rows` has them.
        window: the length of the endpoint's windows.
        minimum: so many must be left to train on.
        judging: so many are wanted to judge on.
    """
    answered = rows.filter(pl.col("@prediction").is_finite())
    start, end = _judging_window(answered, window, judging)
    older = rows.filter(pl.col("@time") < start) if start else rows.clear()
    if start is None or end is None or older.height < minimum:
        return TooFew(_too_few(rows.height, answered.height, older.height, minimum, judging))
    return Split(older, answered.filter(pl.col("@time") >= start), start, end)


def _judging_window(
    rows: pl.DataFrame, window: timedelta, wanted: int
) -> tuple[datetime | None, datetime | None]:
    """The shortest newest stretch of whole windows with so many records; (None, None) where there is none."""
    starts = pl.col("@time").dt.truncate(f"{int(window.total_seconds())}s").alias("@window")
    counts = rows.group_by(starts).len().sort("@window", descending=True)
    enough = counts.filter(pl.col("len").cum_sum() >= wanted)
    if enough.is_empty():
        return None, None
    return enough["@window"][0], counts["@window"][0] + window


def _too_few(count: int, answered: int, rest: int, minimum: int, judging: int) -> str:
    wanted = f"{minimum} to train on and {judging} to judge on are wanted"
    if count < minimum + judging:
        return f"{count} captured records have a label so far: {wanted}"
    if answered < judging:
        return f"the champion answered only {answered} of {count} labelled records: {wanted}"
    return f"only {rest} of {count} labelled records are older than the windows to judge on: {wanted}"


def require_disjoint(training: pl.DataFrame, judging: pl.DataFrame) -> None:
    """Refuse a training set that holds a part of its judging window.

    Both have "@id" and "@time". All that is trained on must be older than all that is judged on.

    Raises:
        TrainingSetError: where they share an id, or overlap in time.
    """
    shared = training.select("@id").unique().join(judging.select("@id").unique(), on="@id").height
    if shared:
        raise TrainingSetError(
            f"the training set and the judging window share {shared} records: split them by inference time"
        )
    if training.is_empty() or judging.is_empty():
        return
    last, first = training["@time"].max(), judging["@time"].min()
    if not isinstance(last, datetime) or not isinstance(first, datetime) or last >= first:
        raise TrainingSetError(
            f"the training set reaches to {_at(last)}, into the judging window that begins at {_at(first)}: "
            "split them by inference time"
        )


def build(
    parts: Split,
    *,
    run_name: str,
    label: str,
    features: Sequence[str],
    sources: Sequence[Source],
    left_out: Sequence[Period] = (),
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
        left_out: the stretches whose records a data fault touched, for the manifest.
        original: the champion's own training set: CSV with a header of the label and the features.
        original_uri: its address.

    Raises:
        TrainingSetError: where the parts overlap, or the original has not these columns.
    """
    require_disjoint(parts.training, parts.judging)
    columns = [label, *features]
    first = _original(original, original_uri, columns)
    captured = _labelled(parts.training, label, features)
    training_csv, fresh_csv = _csv(pl.concat([first, captured])), _csv(parts.judging.select(features))
    captured_csv, judging_ids = _csv(captured.select(features)), _csv(parts.judging.select(RECORD))
    files = {TRAINING: training_csv, FRESH: fresh_csv, CAPTURED: captured_csv, JUDGING_IDS: judging_ids}
    manifest = {
        "run": run_name,
        "label": label,
        "features": list(features),
        "training": _told(parts.training),
        "judging": _told(parts.judging) | {"start": _at(parts.start), "end": _at(parts.end)},
        "original": None if original is None else _told_original(original, original_uri, first.height),
        "left_out": [{"start": _at(start), "end": _at(end), "why": "data fault"} for start, end in left_out],
        "objects": [asdict(source) for source in sources],
        "files": {name: {"sha256": _digest(data), "bytes": len(data)} for name, data in files.items()},
    }
    return TrainingSet(training_csv, fresh_csv, captured_csv, judging_ids, _json(manifest))


def _labelled(rows: pl.DataFrame, label: str, features: Sequence[str]) -> pl.DataFrame:
    """Label and features as text; labels that are all whole are written as whole numbers."""
    labels = rows["@label"]
    whole = bool((labels == labels.round()).all()) and bool((labels.abs() < 2**53).all())
    texts = (labels.cast(pl.Int64) if whole else labels).cast(pl.String).alias(label)
    return rows.select(texts, *features)


def _original(data: bytes | None, uri: str | None, columns: Sequence[str]) -> pl.DataFrame:
    """The original set's columns as text, cell for cell as they stand there."""
    if data is None:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    where = f"the training set {uri or 'given'}"
    try:
        found = pl.read_csv(io.BytesIO(data), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        advice = "write UTF-8 with one header line and equally many cells in each row"
        raise TrainingSetError(f"{where} is no CSV that can be read: {advice}") from error
    if missing := [name for name in columns if name not in found.columns]:
        raise TrainingSetError(
            f"{where} has no column {missing[0]!r}: its header must name {', '.join(columns)}"
        )
    return found.select(columns)


def _told(rows: pl.DataFrame) -> dict[str, Any]:
    """A range of records: how many, from when to when, and the digest of its sorted ids."""
    ids = rows.select(pl.concat_str("@id", pl.lit("/"), "@row")).to_series().sort()
    return {
        "count": rows.height,
        "first": _at(rows["@time"].min()),
        "last": _at(rows["@time"].max()),
        "ids_sha256": _digest("\n".join(ids).encode()),
    }


def _told_original(data: bytes, uri: str | None, count: int) -> dict[str, Any]:
    return {"uri": uri, "sha256": _digest(data), "count": count}


def _at(moment: object) -> str | None:
    return moment.isoformat() if isinstance(moment, datetime) else None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def write(output: Place, run_name: str, files: TrainingSet) -> Written:
    """Put the files below `<output>/<run name>/`, the manifest last; twice writes the same.

    Raises:
        PlaceError: where they can't be written.
    """

    def put(name: str, data: bytes, content_type: str = "text/csv") -> str:
        output.objects.write(output.key(f"{run_name}/{name}"), data, content_type)
        return f"{output.uri.rstrip('/')}/{run_name}/{name}"

    return Written(
        put(TRAINING, files.training_csv),
        put(FRESH, files.fresh_csv),
        put(CAPTURED, files.captured_csv),
        put(JUDGING_IDS, files.judging_ids),
        put(MANIFEST, files.manifest, "application/json"),
    )
