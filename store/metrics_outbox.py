"""Executions whose metrics CloudWatch is to have: an outbox, like the result tree's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, update

from store import executions as stored
from store.records import Execution, ExecutionKind
from store.schema import executions, windows


@dataclass(frozen=True, slots=True)
class Unsent:
    """An execution of which CloudWatch has the first `sent` metrics, in their order."""

    execution: Execution
    sent: int


@dataclass(frozen=True, slots=True)
class Due:
    """Whose metrics are told: windows that ended after `since`.

    A model's quality waits until all records of its window are labelled, or `enough` of them are, or the
    window ended before `few_before`.
    """

    since: datetime
    few_before: datetime
    enough: int


def waiting(connection: Connection, monitor_id: int, due: Due, limit: int = 50) -> tuple[Unsent, ...]:
    """Executions of windows that are due and of which CloudWatch wants more, oldest first.

    A window is told once, by one revision: CloudWatch adds up what is told again, so another would count
    twice. A revision that was begun is told to its end.
    """
    rows = connection.execute(_waiting(monitor_id, due).order_by(executions.c.id).limit(limit))
    sent = {row.id: row.metrics_sent for row in rows}
    ids = select(executions.c.id).where(executions.c.id.in_(list(sent)))
    found = sorted(stored.select_ids(connection, ids), key=lambda execution: execution.id)
    return tuple(Unsent(execution, sent[execution.id]) for execution in found)


def _waiting(monitor_id: int, due: Due) -> Select[tuple[int, int]]:
    told = executions.alias("told")
    of_another = exists().where(
        told.c.window_id == executions.c.window_id,
        told.c.kind == executions.c.kind,
        told.c.id != executions.c.id,
        told.c.metrics_sent > 0,
    )
    return (
        select(executions.c.id, executions.c.metrics_sent)
        .join(windows, windows.c.id == executions.c.window_id)
        .where(
            executions.c.monitor_id == monitor_id,
            executions.c.metrics_sent_at.is_(None),
            windows.c.end > due.since,
            or_(executions.c.metrics_sent > 0, and_(executions.c.latest, ~of_another, _is_ripe(due))),
        )
    )


def _is_ripe(due: Due) -> ColumnElement[bool]:
    labelled = executions.c.records
    return or_(
        executions.c.kind != ExecutionKind.MODEL_QUALITY,
        labelled >= due.enough,
        labelled >= windows.c.records,
        windows.c.end <= due.few_before,
    )


def advance(connection: Connection, execution_id: int, sent: int) -> None:
    """CloudWatch has the execution's first `sent` metrics."""
    mine = executions.c.id == execution_id
    connection.execute(update(executions).where(mine).values(metrics_sent=sent))


def finish(connection: Connection, execution_id: int, at: datetime) -> None:
    """CloudWatch has all of the execution's metrics, or there are none."""
    mine = executions.c.id == execution_id
    connection.execute(update(executions).where(mine).values(metrics_sent_at=at))
