"""Executions: each judgement of a window, revision by revision, with its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, and_, func, insert, select, update

from store.records import (
    CheckRow,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    MetricRow,
    NewExecution,
    Outcome,
    Window,
)
from store.schema import baselines, check_results, executions, feature_results, metrics, windows

Row = TypeVar("Row")
_MANY = 500
"""Keys that one statement names: PostgreSQL takes 65,535 parameters."""


def record(
    connection: Connection, window: Window, new: NewExecution, now: datetime, *, beside: bool = False
) -> Execution:
    """Store a judgement as the window's next revision of its kind.

    `beside` leaves the verdict of before in force: nothing is published, told or decided by this one.
    """
    same = and_(executions.c.window_id == window.id, executions.c.kind == new.kind)
    last = connection.execute(
        select(func.coalesce(func.max(executions.c.revision), 0)).where(same)
    ).scalar_one()
    if not beside:
        connection.execute(update(executions).where(same, executions.c.latest).values(latest=False))
    added = insert(executions).values(
        monitor_id=window.monitor_id,
        window_id=window.id,
        kind=new.kind,
        revision=last + 1,
        status=new.status,
        baseline_id=new.baseline_id,
        distance_mode=new.distance_mode,
        judged_at=now,
        records=new.records,
        rejected=new.rejected,
        violations=sum(check.outcome is Outcome.VIOLATED for check in new.checks),
        message=new.message,
        config_digest=new.config_digest,
        latest=not beside,
        beside=beside,
    )
    execution_id = connection.execute(added.returning(executions.c.id)).scalar_one()
    _insert_rows(connection, execution_id, new)
    if new.kind is ExecutionKind.DATA_QUALITY and not beside:
        connection.execute(
            update(windows).where(windows.c.id == window.id).values(dirty=False, revision=last + 1)
        )
    stored = by_id(connection, execution_id)
    assert stored is not None  # noqa: S101 (written above, in this transaction)
    return stored


def _insert_rows(connection: Connection, execution_id: int, new: NewExecution) -> None:
    key = {"execution_id": execution_id}
    if new.features:
        rows = [{**key, "position": at, **_values(f)} for at, f in enumerate(new.features)]
        connection.execute(insert(feature_results), rows)
    if new.checks:
        connection.execute(insert(check_results), [{**key, **_values(check)} for check in new.checks])
    if new.metrics:
        connection.execute(insert(metrics), [{**key, **_values(metric)} for metric in new.metrics])


def _values(row: FeatureResult | CheckRow | MetricRow) -> dict[str, Any]:
    """A row's values by column; `asdict` copies each of them deeply, and took longer than inserting."""
    return {name: getattr(row, name) for name in row.__slots__}


def _executions() -> Select[Any]:
    own = (
        "id monitor_id window_id kind revision status distance_mode judged_at records rejected violations "
        "message config_digest latest published_at"
    )
    return (
        select(
            *[executions.c[name] for name in own.split()],
            windows.c.start,
            windows.c.end,
            windows.c.variant,
            windows.c.deployment_id,
            baselines.c.version.label("baseline_version"),
        )
        .join(windows, windows.c.id == executions.c.window_id)
        .outerjoin(baselines, baselines.c.id == executions.c.baseline_id)
    )


def _fetch(connection: Connection, query: Select[Any]) -> tuple[Execution, ...]:
    return tuple(
        Execution(**{**row, "kind": ExecutionKind(row["kind"]), "status": ExecutionStatus(row["status"])})
        for row in connection.execute(query).mappings()
    )


def by_id(connection: Connection, execution_id: int) -> Execution | None:
    """The execution with this key."""
    found = _fetch(connection, _executions().where(executions.c.id == execution_id))
    return found[0] if found else None


def select_ids(connection: Connection, ids: Select[tuple[int]]) -> tuple[Execution, ...]:
    """The executions that a query of keys names."""
    return _fetch(connection, _executions().where(executions.c.id.in_(ids)))


def of_window(connection: Connection, window_id: int) -> tuple[Execution, ...]:
    """Every revision of both kinds, newest first."""
    query = _executions().where(executions.c.window_id == window_id)
    return _fetch(connection, query.order_by(executions.c.id.desc()))


def latest_of(connection: Connection, window_id: int, kind: ExecutionKind) -> Execution | None:
    """The last revision of this kind of a window."""
    mine = (executions.c.window_id == window_id, executions.c.kind == kind, executions.c.latest)
    found = _fetch(connection, _executions().where(*mine))
    return found[0] if found else None


def verdicts(connection: Connection, monitor_id: int) -> tuple[Execution, ...]:
    """Every verdict of the endpoint, superseded ones too, in the order in which they were stored."""
    mine = (executions.c.monitor_id == monitor_id, ~executions.c.beside)
    return _fetch(connection, _executions().where(*mine).order_by(executions.c.id))


def latest(
    connection: Connection,
    monitor_id: int,
    kind: ExecutionKind,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int | None = 500,
) -> tuple[Execution, ...]:
    """The verdicts in force on the windows of a period, newest window first; without a limit all of them."""
    query = _executions().where(
        windows.c.monitor_id == monitor_id, executions.c.kind == kind, executions.c.latest
    )
    newest_first = within(query, start, end).order_by(
        windows.c.start.desc(), windows.c.variant, executions.c.id.desc()
    )
    return _fetch(connection, newest_first.limit(limit))


def before(
    connection: Connection,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    start: datetime,
    limit: int,
    kind: ExecutionKind = ExecutionKind.DATA_QUALITY,
) -> tuple[Execution, ...]:
    """The last revisions of the windows of this variant and era that begin before `start`, newest first."""
    query = _of_era(monitor_id, variant, deployment_id, kind).where(windows.c.start < start)
    return _fetch(connection, query.order_by(windows.c.start.desc()).limit(limit))


def of_records(
    connection: Connection,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    fewest: int,
    before: datetime | None = None,
) -> Execution | None:
    """The last revision of this variant and era's newest window, before a time, that has so many records."""
    query = _of_era(monitor_id, variant, deployment_id).where(executions.c.records >= fewest)
    if before is not None:
        query = query.where(windows.c.start < before)
    return next(iter(_fetch(connection, query.order_by(windows.c.start.desc()).limit(1))), None)


def after(
    connection: Connection, monitor_id: int, variant: str, deployment_id: int, start: datetime, limit: int
) -> tuple[Execution, ...]:
    """The last revisions of the windows of this variant and era that begin after `start`, oldest first."""
    query = _of_era(monitor_id, variant, deployment_id).where(windows.c.start > start)
    return _fetch(connection, query.order_by(windows.c.start).limit(limit))


def starts_after(
    connection: Connection, monitor_id: int, deployment_id: int, start: datetime, limit: int
) -> tuple[datetime, ...]:
    """When an era's judged windows, of whichever variant, begin after `start`; each once, oldest first."""
    query = (
        select(windows.c.start)
        .distinct()
        .where(
            windows.c.monitor_id == monitor_id,
            windows.c.deployment_id == deployment_id,
            windows.c.start > start,
            windows.c.revision > 0,
        )
    )
    return tuple(connection.execute(query.order_by(windows.c.start).limit(limit)).scalars())


def _of_era(
    monitor_id: int, variant: str, deployment_id: int, kind: ExecutionKind = ExecutionKind.DATA_QUALITY
) -> Select[Any]:
    return _executions().where(
        windows.c.monitor_id == monitor_id,
        executions.c.kind == kind,
        executions.c.latest,
        windows.c.variant == variant,
        windows.c.deployment_id == deployment_id,
    )


def recent(
    connection: Connection,
    monitor_id: int,
    kind: ExecutionKind,
    variant: str,
    deployment_id: int,
    limit: int,
    before: datetime | None = None,
) -> tuple[Execution, ...]:
    """The last revisions of one kind of this variant and era, newest window first; all or before a time."""
    query = _of_era(monitor_id, variant, deployment_id, kind)
    if before is not None:
        query = query.where(windows.c.start < before)
    return _fetch(connection, query.order_by(windows.c.start.desc()).limit(limit))


def volumes(
    connection: Connection, monitor_id: int, variant: str, deployment_id: int, before: datetime, limit: int
) -> dict[datetime, int]:
    """How much came, rejects too, in this variant and era's newest windows that begin before a time."""
    query = (
        _of_era(monitor_id, variant, deployment_id)
        .with_only_columns(windows.c.start, executions.c.records + executions.c.rejected)
        .where(windows.c.start < before)
        .order_by(windows.c.start.desc())
        .limit(limit)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def of_windows(
    connection: Connection, window_ids: Collection[int], kind: ExecutionKind
) -> tuple[Execution, ...]:
    """The last revisions of one kind of these windows."""
    query = _executions().where(
        executions.c.window_id.in_(window_ids), executions.c.kind == kind, executions.c.latest
    )
    return _fetch(connection, query)


def features_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[FeatureResult, ...]]:
    """The features of several executions, by execution."""
    rows = _rows_of(connection, feature_results, FeatureResult.__slots__, ids)
    return _grouped((at, FeatureResult(**{**row, "outcome": Outcome(row["outcome"])})) for at, row in rows)


def checks_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[CheckRow, ...]]:
    """The checks of several executions, by execution."""
    rows = _rows_of(connection, check_results, CheckRow.__slots__, ids)
    return _grouped((at, CheckRow(**{**row, "outcome": Outcome(row["outcome"])})) for at, row in rows)


def metrics_of(connection: Connection, ids: Collection[int]) -> dict[int, tuple[MetricRow, ...]]:
    """The metrics of several executions, by execution."""
    rows = _rows_of(connection, metrics, MetricRow.__slots__, ids)
    return _grouped((at, MetricRow(**row)) for at, row in rows)


def _rows_of(
    connection: Connection, table: Table, names: Iterable[str], ids: Collection[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    query = select(table.c.execution_id, *[table.c[name] for name in names])
    found = connection.execute(query.where(table.c.execution_id.in_(ids)).order_by(table.c.id))
    for row in map(dict, found.mappings()):
        yield row.pop("execution_id"), row


def _grouped(rows: Iterable[tuple[int, Row]]) -> dict[int, tuple[Row, ...]]:
    found: dict[int, list[Row]] = {}
    for execution_id, row in rows:
        found.setdefault(execution_id, []).append(row)
    return {execution_id: tuple(listed) for execution_id, listed in found.items()}


def features(connection: Connection, execution_id: int) -> tuple[FeatureResult, ...]:
    """The execution's features, in the baseline's order."""
    names = FeatureResult.__slots__
    rows = connection.execute(
        select(*[feature_results.c[name] for name in names])
        .where(feature_results.c.execution_id == execution_id)
        .order_by(feature_results.c.position)
    )
    return tuple(FeatureResult(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows.mappings())


def checks(connection: Connection, execution_id: int) -> tuple[CheckRow, ...]:
    """The execution's checks, as they were made."""
    rows = connection.execute(
        select(*[check_results.c[name] for name in CheckRow.__slots__])
        .where(check_results.c.execution_id == execution_id)
        .order_by(check_results.c.id)
    )
    return tuple(CheckRow(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows.mappings())


def metric_rows(connection: Connection, execution_id: int) -> tuple[MetricRow, ...]:
    """The execution's metrics, by name."""
    rows = connection.execute(
        select(*[metrics.c[name] for name in MetricRow.__slots__])
        .where(metrics.c.execution_id == execution_id)
        .order_by(metrics.c.name)
    )
    return tuple(MetricRow(**row) for row in rows.mappings())


def with_details(
    connection: Connection, ids: Collection[int], details: Collection[str]
) -> tuple[tuple[str, str, int], ...]:
    """(feature, detail, executions) of the checks of these executions that say one of these, by feature."""
    found: Counter[tuple[str, str]] = Counter()
    wanted = sorted(set(ids))
    for at in range(0, len(wanted), _MANY):
        rows = connection.execute(
            select(
                check_results.c.feature,
                check_results.c.detail,
                func.count(check_results.c.execution_id.distinct()),
            )
            .where(
                check_results.c.execution_id.in_(wanted[at : at + _MANY]), check_results.c.detail.in_(details)
            )
            .group_by(check_results.c.feature, check_results.c.detail)
        )
        found.update({(row[0], row[1]): int(row[2]) for row in rows})
    return tuple((*key, found[key]) for key in sorted(found))


def within(query: Select[Any], start: datetime | None, end: datetime | None) -> Select[Any]:
    """The windows of a period alone."""
    if start is not None:
        query = query.where(windows.c.start >= start)
    return query if end is None else query.where(windows.c.end <= end)


def unpublished(
    connection: Connection,
    monitor_id: int,
    limit: int = 50,
    *,
    kinds: Collection[ExecutionKind] = (ExecutionKind.DATA_QUALITY,),
) -> tuple[Execution, ...]:
    """Last revisions of these kinds whose result tree is not written yet, oldest first."""
    query = _executions().where(
        executions.c.monitor_id == monitor_id,
        executions.c.kind.in_(kinds),
        executions.c.latest,
        executions.c.published_at.is_(None),
    )
    return _fetch(connection, query.order_by(executions.c.id).limit(limit))


def published(connection: Connection, execution_id: int, at: datetime) -> None:
    """The execution's result tree is written."""
    connection.execute(update(executions).where(executions.c.id == execution_id).values(published_at=at))
