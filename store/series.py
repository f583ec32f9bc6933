"""Series: what the windows of a period measured, in the order of time, for pictures and reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from store.executions import within
from store.records import ExecutionKind, MetricRow, Outcome
from store.schema import check_results, executions, feature_results, metrics, windows


@dataclass(frozen=True, slots=True)
class ViolationCount:
    """In how many judged windows of a period a feature violated a check."""

    check: str
    feature: str
    windows: int


@dataclass(frozen=True, slots=True)
class DriftPoint:
    """One feature's distance in one window, for the picture over time."""

    start: datetime
    variant: str
    feature: str
    drift: float | None
    threshold: float | None
    outcome: Outcome
    execution_id: int


@dataclass(frozen=True, slots=True)
class QualityPoint:
    """One metric in one window, with its interval."""

    start: datetime
    variant: str
    metric: MetricRow
    execution_id: int


def violations(
    connection: Connection, monitor_id: int, *, start: datetime, end: datetime
) -> tuple[ViolationCount, ...]:
    """What was violated in the windows of a period, by the last revision of each; the most frequent first."""
    query = (
        select(check_results.c.check, check_results.c.feature, func.count().label("windows"))
        .join(executions, executions.c.id == check_results.c.execution_id)
        .join(windows, windows.c.id == executions.c.window_id)
        .where(
            windows.c.monitor_id == monitor_id,
            executions.c.latest,
            check_results.c.outcome == Outcome.VIOLATED,
        )
        .group_by(check_results.c.check, check_results.c.feature)
        .order_by(func.count().desc(), check_results.c.check, check_results.c.feature)
    )
    rows = connection.execute(within(query, start, end)).mappings()
    return tuple(ViolationCount(**row) for row in rows)


def drift(
    connection: Connection, monitor_id: int, *, start: datetime | None = None, end: datetime | None = None
) -> tuple[DriftPoint, ...]:
    """Every feature's distance in every window of a period, oldest first."""
    query = (
        select(
            windows.c.start,
            windows.c.variant,
            feature_results.c.feature,
            feature_results.c.drift,
            feature_results.c.threshold,
            feature_results.c.outcome,
            executions.c.id.label("execution_id"),
        )
        .join(executions, executions.c.id == feature_results.c.execution_id)
        .join(windows, windows.c.id == executions.c.window_id)
        .where(windows.c.monitor_id == monitor_id, executions.c.latest)
        .order_by(windows.c.start, windows.c.variant, executions.c.id, feature_results.c.position)
    )
    rows = connection.execute(within(query, start, end)).mappings()
    return tuple(DriftPoint(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows)


def quality(
    connection: Connection, monitor_id: int, *, start: datetime | None = None, end: datetime | None = None
) -> tuple[QualityPoint, ...]:
    """Every quality metric in every labelled window of a period, oldest first."""
    query = _quality().where(windows.c.monitor_id == monitor_id)
    query = query.order_by(windows.c.start, windows.c.variant, executions.c.id, metrics.c.name)
    return _points(connection, within(query, start, end))


def measured(
    connection: Connection,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    metric: str,
    *,
    since: datetime,
    fewest: int,
    limit: int,
    newest_first: bool = False,
) -> tuple[QualityPoint, ...]:
    """A metric in the windows of this variant and era that begin from `since` on, where it was measured.

    By the last revision of each, oldest first unless said otherwise; on `fewest` labelled records or more.
    """
    query = _quality().where(
        windows.c.monitor_id == monitor_id,
        windows.c.variant == variant,
        windows.c.deployment_id == deployment_id,
        metrics.c.name == metric,
        metrics.c.value.is_not(None),
        metrics.c.count >= fewest,
    )
    order = windows.c.start.desc() if newest_first else windows.c.start
    return _points(connection, within(query, since, None).order_by(order).limit(limit))


def _quality() -> Select[Any]:
    """What the last revisions of windows measured of a model's quality."""
    return (
        select(
            windows.c.start,
            windows.c.variant,
            executions.c.id,
            *[metrics.c[name] for name in MetricRow.__slots__],
        )
        .join(executions, executions.c.id == metrics.c.execution_id)
        .join(windows, windows.c.id == executions.c.window_id)
        .where(executions.c.latest, executions.c.kind == ExecutionKind.MODEL_QUALITY)
    )


def _points(connection: Connection, query: Select[Any]) -> tuple[QualityPoint, ...]:
    return tuple(
        QualityPoint(
            row.start,
            row.variant,
            MetricRow(row.name, row.value, row.low, row.high, row._mapping["count"]),
            row.id,
        )
        for row in connection.execute(query)
    )
