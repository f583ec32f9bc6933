"""The policy's decisions: each yes and each no, with the numbers it saw."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import Connection, exists, func, insert, select

from store.retraining import Decision, DecisionReason
from store.rows import to_json
from store.schema import decisions, executions, monitors

_COLUMNS = [decisions.c[name] for name in Decision.__slots__]

Seen = tuple[tuple[str, float | None, float | None], ...]


def newest_execution(connection: Connection, monitor_id: int) -> int | None:
    """The key of the endpoint's newest verdict of either kind; what stands beside one decides nothing."""
    newest: int | None = connection.execute(
        select(func.max(executions.c.id)).where(executions.c.monitor_id == monitor_id, executions.c.latest)
    ).scalar_one()
    return newest


def decided_upto(connection: Connection, monitor_id: int) -> int:
    """The newest execution that a decision has seen; 0 before the first."""
    found = connection.execute(
        select(func.max(decisions.c.upto_execution_id)).where(decisions.c.monitor_id == monitor_id)
    ).scalar_one()
    return int(found or 0)


def undecided(connection: Connection) -> frozenset[str]:
    """The watched endpoints that have executions which no decision has seen: one query for the fleet."""
    decided = (
        select(func.max(decisions.c.upto_execution_id))
        .where(decisions.c.monitor_id == monitors.c.id)
        .correlate(monitors)
        .scalar_subquery()
    )
    newer = exists().where(
        executions.c.monitor_id == monitors.c.id, executions.c.id > func.coalesce(decided, 0)
    )
    found = connection.execute(select(monitors.c.name).where(monitors.c.watched, newer))
    return frozenset(found.scalars())


def record(
    connection: Connection,
    *,
    monitor_id: int,
    upto_execution_id: int,
    reason: DecisionReason,
    words: str,
    seen: Seen,
    incident_id: int | None,
    run_id: int | None,
    config_digest: str,
    now: datetime,
) -> None:
    """Store a decision; there is one for each newest execution."""
    connection.execute(
        insert(decisions).values(
            monitor_id=monitor_id,
            at=now,
            upto_execution_id=upto_execution_id,
            reason=reason,
            words=words,
            seen=to_json(seen),
            incident_id=incident_id,
            run_id=run_id,
            config_digest=config_digest,
        )
    )


def listed(connection: Connection, monitor_id: int, limit: int = 50) -> tuple[Decision, ...]:
    """The endpoint's decisions, newest first."""
    return _fetch(connection, monitor_id, limit)


def of_run(connection: Connection, run_id: int) -> Decision | None:
    """The decision that opened a run."""
    row = connection.execute(select(*_COLUMNS).where(decisions.c.run_id == run_id)).mappings().first()
    return None if row is None else _decision(dict(row))


def _fetch(connection: Connection, monitor_id: int, limit: int) -> tuple[Decision, ...]:
    rows = connection.execute(
        select(*_COLUMNS)
        .where(decisions.c.monitor_id == monitor_id)
        .order_by(decisions.c.id.desc())
        .limit(limit)
    )
    return tuple(_decision(dict(row)) for row in rows.mappings())


def _decision(row: dict[str, object]) -> Decision:
    seen = tuple((each[0], each[1], each[2]) for each in json.loads(str(row["seen"])))
    return Decision(**{**row, "reason": DecisionReason(str(row["reason"])), "seen": seen})  # type: ignore[arg-type]
