"""Turns: the fleet's endpoints stand in one queue, which replicas share; who waited longest comes first.

A turn that is taken is put off at once, so that nobody else takes it, and comes again by itself where the
process that took it dies. Times are the machine's: when an endpoint is looked at is no business rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from store.deployments import COLUMNS, of_row
from store.monitors import register
from store.records import Deployment, ExecutionKind, Monitor
from store.retraining import RunState
from store.schema import deployments, executions, incidents, monitors, runs, windows

_MONITOR = [monitors.c[name] for name in Monitor.__slots__]
_MANY = 500
"""Rows to a statement."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of an endpoint whose turn it is: enough to see that there is nothing to do."""

    monitor: Monitor
    due_at: datetime | None
    """When its turn had come (wall time); none where it was never enrolled, which comes before all others."""
    eras: tuple[Deployment, ...]
    """Oldest first."""
    listing_seen: str | None
    """The digest of what was listed when all of it was counted."""
    baseline_seen: str | None
    """The digest of the files that the endpoint's baseline folder held."""
    first_dirty: datetime | None
    """The end of the first window that is to be judged."""
    first_unmeasured: datetime | None
    """The end of the first judged window whose labels or predictions changed since."""
    outlived: bool
    """Whether an incident is open whose era is over."""
    unpublished: frozenset[ExecutionKind]
    """Of which kinds there are executions that the result tree does not have."""
    is_tried: bool = False
    """Whether a run looks at its new model's first windows: of these it has to know that all came."""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the fleet is behind: endpoints whose turn has come, since when, and objects that wait."""

    overdue: int
    overdue_since: datetime | None
    lagging: int
    """Endpoints with objects that wait."""
    waiting_objects: int
    waiting_since: datetime | None
    """When the oldest object that waits was begun (business time)."""


def enrol(connection: Connection, entries: Mapping[str, str], now: datetime) -> None:
    """Register endpoints, given by name with their entries' digests; those that changed have a turn now."""
    rows = connection.execute(select(monitors.c.name, monitors.c.config_digest, monitors.c.watched))
    known = {row.name: (row.config_digest, row.watched) for row in rows}
    new = [name for name in entries if name not in known]
    for at in range(0, len(new), _MANY):
        chunk = new[at : at + _MANY]
        rows_of = [
            {"name": name, "config_digest": entries[name], "created_at": now, "watched": True}
            for name in chunk
        ]
        try:
            with connection.begin_nested():
                connection.execute(insert(monitors), rows_of)
        except IntegrityError:  # another replica is at it in this very moment
            for name in chunk:
                register(connection, name, entries[name], now)
    for name, digest in entries.items():
        if name in known and known[name] != (digest, True):
            connection.execute(
                update(monitors)
                .where(monitors.c.name == name)
                .values(config_digest=digest, watched=True, turn_at=_no_later_than(datetime.now(UTC)))
            )
    never = monitors.c.watched & monitors.c.turn_at.is_(None)  # who never had a turn waits for it from now on
    connection.execute(update(monitors).where(never).values(turn_at=datetime.now(UTC)))


def unwatched(connection: Connection) -> frozenset[str]:
    """The endpoints that were watched and are not, by name."""
    return frozenset(connection.scalars(select(monitors.c.name).where(~monitors.c.watched)))


def take(
    connection: Connection, now: datetime, until: datetime, limit: int, named: Sequence[str] | None = None
) -> tuple[Standing, ...]:
    """The endpoints whose turn has come, the longest overdue first; their next is put off to `until`.

    One that somebody is at work on has its turn later. Of those that are named (the first of them, where they
    are many) the turn has come.
    """
    come = or_(monitors.c.turn_at.is_(None), monitors.c.turn_at <= now)
    due = (
        select(monitors.c.id, monitors.c.turn_at)
        .where(
            monitors.c.watched,
            come if named is None else monitors.c.name.in_(named[:_MANY]),
            or_(monitors.c.lease_until.is_(None), monitors.c.lease_until < now),
        )
        .order_by(monitors.c.turn_at.nulls_first(), monitors.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = {row.id: row.turn_at for row in connection.execute(due)}
    if not found:
        return ()
    connection.execute(update(monitors).where(monitors.c.id.in_(found)).values(turn_at=until))
    return _standings(connection, found)


def _standings(connection: Connection, due: Mapping[int, datetime | None]) -> tuple[Standing, ...]:
    ids = list(due)
    eras: defaultdict[int, list[Deployment]] = defaultdict(list)
    found = connection.execute(
        select(*COLUMNS).where(deployments.c.monitor_id.in_(ids)).order_by(deployments.c.started_at)
    )
    for row in found.mappings():
        eras[row["monitor_id"]].append(of_row(row))
    kinds = tuple(ExecutionKind)
    rows = connection.execute(
        select(
            *_MONITOR,
            monitors.c.listing_seen,
            monitors.c.baseline_seen,
            _first(windows.c.dirty).label("first_dirty"),
            _first(windows.c.quality_dirty, windows.c.revision > 0).label("first_unmeasured"),
            _outlived().label("outlived"),
            _is_tried().label("is_tried"),
            *[_unpublished(kind).label(kind.name) for kind in kinds],
        ).where(monitors.c.id.in_(ids))
    )
    standings = {
        row["id"]: Standing(
            Monitor(**{name: row[name] for name in Monitor.__slots__}),
            due[row["id"]],
            tuple(eras[row["id"]]),
            row["listing_seen"],
            row["baseline_seen"],
            row["first_dirty"],
            row["first_unmeasured"],
            bool(row["outlived"]),
            frozenset(kind for kind in kinds if row[kind.name]),
            bool(row["is_tried"]),
        )
        for row in rows.mappings()
    }
    return tuple(standings[key] for key in ids)


def _first(*wanted: ColumnElement[bool]) -> ColumnElement[datetime | None]:
    """The end of the first such window: one step down an index."""
    return (
        select(windows.c.end)
        .where(windows.c.monitor_id == monitors.c.id, *wanted)
        .order_by(windows.c.end)
        .limit(1)
        .correlate(monitors)
        .scalar_subquery()
    )


def _outlived() -> ColumnElement[bool]:
    return exists().where(
        incidents.c.monitor_id == monitors.c.id,
        incidents.c.closed_at.is_(None),
        deployments.c.id == incidents.c.deployment_id,
        deployments.c.ended_at.is_not(None),
    )


def _is_tried() -> ColumnElement[bool]:
    return exists().where(runs.c.monitor_id == monitors.c.id, runs.c.open, runs.c.state == RunState.DEPLOYED)


def _unpublished(kind: ExecutionKind) -> ColumnElement[bool]:
    return exists().where(
        executions.c.monitor_id == monitors.c.id,
        executions.c.kind == kind,
        executions.c.latest,
        executions.c.published_at.is_(None),
    )


def conclude(
    connection: Connection,
    monitor_id: int,
    listing_seen: str | None,
    waiting_objects: int,
    waiting_since: datetime | None,
    counted: tuple[datetime, datetime] | None = None,
) -> None:
    """What a round leaves behind: what it saw of the listing if it counted all of it, and what waits.

    `counted` is between when (business time) all captures were listed and are counted, None where they were
    not; it is put to what was counted before where nothing lies between.
    """
    values: dict[str, object] = {
        "listing_seen": listing_seen,
        "waiting_objects": waiting_objects,
        "waiting_since": waiting_since,
    }
    if counted is not None:
        since, until = counted
        column = monitors.c.counted_since
        joins = monitors.c.counted_until >= since
        values["counted_since"] = case((joins, column), else_=literal(since, column.type))
        values["counted_until"] = until
    connection.execute(update(monitors).where(monitors.c.id == monitor_id).values(**values))


def again_at(connection: Connection, monitor_ids: Collection[int], at: datetime | None) -> None:
    """When these endpoints have their next turn; None is at once, before all others."""
    connection.execute(update(monitors).where(monitors.c.id.in_(monitor_ids)).values(turn_at=at))


def all_at_once(connection: Connection) -> None:
    """Every watched endpoint has its turn now; who waits already waits since then."""
    none_after(connection, datetime.now(UTC))


def none_after(connection: Connection, moment: datetime) -> None:
    """Every watched endpoint has its turn by that moment."""
    connection.execute(update(monitors).where(monitors.c.watched, _after(moment)).values(turn_at=moment))


def _after(moment: datetime) -> ColumnElement[bool]:
    return or_(monitors.c.turn_at.is_(None), monitors.c.turn_at > moment)


def _no_later_than(moment: datetime) -> ColumnElement[datetime]:
    return case((_after(moment), moment), else_=monitors.c.turn_at)


def lag(connection: Connection, now: datetime) -> Lag:
    """What waits in the whole fleet at a moment (wall time).

    An endpoint that never had a turn waits for one, too: since it was enrolled.
    """
    due = or_(monitors.c.turn_at.is_(None), monitors.c.turn_at <= now)
    waits = monitors.c.waiting_objects > 0
    row = connection.execute(
        select(
            func.count().filter(due),
            func.min(monitors.c.turn_at).filter(due),
            func.count().filter(waits),
            func.coalesce(func.sum(monitors.c.waiting_objects), 0),
            func.min(monitors.c.waiting_since),
        ).where(monitors.c.watched)
    ).one()
    return Lag(int(row[0]), row[1], int(row[2]), int(row[3]), row[4])
