"""Letting go of what has served its time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select, update

from store import rollups
from store.records import ObjectKind
from store.schema import executions, labels, objects, predictions, segments, windows


def forget(
    connection: Connection,
    monitor_id: int,
    *,
    segments_before: datetime,
    predictions_before: datetime,
    profiles_before: datetime,
    metrics_before: datetime,
) -> None:
    """Delete what lies before each of these times.

    Segments go once no late object can re-open their window, which is settled then: its merged profile
    stays. Labels go with the predictions they are for. Consumed objects stay on record as long as the
    metrics they gave, so that nothing is counted again. The newest execution of all endpoints stays until
    there is a newer one: SQLite would give its key again, and what was decided on goes by keys that grow.
    """
    _settle(connection, monitor_id, segments_before)
    rollups.forget(connection, monitor_id, before=segments_before, consumed_before=metrics_before)
    connection.execute(
        delete(predictions).where(
            predictions.c.monitor_id == monitor_id, predictions.c.window_start < predictions_before
        )
    )
    outlived = select(objects.c.id).where(
        objects.c.monitor_id == monitor_id,
        objects.c.kind == ObjectKind.GROUND_TRUTH,
        objects.c.consumed_at < predictions_before,
    )
    awaited = exists().where(
        predictions.c.monitor_id == monitor_id, predictions.c.join_hash == labels.c.join_hash
    )
    connection.execute(delete(labels).where(labels.c.object_id.in_(outlived), ~awaited))
    old = (windows.c.monitor_id == monitor_id, ~windows.c.dirty)
    connection.execute(update(windows).where(*old, windows.c.end < profiles_before).values(profile=None))
    expired = select(windows.c.id).where(*old, windows.c.end < metrics_before)
    every = executions.alias("every")
    newest = select(func.max(every.c.id)).scalar_subquery()
    connection.execute(
        delete(executions).where(executions.c.window_id.in_(expired), executions.c.id < newest)
    )
    connection.execute(
        delete(objects).where(objects.c.monitor_id == monitor_id, objects.c.consumed_at < metrics_before)
    )


def _settle(connection: Connection, monitor_id: int, before: datetime) -> None:
    """Leave judged windows their merged profile alone; one that waits to be judged keeps its segments."""
    connection.execute(
        update(windows)
        .where(
            windows.c.monitor_id == monitor_id, windows.c.end < before, ~windows.c.dirty, ~windows.c.settled
        )
        .values(settled=True)
    )
    connection.execute(
        delete(segments).where(
            segments.c.monitor_id == monitor_id,
            segments.c.window_end < before,
            exists().where(
                windows.c.monitor_id == monitor_id,
                windows.c.start == segments.c.window_start,
                windows.c.variant == segments.c.variant,
                windows.c.deployment_id == segments.c.deployment_id,
                windows.c.settled,
            ),
        )
    )
