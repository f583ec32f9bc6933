"""Rows for the store's tests: one endpoint, its eras, and the objects that captures and labels fill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Table, select

from store import captures, deployments, executions, ledger, monitors, rollups, windows
from store.engine import reading, writing
from store.records import (
    ConsumedObject,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    Monitor,
    NewExecution,
    ObjectKind,
    RejectCount,
    Segment,
    Window,
)
from tests.clock import HOUR, MINUTE, NOON

PredictionRow = tuple[str, int, datetime, str, int, float | None]
"""join hash, row in the request, window start, variant, deployment id, prediction"""
LabelRow = tuple[str, int, float | None]
"""join hash, row in the request, label"""
BUCKET = "logs"
VARIANT = "AllTraffic"


def watched(connection: Connection, name: str = "abalone-prod") -> Monitor:
    """An endpoint of kedge.yaml."""
    return monitors.register(connection, name, "digest", NOON)


def era(
    connection: Connection,
    monitor: Monitor,
    started_at: datetime = NOON - 24 * HOUR,
    config: str = "config-1",
) -> Deployment:
    """An endpoint config that is in force from then on."""
    return deployments.begin(
        connection, monitor.id, started_at=started_at, endpoint_config=config, model_package=None
    )


@contextmanager
def began(engine: Engine) -> Iterator[tuple[Connection, Monitor, Deployment]]:
    """One transaction in which an endpoint and its first era have begun."""
    with writing(engine) as connection:
        monitor = watched(connection)
        yield connection, monitor, era(connection, monitor)


def consumed(
    key: str, etag: str = "one", kind: ObjectKind = ObjectKind.CAPTURE, records: int = 10, rejected: int = 0
) -> ConsumedObject:
    """An object as it was read."""
    return ConsumedObject(kind, BUCKET, key, etag, 1000, VARIANT, records, rejected)


def segment(
    deployment: Deployment,
    start: datetime = NOON,
    profile: bytes = b"profile",
    records: int = 10,
    **more: Any,
) -> Segment:
    """What an object gave to the hour from `start` on."""
    last = start + 59 * MINUTE
    return Segment(start, start + HOUR, VARIANT, deployment.id, records, start, last, profile, **more)


def capture(
    connection: Connection,
    monitor: Monitor,
    key: str,
    *segments: Segment,
    etag: str = "one",
    rejects: Sequence[RejectCount] = (),
    predictions: Sequence[PredictionRow] = (),
    now: datetime = NOON,
) -> None:
    """Count an object of captures."""
    captures.replace(
        connection,
        monitor.id,
        consumed(key, etag, records=sum(s.records for s in segments), rejected=sum(r.count for r in rejects)),
        segments_given=segments,
        rejects_given=rejects,
        predictions_given=pl.DataFrame(list(predictions), schema=ledger.PREDICTIONS, orient="row"),
        now=now,
    )


def ground_truth(
    connection: Connection, monitor: Monitor, key: str, *labels: LabelRow, etag: str = "one"
) -> None:
    """Count an object of labels."""
    captures.replace(
        connection,
        monitor.id,
        consumed(key, etag, ObjectKind.GROUND_TRUTH, len(labels)),
        labels_given=pl.DataFrame(list(labels), schema=ledger.LABELS, orient="row"),
        now=NOON,
    )


def profiles(connection: Connection, *window: Any) -> tuple[bytes, ...]:
    """The encoded profiles of a window's segments, in the order of keys."""
    return tuple(piece.profile for piece in rollups.pieces(connection, *window))


def lost(connection: Connection, *window: Any) -> int:
    """How many records of a window were lost."""
    return sum(piece.rejected for piece in rollups.pieces(connection, *window))


def labelled(connection: Connection, *window: Any) -> tuple[tuple[Any, ...], ...]:
    """(join hash, row, prediction, label) of a window's labelled records."""
    found = ledger.labelled(connection, *window)
    return tuple(found.select("join_hash", "row", "prediction", "label").rows())


def window(
    connection: Connection, monitor: Monitor, deployment: Deployment, start: datetime = NOON
) -> Window:
    """The window of the hour from `start` on, made when missing."""
    windows.touch(connection, monitor.id, [(start, start + HOUR, VARIANT, deployment.id)])
    found = windows.between(connection, monitor.id, start, start + HOUR)
    return next(one for one in found if one.deployment_id == deployment.id)


def verdict(kind: ExecutionKind = ExecutionKind.DATA_QUALITY, **given: Any) -> NewExecution:
    """A judgement without violations, but for what is given."""
    usual: dict[str, Any] = {
        "status": ExecutionStatus.COMPLETED,
        "baseline_id": None,
        "distance_mode": "correct",
        "records": 10,
        "rejected": 0,
        "message": "",
        "config_digest": "digest",
    }
    return NewExecution(kind=kind, **(usual | given))


def judge(connection: Connection, judged: Window, new: NewExecution | None = None) -> Execution:
    """Store a judgement of a window."""
    return executions.record(connection, judged, new or verdict(), judged.end + 15 * MINUTE)


def stored(engine: Engine, table: Table, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of a whole table, sorted; without names all but the key."""
    columns = [table.c[name] for name in names] or [column for column in table.c if column.name != "id"]
    with reading(engine) as connection:
        return sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)
