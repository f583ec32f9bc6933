"""The fleet at a glance, in a fixed number of queries however many endpoints there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from store import executions, incidents, monitors
from store.records import Execution, ExecutionKind, FleetRow, Incident, Monitor, Outcome
from store.schema import baselines, feature_results, windows
from store.schema import executions as executions_table
from store.schema import incidents as incidents_table
from store.schema import monitors as monitors_table


def overview(connection: Connection) -> tuple[FleetRow, ...]:
    """Every watched endpoint with its newest judged window."""
    return _rows(connection, monitors.watched(connection), None)


def of_monitors(connection: Connection, chosen: Sequence[Monitor]) -> tuple[FleetRow, ...]:
    """These endpoints, in their order, each with its newest judged window."""
    return _rows(connection, chosen, [monitor.id for monitor in chosen])


def _rows(
    connection: Connection, chosen: Sequence[Monitor], only: Collection[int] | None
) -> tuple[FleetRow, ...]:
    newest = _newest_executions(connection, only)
    drift = _drift(connection, [execution.id for execution in newest.values()])
    breaches = _open_incidents(connection, only)
    versions = _baseline_versions(connection, only)
    rows = []
    for monitor in chosen:
        last = newest.get(monitor.id)
        worst, drifted = drift.get(last.id, (None, 0)) if last else (None, 0)
        rows.append(
            FleetRow(monitor, last, worst, drifted, tuple(breaches[monitor.id]), versions.get(monitor.id))
        )
    return tuple(rows)


def _among(column: ColumnElement[int], only: Collection[int] | None) -> ColumnElement[bool]:
    return true() if only is None else column.in_(only)


def _newest_executions(connection: Connection, only: Collection[int] | None) -> dict[int, Execution]:
    # One walk down the index for each monitor: ranking would read every execution there ever was.
    newest = (
        select(executions_table.c.id)
        .join(windows, windows.c.id == executions_table.c.window_id)
        .where(
            windows.c.monitor_id == monitors_table.c.id,
            executions_table.c.latest,
            executions_table.c.kind == ExecutionKind.DATA_QUALITY,
        )
        .order_by(windows.c.start.desc(), executions_table.c.id.desc())
        .limit(1)
        .correlate(monitors_table)
        .scalar_subquery()
    )
    each = select(newest).where(monitors_table.c.watched, _among(monitors_table.c.id, only))
    return {execution.monitor_id: execution for execution in executions.select_ids(connection, each)}


def _drift(connection: Connection, execution_ids: list[int]) -> dict[int, tuple[float | None, int]]:
    over = and_(
        feature_results.c.drift > feature_results.c.threshold,
        feature_results.c.outcome == Outcome.VIOLATED,
    )
    rows = connection.execute(
        select(
            feature_results.c.execution_id,
            func.max(feature_results.c.drift),
            func.count().filter(over),
        )
        .where(feature_results.c.execution_id.in_(execution_ids))
        .group_by(feature_results.c.execution_id)
    )
    return {row[0]: (row[1], int(row[2])) for row in rows}


def _open_incidents(connection: Connection, only: Collection[int] | None) -> defaultdict[int, list[Incident]]:
    found: defaultdict[int, list[Incident]] = defaultdict(list)
    mine = _among(incidents_table.c.monitor_id, only)
    for incident in incidents.fetch(connection, incidents_table.c.closed_at.is_(None), mine):
        found[incident.monitor_id].append(incident)
    return found


def _baseline_versions(connection: Connection, only: Collection[int] | None) -> dict[int, int]:
    rows = connection.execute(
        select(baselines.c.monitor_id, func.max(baselines.c.version))
        .where(_among(baselines.c.monitor_id, only))
        .group_by(baselines.c.monitor_id)
    )
    return {row[0]: int(row[1]) for row in rows}
