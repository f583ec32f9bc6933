"""Windows: what is to be judged, and what was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from store.records import ExecutionKind, Window
from store.rows import one
from store.schema import executions, windows

WindowKey = tuple[datetime, datetime, str, int]
"""start, end, variant, deployment id"""

_COLUMNS = [windows.c[name] for name in Window.__slots__]
FOLLOWED = "schedule "
"""How a variant begins that stands for a Model Monitor schedule; no variant's own name has a space."""

_OWN = ~windows.c.variant.startswith(FOLLOWED)
"""Windows of records that Kedge read; those of a schedule have none, and are never judged here."""
_HAS_STATISTICS = or_(~windows.c.settled, windows.c.profile.is_not(None))


def is_followed(variant: str) -> bool:
    """Whether a variant stands for a Model Monitor schedule: it has no records that Kedge read."""
    return variant.startswith(FOLLOWED)


def touch(connection: Connection, monitor_id: int, keys: Iterable[WindowKey]) -> None:
    """Mark windows for judging, and make those that are new."""
    for start, end, variant, deployment_id in sorted(set(keys)):
        marked = connection.execute(
            update(windows)
            .where(*_is(monitor_id, start, variant, deployment_id))
            .values(dirty=True, quality_dirty=True)
        )
        if marked.rowcount == 0:
            connection.execute(
                insert(windows).values(
                    monitor_id=monitor_id,
                    start=start,
                    end=end,
                    variant=variant,
                    deployment_id=deployment_id,
                    records=0,
                    revision=0,
                    dirty=True,
                    quality_dirty=True,
                )
            )


def labelled(connection: Connection, monitor_id: int, keys: Iterable[tuple[datetime, str, int]]) -> None:
    """Mark the windows with these (start, variant, deployment id) for measuring their quality."""
    for start, variant, deployment_id in sorted(set(keys)):
        connection.execute(
            update(windows).where(*_is(monitor_id, start, variant, deployment_id)).values(quality_dirty=True)
        )


def due(connection: Connection, monitor_id: int, ended_before: datetime) -> tuple[Window, ...]:
    """Windows to judge that ended by then, oldest first."""
    mine = (windows.c.monitor_id == monitor_id, windows.c.dirty, _OWN)
    return _select(connection, *mine, windows.c.end <= ended_before)


def is_unjudged(
    connection: Connection, monitor_id: int, variant: str, deployment_id: int, start: datetime, end: datetime
) -> bool:
    """Whether a window of this variant and era that begins between these two is to be judged."""
    found = select(windows.c.id).where(
        windows.c.monitor_id == monitor_id,
        windows.c.variant == variant,
        windows.c.deployment_id == deployment_id,
        windows.c.dirty,
        windows.c.start >= start,
        windows.c.start < end,
    )
    return connection.execute(found.limit(1)).first() is not None


def due_for_quality(connection: Connection, monitor_id: int, ended_before: datetime) -> tuple[Window, ...]:
    """Judged windows whose labels or predictions changed since their quality was measured."""
    return _select(
        connection,
        windows.c.monitor_id == monitor_id,
        windows.c.quality_dirty,
        windows.c.end <= ended_before,
        windows.c.revision > 0,
    )


def between(connection: Connection, monitor_id: int, start: datetime, end: datetime) -> tuple[Window, ...]:
    """Windows that lie within a period, oldest first."""
    return _select(
        connection, windows.c.monitor_id == monitor_id, windows.c.start >= start, windows.c.end <= end
    )


def by_id(connection: Connection, window_id: int) -> Window | None:
    """The window with this key."""
    return one(Window, connection.execute(select(*_COLUMNS).where(windows.c.id == window_id)))


def span(connection: Connection, monitor_id: int) -> tuple[datetime, datetime] | None:
    """The period that the endpoint's windows cover, or None before the first."""
    ends = select(func.min(windows.c.start), func.max(windows.c.end))
    start, end = connection.execute(ends.where(windows.c.monitor_id == monitor_id)).one()
    return None if start is None else (start, end)


def variants(connection: Connection, monitor_id: int, deployment_id: int) -> tuple[str, ...]:
    """The variants that have windows in an era, by name."""
    chosen = windows.c.monitor_id == monitor_id, windows.c.deployment_id == deployment_id
    found = select(windows.c.variant).where(*chosen).distinct().order_by(windows.c.variant)
    return tuple(connection.execute(found).scalars())


def busiest(connection: Connection, monitor_id: int, deployment_id: int) -> str | None:
    """The variant of an era with most judged records, the first by name of equals; never a schedule's."""
    judged = and_(
        executions.c.window_id == windows.c.id,
        executions.c.kind == ExecutionKind.DATA_QUALITY,
        executions.c.latest,
    )
    records = func.coalesce(func.sum(executions.c.records), 0)
    found = (
        select(windows.c.variant)
        .outerjoin(executions, judged)
        .where(windows.c.monitor_id == monitor_id, windows.c.deployment_id == deployment_id, _OWN)
        .group_by(windows.c.variant)
        .order_by(records.desc(), windows.c.variant)
    )
    return connection.execute(found.limit(1)).scalar_one_or_none()


def judged_until(
    connection: Connection, monitor_id: int, variant: str, deployment_id: int
) -> datetime | None:
    """The end of the newest judged window of an era's variant, or None before the first."""
    newest = select(func.max(windows.c.end)).where(
        windows.c.monitor_id == monitor_id,
        windows.c.variant == variant,
        windows.c.deployment_id == deployment_id,
        windows.c.revision > 0,
    )
    found: datetime | None = connection.execute(newest).scalar_one()
    return found


def mark(
    connection: Connection, monitor_id: int, start: datetime | None = None, end: datetime | None = None
) -> int:
    """Judge the windows that lie within a period again at the next tick; says how many they are.

    Those of which no profile is left can't be judged, and are not counted; those of a schedule are its own.
    """
    chosen = (*_within(monitor_id, start, end), _OWN, _HAS_STATISTICS)
    return connection.execute(update(windows).where(*chosen).values(dirty=True)).rowcount


def with_statistics(
    connection: Connection, monitor_id: int, start: datetime | None, end: datetime | None
) -> tuple[Window, ...]:
    """The windows of a period that Kedge judges and of which a profile or segments are left, oldest first."""
    return _select(connection, *_within(monitor_id, start, end), _OWN, _HAS_STATISTICS)


def without_statistics(
    connection: Connection, monitor_id: int, start: datetime | None, end: datetime | None
) -> int:
    """How many windows of a period can't be judged any more: their profile was let go."""
    gone = select(func.count()).where(*_within(monitor_id, start, end), _OWN, ~_HAS_STATISTICS)
    return int(connection.execute(gone).scalar_one())


def _within(monitor_id: int, start: datetime | None, end: datetime | None) -> tuple[ColumnElement[bool], ...]:
    chosen = [windows.c.monitor_id == monitor_id]
    if start is not None:
        chosen.append(windows.c.start >= start)
    if end is not None:
        chosen.append(windows.c.end <= end)
    return tuple(chosen)


def compact(connection: Connection, window_id: int, profile: bytes, records: int, rejected: int = 0) -> None:
    """Keep the merged profile of a judged window, and how many records it lost."""
    connection.execute(
        update(windows)
        .where(windows.c.id == window_id)
        .values(profile=profile, records=records, rejected=rejected)
    )


def profile(connection: Connection, window_id: int) -> bytes | None:
    """The merged profile of a judged window."""
    found: bytes | None = connection.execute(
        select(windows.c.profile).where(windows.c.id == window_id)
    ).scalar_one_or_none()
    return found


def kept(connection: Connection, window_id: int) -> tuple[bytes, int] | None:
    """The merged profile of a settled window, and how many records it lost: they stand for its segments."""
    row = connection.execute(
        select(windows.c.profile, windows.c.rejected).where(
            windows.c.id == window_id, windows.c.settled, windows.c.profile.is_not(None)
        )
    ).one_or_none()
    return None if row is None else (row.profile, row.rejected)


def merged(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[bytes, int]]:
    """By window: its merged profile and how many records it lost, where that is all there is in it by now."""
    rows = connection.execute(
        select(windows.c.id, windows.c.profile, windows.c.rejected).where(
            windows.c.id.in_(ids), ~windows.c.dirty, windows.c.profile.is_not(None)
        )
    )
    return {row.id: (row.profile, row.rejected) for row in rows}


def settled(connection: Connection, monitor_id: int, starts: Iterable[datetime]) -> frozenset[WindowKey]:
    """The settled windows that begin at these times; nothing can be added to them any more."""
    columns = (windows.c.start, windows.c.end, windows.c.variant, windows.c.deployment_id)
    found: set[WindowKey] = set()
    wanted = sorted(set(starts))
    for at in range(0, len(wanted), 500):
        rows = connection.execute(
            select(*columns).where(
                windows.c.monitor_id == monitor_id,
                windows.c.start.in_(wanted[at : at + 500]),
                windows.c.settled,
            )
        )
        found.update((row[0], row[1], row[2], row[3]) for row in rows)
    return frozenset(found)


def quality_measured(connection: Connection, window_id: int) -> None:
    """The window's quality rests on all labels there are."""
    connection.execute(update(windows).where(windows.c.id == window_id).values(quality_dirty=False))


def _is(
    monitor_id: int, start: datetime, variant: str, deployment_id: int
) -> tuple[ColumnElement[bool], ...]:
    return (
        windows.c.monitor_id == monitor_id,
        windows.c.start == start,
        windows.c.variant == variant,
        windows.c.deployment_id == deployment_id,
    )


def _select(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Window, ...]:
    rows = connection.execute(
        select(*_COLUMNS).where(*conditions).order_by(windows.c.start, windows.c.variant, windows.c.id)
    )
    return tuple(Window(**row) for row in rows.mappings())
