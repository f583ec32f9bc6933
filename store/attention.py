"""The fleet by what needs attention: pages of it, counts of it, totals of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, exists, func, select

from store import fleet
from store.records import ExecutionKind, FleetRow, FleetState, IncidentKind, Monitor
from store.schema import executions, incidents, monitors, rejects

_COLUMNS = [monitors.c[name] for name in Monitor.__slots__]
_ORDER = tuple(FleetState)


@dataclass(frozen=True, slots=True)
class FleetPage:
    """Some endpoints of a fleet, and how many of it there are in each state."""

    rows: tuple[FleetRow, ...]
    matching: int
    counts: dict[FleetState, int]


@dataclass(frozen=True, slots=True)
class FleetTotals:
    """What was counted of one endpoint since its history begins."""

    endpoint: str
    records: int
    rejects: dict[str, int]


def page(
    connection: Connection,
    *,
    containing: str = "",
    state: FleetState | None = None,
    limit: int,
    offset: int = 0,
) -> FleetPage:
    """Watched endpoints with a text in their names, the most pressing first, then by name.

    The counts are of all states, whichever is asked for. A fixed number of queries however many there are.
    """
    rank = _rank()
    named = monitors.c.watched & monitors.c.name.icontains(containing, autoescape=True)
    rows = connection.execute(select(rank.label("rank"), func.count()).where(named).group_by("rank"))
    counts = dict.fromkeys(FleetState, 0) | {_ORDER[row[0]]: int(row[1]) for row in rows}
    wanted = named if state is None else named & (rank == _ORDER.index(state))
    found = connection.execute(
        select(*_COLUMNS).where(wanted).order_by(rank, monitors.c.name).limit(limit).offset(offset)
    )
    chosen = [Monitor(**row) for row in found.mappings()]
    matching = sum(counts.values()) if state is None else counts[state]
    return FleetPage(fleet.of_monitors(connection, chosen), matching, counts)


def _rank() -> ColumnElement[int]:
    """The place of `FleetRow.state` among the states, as SQL."""
    judged = exists().where(
        executions.c.monitor_id == monitors.c.id,
        executions.c.kind == ExecutionKind.DATA_QUALITY,
        executions.c.latest,
    )
    return case(
        (monitors.c.problem.is_not(None), _ORDER.index(FleetState.PROBLEM)),
        (_has_open(IncidentKind.DATA_FAULT), _ORDER.index(FleetState.DATA_FAULT)),
        (_has_open(IncidentKind.SKEW), _ORDER.index(FleetState.SKEW)),
        (_has_open(IncidentKind.QUALITY), _ORDER.index(FleetState.QUALITY)),
        (_has_open(IncidentKind.DRIFT), _ORDER.index(FleetState.DRIFTING)),
        (~judged, _ORDER.index(FleetState.WAITING)),
        else_=_ORDER.index(FleetState.QUIET),
    )


def _has_open(kind: IncidentKind) -> ColumnElement[bool]:
    return exists().where(
        incidents.c.monitor_id == monitors.c.id, incidents.c.closed_at.is_(None), incidents.c.kind == kind
    )


def totals(connection: Connection) -> tuple[FleetTotals, ...]:
    """Records and rejects of each watched endpoint, by name."""
    rows = connection.execute(
        select(monitors.c.id, monitors.c.name, monitors.c.counted_records)
        .where(monitors.c.watched)
        .order_by(monitors.c.name)
    ).all()
    bad: dict[int, dict[str, int]] = {}
    for monitor_id, kind, count in connection.execute(
        select(rejects.c.monitor_id, rejects.c.kind, func.sum(rejects.c.count))
        .group_by(rejects.c.monitor_id, rejects.c.kind)
        .order_by(rejects.c.kind)
    ):
        bad.setdefault(monitor_id, {})[kind] = int(count)
    return tuple(FleetTotals(row.name, int(row.counted_records), bad.get(row.id, {})) for row in rows)
