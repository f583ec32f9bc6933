"""What a challenger trains on and is judged on, split by inference time and told in a manifest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from baselines.constraints import Constraints
from config.plurals import counted
from config.problem import ProblemType
from config.training import LearnsFrom, TrainingFormat
from monitor.capture.schema import text_columns
from objects import Place
from retrain import data_checks, tables
from retrain.captured import RECORD, Period, Source
from retrain.data_checks import Finding, TrainingSetError

FEWEST_REQUESTS: Final = 10
"""So many requests are wanted to judge by, however many records one brings."""
TRAINING, FRESH, CAPTURED = "training", "fresh", "captured"
"""Their endings are those of the format."""
JUDGING_IDS, MANIFEST = "judging_ids.csv", "manifest.json"


@dataclass(frozen=True, slots=True)
class Split:
    """Labelled records (`Captured.rows`) to train on, and the newest, of [start, end), to judge on.

    Those to judge on were all answered by the champion; `unanswered` were not, and are left out.
    """

    training: pl.DataFrame
    judging: pl.DataFrame
    start: datetime
    end: datetime
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which records are trained on, since when they were inferred, and in which format they are written."""

    learns_from: LearnsFrom
    since: datetime | None
    format: TrainingFormat

    def told(self) -> dict[str, str | None]:
        """As the manifest has it."""
        return {"records": self.learns_from.value, "since": _at(self.since)}


_USUAL = Recipe(LearnsFrom.CHANGE, None, TrainingFormat.CSV)
_NONE = Constraints()


@dataclass(frozen=True, slots=True)
class TooFew:
    """There are not enough labelled records yet."""

    sentence: str


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The files of a run; the same records give the same bytes.

    Attributes:
        training: the label and the features; the original set, then the captured records.
        fresh: the judging window's features alone.
        captured: what the new baseline is made of: the features of the captured training records, or, where
            none is trained on, of the original set.
        judging_ids: CSV of "@id" (join hash) and "@row" of each row of `fresh`; not handed to the target.
        manifest: JSON.
        format: of the first three, CSV with a header or Parquet.
        warnings: what is odd about the training set, and does not forbid to use it.
    """

    training: bytes
    fresh: bytes
    captured: bytes
    judging_ids: bytes
    manifest: bytes
    format: TrainingFormat = TrainingFormat.CSV
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """The addresses of a run's files."""

    training: str
    fresh: str
    captured: str
    judging_ids: str
    manifest: str


def split(
    rows: pl.DataFrame,
    *,
    window: timedelta,
    minimum: int,
    judging: int,
    requests: int = FEWEST_REQUESTS,
) -> Split | TooFew:
    """Take the newest whole windows that hold at least `judging` records off; the rest is to train on.

    A record that the champion did not answer can be trained on and has nothing to be judged by.

    Args:
        rows: labelled records, as `Captured.rows` or `Labelled.rows` has them.
        window: the length of the endpoint's windows.
        minimum: so many must be left to train on.
        judging: so many are wanted to judge on.
        requests: of so many requests at least; of fewer than two nothing can be shown.
    """
    requests = min(requests, judging)
    answered = rows.filter("@answered")
    start, end = _judging_window(answered, window, judging, requests)
    older = rows.filter(pl.col("@time") < start) if start else rows.clear()
    if start is None or end is None or older.height < minimum:
        counts = _Counts(rows.height, answered.height, answered["@id"].n_unique(), older.height)
        return TooFew(_too_few(counts, minimum, judging, requests))
    newer = answered.filter(pl.col("@time") >= start)
    return Split(older, newer, start, end, rows.height - older.height - newer.height)


def _judging_window(
    rows: pl.DataFrame, window: timedelta, wanted: int, fewest: int
) -> tuple[datetime | None, datetime | None]:
    """The shortest newest stretch of whole windows with so many records; (None, None) where there is none.

    The records of one request err alike, so what few requests bring shows nothing, however many they are.
    """
    starts = pl.col("@time").dt.truncate(f"{int(window.total_seconds())}s").alias("@window")
    numbers = pl.len().alias("records"), pl.col("@id").n_unique().alias("requests")
    counts = rows.group_by(starts).agg(*numbers).sort("@window", descending=True)
    records, requests = (pl.col(name).cum_sum() for name in ("records", "requests"))
    enough = counts.filter((records >= wanted) & (requests >= fewest))
    if enough.is_empty():
        return None, None
    return enough["@window"][0], counts["@window"][0] + window


@dataclass(frozen=True, slots=True)
class _Counts:
    """Labelled records: all, those that the champion answered and their requests, those to train on."""

    labelled: int
    answered: int
    requests: int
    older: int


def _too_few(found: _Counts, minimum: int, judging: int, requests: int) -> str:
    wanted = f"{minimum} to train on and {judging} to judge on are wanted"
    if found.labelled < minimum + judging:
        return f"{found.labelled} captured records have a label so far: {wanted}"
    if found.answered < judging:
        return f"the champion answered only {found.answered} of {found.labelled} labelled records: {wanted}"
    if found.requests < requests:
        return (
            f"the {found.answered} labelled records came in {counted(found.requests, 'request')}, and the "
            f"records of one err alike: {requests} requests are wanted to judge by"
        )
    older = f"only {found.older} of {found.labelled} labelled records"
    return f"{older} are older than the windows to judge on: {wanted}"


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
    recipe: Recipe = _USUAL,
    constraints: Constraints = _NONE,
    duplicates: int = 0,
    problem: ProblemType = ProblemType.REGRESSION,
    positive: str | None = None,
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
        recipe: what is wanted of them.
        constraints: of the baseline that judges the champion; the training set is held against them.
        duplicates: records that came twice and were left out, for the manifest.
        problem: what the model answers.
        positive: the positive one of two classes, where kedge.yaml names one.

    Raises:
        TrainingSetError: where the parts overlap, the original has not these columns, or the training set
            has a fault that no model should learn from.
    """
    without = recipe.learns_from is LearnsFrom.ORIGINAL
    used = replace(parts, training=parts.training.clear()) if without else parts
    require_disjoint(used.training, used.judging)
    columns = [label, *features]
    first = _original(original, original_uri, columns)
    captured = _labelled(used.training, label, features)
    training = _spelt_alike(pl.concat([first, captured]), label, problem)
    warnings = data_checks.require_sound(training, label, constraints, problem, positive)
    fresh = used.judging.select(features)
    text = text_columns(constraints.features)
    both, alone = (tables.types_of(frames, text) for frames in ([training, fresh], [training]))
    # an odd value that is only to be judged makes no text of what is learnt from
    types = {name: alone[name] if kind is pl.String else kind for name, kind in both.items()}

    def written(frame: pl.DataFrame) -> bytes:
        return tables.write(frame, recipe.format, types)

    ending = recipe.format.value
    learnt = first if without else captured
    made = TrainingSet(
        training=written(training),
        fresh=tables.write(fresh, recipe.format, both),
        captured=written(learnt.select(features)),
        judging_ids=tables.write(used.judging.select(pl.col(RECORD).cast(pl.String)), TrainingFormat.CSV),
        manifest=b"",
        format=recipe.format,
        warnings=warnings,
    )
    files = {
        f"{TRAINING}.{ending}": made.training,
        f"{FRESH}.{ending}": made.fresh,
        f"{CAPTURED}.{ending}": made.captured,
        JUDGING_IDS: made.judging_ids,
    }
    manifest = {
        "run": run_name,
        "label": label,
        "features": list(features),
        "from": recipe.told(),
        "training": _told(used.training),
        "judging": _told(used.judging) | {"start": _at(parts.start), "end": _at(parts.end)},
        "original": None if original is None else _told_original(original, original_uri, first.height),
        "left_out": [{"start": _at(start), "end": _at(end), "why": "data fault"} for start, end in left_out],
        "dropped": {
            "duplicates": duplicates,
            "unanswered": parts.unanswered,
            "not_trained_on": parts.training.height - used.training.height,
        },
        "warnings": [asdict(finding) for finding in warnings],
        "objects": [asdict(source) for source in sources],
        "files": {name: {"sha256": _digest(data), "bytes": len(data)} for name, data in files.items()},
    }
    return replace(made, manifest=_json(manifest))


def _labelled(rows: pl.DataFrame, label: str, features: Sequence[str]) -> pl.DataFrame:
    """Label and features as text; labels that are all whole are written as whole numbers."""
    labels = rows["@label"]
    if labels.dtype == pl.String:
        return rows.select(labels.alias(label), *features)
    whole = bool((labels == labels.round()).all()) and bool((labels.abs() < 2**53).all())
    texts = (labels.cast(pl.Int64) if whole else labels).cast(pl.String).alias(label)
    return rows.select(texts, *features)


def _spelt_alike(training: pl.DataFrame, label: str, problem: ProblemType) -> pl.DataFrame:
    """A class has one spelling in a training set: that of its first row, so the original set's."""
    if problem is ProblemType.REGRESSION:
        return training
    name = data_checks.READING[problem](pl.col(label))
    spelling = pl.when(name.is_not_null()).then(pl.col(label).first().over(name)).otherwise(label)
    return training.with_columns(spelling.alias(label))


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


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def write(output: Place, run_name: str, files: TrainingSet) -> Written:
    """Put the files below `<output>/<run name>/`, the manifest last; twice writes the same.

    Raises:
        PlaceError: where they can't be written.
    """

    def put(name: str, data: bytes, content_type: str) -> str:
        output.objects.write(output.key(f"{run_name}/{name}"), data, content_type)
        return f"{output.uri.rstrip('/')}/{run_name}/{name}"

    ending, kind = files.format.value, tables.CONTENT_TYPES[files.format]
    return Written(
        put(f"{TRAINING}.{ending}", files.training, kind),
        put(f"{FRESH}.{ending}", files.fresh, kind),
        put(f"{CAPTURED}.{ending}", files.captured, kind),
        put(JUDGING_IDS, files.judging_ids, "text/csv"),
        put(MANIFEST, files.manifest, "application/json"),
    )
