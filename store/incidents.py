"""Incidents, and every change of one as a row."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, insert, select, update

from store.records import ExecutionKind, Incident, IncidentChange, IncidentEvent, IncidentKind, Outcome
from store.rows import to_json
from store.schema import check_results, deployments, executions, incident_events, incidents, windows

_COLUMNS = [incidents.c[name] for name in Incident.__slots__]


def open_ones(connection: Connection, monitor_id: int) -> tuple[Incident, ...]:
    """Incidents that are not closed, oldest first."""
    return fetch(connection, incidents.c.monitor_id == monitor_id, incidents.c.closed_at.is_(None))


def outlived(connection: Connection, monitor_id: int) -> tuple[Incident, ...]:
    """Incidents that are not closed although their era is over, oldest first."""
    over = select(deployments.c.id).where(
        deployments.c.monitor_id == monitor_id, deployments.c.ended_at.is_not(None)
    )
    mine = (incidents.c.monitor_id == monitor_id, incidents.c.closed_at.is_(None))
    return fetch(connection, *mine, incidents.c.deployment_id.in_(over))


def history(connection: Connection, monitor_id: int) -> tuple[Incident, ...]:
    """Every incident of the endpoint, oldest first."""
    return fetch(connection, incidents.c.monitor_id == monitor_id)


def data_faults(
    connection: Connection, monitor_id: int, variant: str, deployment_id: int
) -> tuple[Incident, ...]:
    """What forbids to train on an era's variant (data faults, skew), open or over, oldest first."""
    return fetch(
        connection,
        incidents.c.monitor_id == monitor_id,
        incidents.c.kind.in_([kind for kind in IncidentKind if kind.forbids_retraining]),
        incidents.c.variant == variant,
        incidents.c.deployment_id == deployment_id,
    )


def by_id(connection: Connection, incident_id: int) -> Incident | None:
    """The incident with this key."""
    found = fetch(connection, incidents.c.id == incident_id)
    return found[0] if found else None


def fetch(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Incident, ...]:
    """Incidents under any condition, oldest first."""
    rows = connection.execute(select(*_COLUMNS).where(*conditions).order_by(incidents.c.id)).mappings()
    return tuple(
        Incident(**{**row, "kind": IncidentKind(row["kind"]), "features": tuple(json.loads(row["features"]))})
        for row in rows
    )


def violated(
    connection: Connection,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    first: datetime,
    last: datetime,
    kind: ExecutionKind = ExecutionKind.DATA_QUALITY,
) -> frozenset[tuple[str, str]]:
    """(feature, check) of all that this variant and era's windows from `first` to `last` violated."""
    rows = connection.execute(
        select(check_results.c.feature, check_results.c.check)
        .distinct()
        .join(executions, executions.c.id == check_results.c.execution_id)
        .join(windows, windows.c.id == executions.c.window_id)
        .where(
            windows.c.monitor_id == monitor_id,
            windows.c.variant == variant,
            windows.c.deployment_id == deployment_id,
            windows.c.start.between(first, last),
            executions.c.kind == kind,
            executions.c.latest,
            check_results.c.outcome == Outcome.VIOLATED,
        )
    )
    return frozenset((row.feature, row.check) for row in rows)


def add(
    connection: Connection,
    *,
    monitor_id: int,
    deployment_id: int,
    variant: str,
    kind: IncidentKind,
    window: datetime,
    severity: float,
    features: tuple[str, ...],
    summary: str,
    execution_id: int | None,
    now: datetime,
) -> Incident:
    """Open an incident."""
    added = insert(incidents).values(
        monitor_id=monitor_id,
        deployment_id=deployment_id,
        variant=variant,
        kind=kind,
        opened_at=now,
        first_window=window,
        last_window=window,
        severity=severity,
        features=to_json(features),
        summary=summary,
        breached_windows=1,
    )
    incident_id = connection.execute(added.returning(incidents.c.id)).scalar_one()
    _event(connection, incident_id, IncidentChange.OPENED, summary, execution_id, now)
    opened = by_id(connection, incident_id)
    assert opened is not None  # noqa: S101 (written above, in this transaction)
    return opened


def worsen(
    connection: Connection,
    incident: Incident,
    *,
    window: datetime,
    severity: float,
    features: tuple[str, ...],
    summary: str,
    execution_id: int | None,
    now: datetime,
    again: bool = False,
) -> None:
    """Another window breached, or one that is counted `again` was judged anew.

    The incident keeps its worst, and all features that were touched. It worsened where it is further off
    than before or touches more; else it went on, and of a window judged anew nothing is told then.
    """
    connection.execute(
        update(incidents)
        .where(incidents.c.id == incident.id)
        .values(
            last_window=max(window, incident.last_window),
            first_window=min(window, incident.first_window),
            severity=max(severity, incident.severity),
            features=to_json(features),
            summary=summary,
            breached_windows=incident.breached_windows + (not again),
        )
    )
    if severity > incident.severity or not set(features) <= set(incident.features):
        _event(connection, incident.id, IncidentChange.WORSENED, summary, execution_id, now)
    elif not again:
        _event(connection, incident.id, IncidentChange.CONTINUED, summary, execution_id, now)


def restate(
    connection: Connection,
    incident: Incident,
    *,
    first_window: datetime,
    last_window: datetime,
    breached_windows: int,
    severity: float,
    features: tuple[str, ...],
    summary: str,
    execution_id: int | None,
    now: datetime,
) -> None:
    """Say of an open incident what it is now; told is where that is worse, or longer."""
    said = (first_window, last_window, breached_windows, severity, features, summary)
    own = incident
    known = (
        *(own.first_window, own.last_window, own.breached_windows),
        *(own.severity, own.features, own.summary),
    )
    if said == known:
        return
    connection.execute(
        update(incidents)
        .where(incidents.c.id == own.id)
        .values(
            first_window=first_window,
            last_window=last_window,
            breached_windows=breached_windows,
            severity=severity,
            features=to_json(features),
            summary=summary,
        )
    )
    if severity > own.severity or not set(features) <= set(own.features):
        _event(connection, own.id, IncidentChange.WORSENED, summary, execution_id, now)
    elif breached_windows > own.breached_windows:
        _event(connection, own.id, IncidentChange.CONTINUED, summary, execution_id, now)


def close(
    connection: Connection,
    incident: Incident,
    *,
    reason: str,
    execution_id: int | None,
    now: datetime,
    last_window: datetime | None = None,
) -> None:
    """Close an incident, of which windows after its last breach may be shown to be a part by then."""
    connection.execute(
        update(incidents)
        .where(incidents.c.id == incident.id)
        .values(closed_at=now, last_window=last_window or incident.last_window)
    )
    _event(connection, incident.id, IncidentChange.CLOSED, reason, execution_id, now)


def _event(
    connection: Connection,
    incident_id: int,
    change: IncidentChange,
    reason: str,
    execution_id: int | None,
    now: datetime,
) -> None:
    connection.execute(
        insert(incident_events).values(
            incident_id=incident_id, at=now, change=change, reason=reason, execution_id=execution_id
        )
    )


def events(connection: Connection, incident_id: int) -> tuple[IncidentEvent, ...]:
    """An incident's changes, oldest first."""
    rows = connection.execute(
        select(*[incident_events.c[name] for name in IncidentEvent.__slots__])
        .where(incident_events.c.incident_id == incident_id)
        .order_by(incident_events.c.id)
    )
    return tuple(IncidentEvent(**{**row, "change": IncidentChange(row["change"])}) for row in rows.mappings())
