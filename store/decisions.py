"""The policy's decisions: each yes and each no, with the numbers it saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from store.retraining import Decision, DecisionReason, SeenCondition, SeenValue, SeenWindow
from store.rows import to_json
from store.schema import decisions, executions, monitors, policies

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


def decided_upto_object(connection: Connection, monitor_id: int) -> int:
    """The newest object of training data that a decision has seen; 0 before the first."""
    found = connection.execute(
        select(func.max(decisions.c.upto_object_id)).where(decisions.c.monitor_id == monitor_id)
    ).scalar_one()
    return int(found or 0)


def undecided(connection: Connection) -> frozenset[str]:
    """The watched endpoints that have verdicts which no decision has seen: one query for the fleet."""
    decided = (
        select(func.max(decisions.c.upto_execution_id))
        .where(decisions.c.monitor_id == monitors.c.id)
        .correlate(monitors)
        .scalar_subquery()
    )
    newer = exists().where(
        executions.c.monitor_id == monitors.c.id,
        executions.c.id > func.coalesce(decided, 0),
        ~executions.c.beside,
    )
    found = connection.execute(select(monitors.c.name).where(monitors.c.watched, newer))
    return frozenset(found.scalars())


def newest_executions(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """By endpoint, the key of its newest verdict; 0 before the first."""
    newest = (
        select(func.max(executions.c.id))
        .where(executions.c.monitor_id == monitors.c.id, ~executions.c.beside)
        .correlate(monitors)
        .scalar_subquery()
    )
    wanted = monitors.c.name.in_(sorted(names))
    rows = connection.execute(select(monitors.c.name, func.coalesce(newest, 0)).where(wanted))
    return {name: int(key) for name, key in rows}


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
    variant: str | None = None,
    policy: str | None = None,
    conditions: tuple[SeenCondition, ...] = (),
    reference: Mapping[str, float] | None = None,
    upto_object_id: int = 0,
    deployment_id: int | None = None,
) -> None:
    """Store a decision; there is one for each newest execution and newest object of training data.

    `policy` is the text of the policy that decided, which is kept once however often it decides.
    """
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
            variant=variant,
            policy_id=None if policy is None else _policy_id(connection, policy),
            conditions=to_json([_condition_as_json(each) for each in conditions]),
            reference=None if reference is None else to_json(dict(reference)),
            upto_object_id=upto_object_id,
            deployment_id=deployment_id,
        )
    )


def _policy_id(connection: Connection, text: str) -> int:
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = select(policies.c.id).where(policies.c.digest == digest)
    found = connection.execute(known).scalar_one_or_none()
    if found is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(policies).values(digest=digest, text=text))
        except IntegrityError:
            pass  # another replica wrote it in this very moment
        found = connection.execute(known).scalar_one()
    return int(found)


def policy(connection: Connection, policy_id: int) -> str | None:
    """The text of a policy that decided."""
    found: str | None = connection.execute(
        select(policies.c.text).where(policies.c.id == policy_id)
    ).scalar_one_or_none()
    return found


def listed(
    connection: Connection, monitor_id: int, limit: int = 50, before: int | None = None
) -> tuple[Decision, ...]:
    """The endpoint's decisions, newest first, or those that were made before the one with a key."""
    query = select(*_COLUMNS).where(decisions.c.monitor_id == monitor_id)
    if before is not None:
        query = query.where(decisions.c.id < before)
    rows = connection.execute(query.order_by(decisions.c.id.desc()).limit(limit))
    return tuple(_decision(dict(row)) for row in rows.mappings())


def between(
    connection: Connection, monitor_id: int, start: datetime | None = None, end: datetime | None = None
) -> tuple[Decision, ...]:
    """The endpoint's decisions of a period (its end left out), oldest first."""
    query = select(*_COLUMNS).where(decisions.c.monitor_id == monitor_id)
    if start is not None:
        query = query.where(decisions.c.at >= start)
    if end is not None:
        query = query.where(decisions.c.at < end)
    rows = connection.execute(query.order_by(decisions.c.id))
    return tuple(_decision(dict(row)) for row in rows.mappings())


def yeses(connection: Connection, monitor_id: int) -> tuple[Decision, ...]:
    """The decisions to retrain, those that a dry run kept back among them, newest first."""
    wanted = [reason for reason in DecisionReason if reason.is_yes or reason is DecisionReason.WOULD_RETRAIN]
    rows = connection.execute(
        select(*_COLUMNS)
        .where(decisions.c.monitor_id == monitor_id, decisions.c.reason.in_(wanted))
        .order_by(decisions.c.id.desc())
    )
    return tuple(_decision(dict(row)) for row in rows.mappings())


def kept_back_at(connection: Connection, monitor_id: int) -> datetime | None:
    """When a dry run last kept back a run, or None."""
    found: datetime | None = connection.execute(
        select(func.max(decisions.c.at)).where(
            decisions.c.monitor_id == monitor_id, decisions.c.reason == DecisionReason.WOULD_RETRAIN
        )
    ).scalar_one()
    return found


def of_run(connection: Connection, run_id: int) -> Decision | None:
    """The decision that opened a run."""
    row = connection.execute(select(*_COLUMNS).where(decisions.c.run_id == run_id)).mappings().first()
    return None if row is None else _decision(dict(row))


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(
        **{
            **row,
            "reason": DecisionReason(row["reason"]),
            "seen": tuple((each[0], each[1], each[2]) for each in json.loads(row["seen"])),
            "conditions": tuple(map(_condition, json.loads(row["conditions"] or "[]"))),
            "reference": None if row["reference"] is None else json.loads(row["reference"]),
        }
    )


def _condition_as_json(stored: SeenCondition) -> dict[str, Any]:
    return {
        "condition": stored.condition,
        "wanted": stored.wanted,
        "breached": stored.is_breached,
        "hit": stored.hit.isoformat() if stored.hit else None,
        "windows": [
            [each.start.isoformat(), each.truth, [list(astuple(value)) for value in each.values]]
            for each in stored.windows
        ],
    }


def _condition(row: dict[str, Any]) -> SeenCondition:
    return SeenCondition(
        row["condition"],
        row["wanted"],
        row["breached"],
        datetime.fromisoformat(row["hit"]) if row["hit"] else None,
        tuple(
            SeenWindow(datetime.fromisoformat(start), truth, tuple(SeenValue(*value) for value in values))
            for start, truth, values in row["windows"]
        ),
    )
