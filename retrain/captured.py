"""Captured records that have a label: read again from where they were captured, joined by the ledger."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from baselines.quality import classes
from baselines.quality.pairs import LABEL, is_read
from config.model import Endpoint
from config.problem import ProblemType
from monitor.capture.answers import answer_columns, sides
from monitor.capture.columns import Schema
from monitor.capture.decode import GIB, decode
from monitor.capture.ground_truth import hash_ids, join_ids
from objects import Place, PlaceError, PlaceProblem
from store import captures as counted
from store import ledger

Period = tuple[datetime, datetime]
"""From the first moment to the one after the last."""

RECORD = ("@id", "@row")
"""What tells one record from another: the join hash, and its place in its request."""


@dataclass(frozen=True, slots=True)
class Source:
    """A captured object whose records were used: the ETag is of exactly the bytes that were read."""

    bucket: str
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records: one era's variant's, inferred in the windows of [start, end) but for some stretches.

    `left_out` are stretches of whole windows in between whose records are not wanted.
    """

    monitor_id: int
    variant: str
    deployment_id: int
    start: datetime
    end: datetime
    left_out: Sequence[Period] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """What the ledger alone knows of the chosen records that have a label.

    Attributes:
        chosen: which they are.
        rows: as in `Captured`, without inputs, and "@time" is the start of the window.
        objects: (bucket, key) of what they were captured in, in that order.
    """

    chosen: Chosen
    rows: pl.DataFrame
    objects: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Captured:
    """Labelled records and the objects they came from.

    Attributes:
        rows: "@id" (join hash), "@row", "@time" (UTC), the input columns as text, "@answered" (whether the
            champion did) and "@label" (Float64, of classes String); each (id, row) once, sorted by them.
        sources: those that gave a record, in the order of their keys.
        duplicates: records that were left out, since one of the same id and place came before them.
        gone: objects that are not there any more.
    """

    rows: pl.DataFrame
    sources: tuple[Source, ...]
    duplicates: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels and the champion's answers of the records of a scored file; all of one length.

    `positions` are their places in that file, which has `scored` rows: a record whose label was taken back is
    left out. `champion` has the columns of `monitor.capture.answers.sides`. `requests` tell which records
    came in one request.
    """

    positions: npt.NDArray[np.int64]
    champion: pl.DataFrame
    requests: npt.NDArray[np.str_]
    scored: int


def labelled(connection: Connection, chosen: Chosen, endpoint: Endpoint) -> Labelled:
    """Ask the ledger for the chosen records that have a label."""
    of = chosen
    known = _labelled(connection, of, endpoint).select(*RECORD, "@time", "@answered", "@label")
    objects = counted.keys_between(connection, of.monitor_id, of.start, of.end, of.variant, of.deployment_id)
    rows = known.filter(_within(of.start, of.end, of.left_out))
    return Labelled(chosen, rows, tuple((bucket, key) for bucket, key, _ in objects))


def captured_rows(captures: Place, known: Labelled, schema: Schema, limit_bytes: int = GIB) -> Captured:
    """Read labelled records again from where they were captured.

    Args:
        captures: where the endpoint's captures lie.
        known: what the ledger knows of them; records of another model are left out.
        schema: the endpoint's columns.
        limit_bytes: what an object may weigh unpacked.

    Raises:
        PlaceError: where the captures can't be read; an object that is gone is passed over.
    """
    of, rows = known.chosen, known.rows.drop("@time")
    columns = [*RECORD, "@time", *schema.inputs]
    frames = [pl.DataFrame(schema=_record_types(schema))]
    sources = []
    gone = 0
    for bucket, key in known.objects:
        if (read := _read(captures, key)) is None:
            gone += 1
            continue
        data, etag = read
        records = _identified(decode(data, schema, limit_bytes=limit_bytes).records).select(columns)
        # an object may reach into the hours beside the period
        inside = records.filter(_within(of.start, of.end, of.left_out))
        found = inside.join(rows.select(RECORD), on=RECORD, how="semi")
        if found.height:
            frames.append(found)
            sources.append(Source(bucket, key, etag))
    # an id that came twice counts where it came first
    came = pl.concat(frames)
    once = came.sort("@time", maintain_order=True).unique(RECORD, keep="first", maintain_order=True)
    joined = once.join(rows, on=RECORD, how="inner").sort(RECORD)
    return Captured(joined, tuple(sources), came.height - once.height, gone)


def _within(start: datetime, end: datetime, left_out: Sequence[Period]) -> pl.Expr:
    """Whether "@time" lies in [start, end) and in none of the stretches that are left out."""
    time = pl.col("@time")
    without = [time.is_between(*stretch, closed="left").not_() for stretch in left_out]
    return pl.all_horizontal(time.is_between(start, end, closed="left"), *without)


def _read(captures: Place, key: str) -> tuple[bytes, str] | None:
    """The bytes of an object and their ETag; None where it is gone."""
    try:
        return captures.objects.read_with_etag(key)
    except PlaceError as error:
        if error.kind is not PlaceProblem.NO_KEY:
            raise
        return None


def _record_types(schema: Schema) -> dict[str, pl.DataType]:
    inputs: dict[str, pl.DataType] = dict.fromkeys(schema.inputs, pl.String())
    return {"@id": pl.String(), "@row": pl.Int64(), "@time": pl.Datetime("us", "UTC"), **inputs}


def _identified(records: pl.DataFrame) -> pl.DataFrame:
    """Decoded records with the ledger's "@id" and "@row"."""
    return records.with_columns(hash_ids(join_ids(records)).alias("@id"), pl.col("@row").cast(pl.Int64))


def _labelled(connection: Connection, of: Chosen, endpoint: Endpoint) -> pl.DataFrame:
    """ "@id", "@row", "@time", "@answered", "@label" and both sides of the period's records with a label."""
    found = ledger.labelled_between(connection, of.monitor_id, of.start, of.end, of.variant, of.deployment_id)
    both, problem = sides(found, endpoint), endpoint.problem
    label = pl.col(LABEL) if problem is ProblemType.REGRESSION else classes.name(pl.col(LABEL))
    answered = pl.all_horizontal(is_read(side, problem) for side in answer_columns(endpoint))
    return (
        found.select(
            pl.col("join_hash").alias("@id"),
            pl.col("row").alias("@row"),
            pl.col("window_start").alias("@time"),
        )
        .hstack(both)
        .filter(is_read(LABEL, problem))
        .with_columns(answered.alias("@answered"), label.alias("@label"))
    )


def fresh_truth(connection: Connection, of: Chosen, ids: bytes, endpoint: Endpoint) -> Truth:
    """Labels and the champion's answers of the judging window that `of` is, by the order of fresh.csv.

    `ids` is `TrainingSet.judging_ids`, as it was written: labels that came since do not move the order.
    """
    scored = pl.read_csv(io.BytesIO(ids), schema={"@id": pl.String, "@row": pl.Int64})
    known = _labelled(connection, of, endpoint)
    found = scored.with_row_index("@position").join(known, on=RECORD, how="inner").sort("@position")
    usable = found.filter(pl.col("@answered"))
    return Truth(
        usable["@position"].cast(pl.Int64).to_numpy(),
        usable.select(LABEL, *answer_columns(endpoint)),
        usable["@id"].to_numpy().astype(np.str_),
        scored.height,
    )
