"""Monitors: one row an endpoint, and the lease by which replicas share them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, case, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from store.records import Late, Monitor
from store.rows import one
from store.schema import monitors


class LeaseLostError(Exception):
    """Another replica holds the monitor now: what was under way is rolled back and left to it."""


_COLUMNS = [monitors.c[name] for name in Monitor.__slots__]


def register(connection: Connection, name: str, config_digest: str, now: datetime) -> Monitor:
    """The monitor of this endpoint, made when missing, with its configuration's digest brought up to date."""
    changed = (
        update(monitors).where(monitors.c.name == name).values(config_digest=config_digest, watched=True)
    )
    if connection.execute(changed).rowcount == 0:
        try:
            with connection.begin_nested():
                connection.execute(
                    insert(monitors).values(
                        name=name, config_digest=config_digest, created_at=now, watched=True
                    )
                )
        except IntegrityError:  # another replica registered it in this very moment
            connection.execute(changed)
    registered = by_name(connection, name)
    assert registered is not None  # noqa: S101 (it was written a line above, in this transaction)
    return registered


def unwatch_others(connection: Connection, names: Collection[str], since: datetime | None = None) -> None:
    """Endpoints no longer in kedge.yaml keep their history and leave the fleet page.

    They are gone `since` then (wall time), or from now on.
    """
    # nobody takes their turns any more: when the next was due says since when
    gone = {"watched": False, "turn_at": since or datetime.now(UTC)}
    found = connection.execute(select(monitors.c.id, monitors.c.name).where(monitors.c.watched))
    kept = frozenset(names)
    for key in [row.id for row in found if row.name not in kept]:
        connection.execute(update(monitors).where(monitors.c.id == key).values(**gone))


def unwatched_since(connection: Connection, moment: datetime) -> frozenset[int]:
    """The endpoints, by their keys, that nobody has watched since that moment (wall time) or longer."""
    long_ago = or_(monitors.c.turn_at.is_(None), monitors.c.turn_at <= moment)
    return frozenset(connection.scalars(select(monitors.c.id).where(~monitors.c.watched, long_ago)))


def by_name(connection: Connection, name: str) -> Monitor | None:
    """The monitor of an endpoint, if it was ever registered."""
    return one(Monitor, connection.execute(select(*_COLUMNS).where(monitors.c.name == name)))


def by_id(connection: Connection, monitor_id: int) -> Monitor | None:
    """The monitor with this key."""
    return one(Monitor, connection.execute(select(*_COLUMNS).where(monitors.c.id == monitor_id)))


def by_ids(connection: Connection, ids: Collection[int]) -> dict[int, Monitor]:
    """The monitors with these keys, by key."""
    rows = connection.execute(select(*_COLUMNS).where(monitors.c.id.in_(ids)))
    return {row["id"]: Monitor(**row) for row in rows.mappings()}


def watched(connection: Connection) -> tuple[Monitor, ...]:
    """The monitors of today's kedge.yaml, by name."""
    rows = connection.execute(select(*_COLUMNS).where(monitors.c.watched).order_by(monitors.c.name))
    return tuple(Monitor(**row) for row in rows.mappings())


def claim(connection: Connection, monitor_id: int, owner: str, now: datetime, until: datetime) -> bool:
    """Take the monitor's lease if it is free, run out, or ours already (wall time)."""
    free = or_(
        monitors.c.lease_until.is_(None), monitors.c.lease_until < now, monitors.c.lease_owner == owner
    )
    taken = connection.execute(
        update(monitors)
        .where(and_(monitors.c.id == monitor_id, free))
        .values(lease_owner=owner, lease_until=until)
    )
    return taken.rowcount == 1


def hold(connection: Connection, monitor_id: int, owner: str, until: datetime) -> None:
    """Renew our lease within the transaction that writes; raises LeaseLostError when it is another's.

    The row lock this takes makes every writer of a monitor wait for the one before, so that a replica that
    slept through its lease can't write beside its successor.
    """
    held = connection.execute(
        update(monitors)
        .where(monitors.c.id == monitor_id, monitors.c.lease_owner == owner)
        .values(lease_until=until)
    )
    if held.rowcount != 1:
        raise LeaseLostError(f"the lease of monitor {monitor_id} was taken by another replica")


def release(connection: Connection, monitor_id: int, owner: str) -> None:
    """Give the lease back; nothing happens if it is no longer ours."""
    ours = and_(monitors.c.id == monitor_id, monitors.c.lease_owner == owner)
    connection.execute(update(monitors).where(ours).values(lease_owner=None, lease_until=None))


def claim_report(connection: Connection, monitor_id: int, now: datetime, until: datetime) -> bool:
    """Take it upon oneself to write the endpoint's report until then, if nobody else is at it (wall time).

    This is apart from the lease: a report takes long, and no window should wait for it.
    """
    free = or_(monitors.c.report_until.is_(None), monitors.c.report_until < now)
    taken = connection.execute(
        update(monitors).where(and_(monitors.c.id == monitor_id, free)).values(report_until=until)
    )
    return taken.rowcount == 1


def release_report(connection: Connection, monitor_id: int) -> None:
    """The report is written, or was given up."""
    connection.execute(update(monitors).where(monitors.c.id == monitor_id).values(report_until=None))


def set_problem(connection: Connection, monitor_id: int, problem: str | None, now: datetime) -> bool:
    """What keeps this endpoint from being monitored, in one sentence, or None; says whether that is news."""
    news = connection.execute(
        update(monitors)
        .where(monitors.c.id == monitor_id, monitors.c.problem.is_distinct_from(problem))
        .values(problem=problem, problem_at=None if problem is None else now)
    )
    return news.rowcount == 1


def counted(
    connection: Connection, monitor_id: int, captures: int, records: int, newest: datetime | None
) -> None:
    """So many more captures and records were counted, of which the newest inference was then."""
    values: dict[str, object] = {
        "counted_objects": monitors.c.counted_objects + captures,
        "counted_records": monitors.c.counted_records + records,
    }
    if newest is not None:
        last = monitors.c.last_inference_at
        is_newer = or_(last.is_(None), last < newest)
        values["last_inference_at"] = case((is_newer, literal(newest, last.type)), else_=last)
    connection.execute(update(monitors).where(monitors.c.id == monitor_id).values(**values))


def swept(connection: Connection, monitor_id: int, at: datetime) -> None:
    """When the daily sweep last ran."""
    connection.execute(update(monitors).where(monitors.c.id == monitor_id).values(swept_at=at))


def found_late(connection: Connection, monitor_id: int, captures: Late, labels: Late, digest: str) -> None:
    """What came too late, looked for by an entry with this digest."""
    connection.execute(
        update(monitors)
        .where(monitors.c.id == monitor_id)
        .values(
            late_objects=captures.count,
            late_key=captures.first,
            late_labels=labels.count,
            late_label_key=labels.first,
            swept_digest=digest,
        )
    )
