"""All that a database says of an endpoint, but for row keys and times of day: what no order may change."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, select

from store import captures, executions, incidents, monitors, windows
from store.engine import reading
from store.records import ExecutionKind, IncidentKind
from store.schema import labels, objects, predictions, segments
from store.schema import windows as windows_table
from tests.clock import HOUR, NOON


def fingerprint(engine: Engine, endpoint: str) -> dict[str, Any]:
    """By subject; a window without records stands for nothing, and is left out."""
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint)
        assert monitor is not None
        return {
            "totals": captures.totals(connection, monitor.id),
            "rejects": captures.reject_counts(connection, monitor.id),
            "objects": _objects(connection, monitor.id, endpoint),
            "segments": _segments(connection, monitor.id, endpoint),
            "windows": _windows(connection, monitor.id),
            "verdicts": _verdicts(connection, monitor.id),
            "quality": _quality(connection, monitor.id),
            "losses": _losses(connection, monitor.id),
            "predictions": _rows(connection, monitor.id, "predictions"),
            "labels": _rows(connection, monitor.id, "labels"),
        }


def _below(key: str, endpoint: str) -> str:
    return key.rpartition(f"{endpoint}/")[2]


def _objects(connection: Connection, monitor_id: int, endpoint: str) -> list[tuple[Any, ...]]:
    columns = (objects.c.key, objects.c.size, objects.c.variant, objects.c.records, objects.c.rejected)
    rows = connection.execute(select(*columns).where(objects.c.monitor_id == monitor_id))
    return sorted((_below(row[0], endpoint), *row[1:]) for row in rows)


def _segments(connection: Connection, monitor_id: int, endpoint: str) -> list[tuple[Any, ...]]:
    own = segments.c
    columns = (
        objects.c.key,
        own.window_start,
        own.variant,
        own.records,
        own.first_at,
        own.last_at,
        own.profile,
    )
    rows = connection.execute(
        select(*columns).join(objects, objects.c.id == own.object_id).where(own.monitor_id == monitor_id)
    )
    return sorted((_below(row[0], endpoint), *row[1:]) for row in rows)


def _windows(connection: Connection, monitor_id: int) -> list[tuple[Any, ...]]:
    own = windows_table.c
    rows = connection.execute(
        select(own.start, own.end, own.variant, own.records, own.profile).where(
            own.monitor_id == monitor_id, own.records > 0
        )
    )
    return sorted(tuple(row) for row in rows)


def _verdicts(connection: Connection, monitor_id: int) -> list[tuple[Any, ...]]:
    return sorted(
        (
            (
                *(one.start, one.variant, one.status, one.records, one.rejected, one.violations, one.message),
                executions.features(connection, one.id),
                executions.checks(connection, one.id),
            )
            for one in executions.latest(connection, monitor_id, ExecutionKind.DATA_QUALITY)
            if one.records
        ),
        key=lambda found: found[:2],
    )


def _quality(connection: Connection, monitor_id: int) -> list[tuple[Any, ...]]:
    return sorted(
        (
            (one.start, one.variant, one.records, one.message, executions.metric_rows(connection, one.id))
            for one in executions.latest(connection, monitor_id, ExecutionKind.MODEL_QUALITY)
            if one.records
        ),
        key=lambda found: found[:2],
    )


def _losses(connection: Connection, monitor_id: int) -> list[tuple[Any, ...]]:
    """What is open; what was closed tells of what was known once."""
    return sorted(
        (one.variant, one.first_window, one.last_window, one.breached_windows, one.severity, one.summary)
        for one in incidents.open_ones(connection, monitor_id)
        if one.kind is IncidentKind.QUALITY
    )


def _rows(connection: Connection, monitor_id: int, what: str) -> list[tuple[Any, ...]]:
    if what == "labels":
        columns: tuple[Any, ...] = (labels.c.join_hash, labels.c.row, labels.c.label)
        found = select(*columns).where(labels.c.monitor_id == monitor_id)
    else:
        own = predictions.c
        columns = (own.join_hash, own.row, own.window_start, own.variant, own.prediction)
        found = select(*columns).where(own.monitor_id == monitor_id)
    return sorted(tuple(row) for row in connection.execute(found))


def emptied(engine: Engine, endpoint: str) -> list[int]:
    """The revisions of windows that had records once and have none any more."""
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint)
        assert monitor is not None
        every = windows.between(connection, monitor.id, NOON - 1000 * HOUR, NOON + 1000 * HOUR)
        return [window.revision for window in every if window.records == 0]
