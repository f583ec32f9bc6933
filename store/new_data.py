"""Training data that comes to a prefix: what lay there at first sight, what came since, what was acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from store.retraining import STEADY, Arrival, Arrived
from store.schema import data_objects, data_prefixes, monitors

_MANY = 1000
"""Rows that one statement inserts."""


def is_due(connection: Connection, monitor_id: int, uri: str, every: timedelta, now: datetime) -> bool:
    """Whether the next look at a prefix is due, or the first."""
    looked_at = connection.execute(
        select(data_prefixes.c.looked_at).where(
            data_prefixes.c.monitor_id == monitor_id, data_prefixes.c.uri == uri
        )
    ).scalar_one_or_none()
    return looked_at is None or looked_at <= now - every


def claim(connection: Connection, monitor_id: int, uri: str, every: timedelta, now: datetime) -> int | None:
    """Take this look at a prefix, which is due `every` so often; its key, or None where it is not due.

    Of several replicas one gets it. A look that fails is made again when the next one is due.
    """
    found = connection.execute(
        select(data_prefixes.c.id).where(data_prefixes.c.monitor_id == monitor_id, data_prefixes.c.uri == uri)
    ).scalar_one_or_none()
    if found is None:
        new = insert(data_prefixes).values(monitor_id=monitor_id, uri=uri, looked_at=now)
        try:
            with connection.begin_nested():
                return int(connection.execute(new.returning(data_prefixes.c.id)).scalar_one())
        except IntegrityError:
            return None  # another replica looks for the first time in this very moment
    taken = connection.execute(
        update(data_prefixes)
        .where(data_prefixes.c.id == found, data_prefixes.c.looked_at <= now - every)
        .values(looked_at=now)
    )
    return int(found) if taken.rowcount == 1 else None


def saw(connection: Connection, prefix_id: int, listed: Mapping[str, int], now: datetime) -> int:
    """Note what a look found: the size in bytes by the digest of key and ETag; says how many are new.

    What the first look found was there already, and waits for nothing. A look that brought nothing more makes
    a batch whole; one that failed, or is under way, says nothing. The prefix's row is locked meanwhile, so
    that two looks at once count no object twice.
    """
    mine = data_prefixes.c.id == prefix_id
    connection.execute(update(data_prefixes).where(mine).values(uri=data_prefixes.c.uri))
    is_first = connection.execute(select(data_prefixes.c.known_at).where(mine)).scalar_one() is None
    known = set(
        connection.execute(
            select(data_objects.c.digest).where(data_objects.c.data_prefix_id == prefix_id)
        ).scalars()
    )
    new = [digest for digest in listed if digest not in known]
    for at in range(0, len(new), _MANY):
        connection.execute(
            insert(data_objects),
            [
                {
                    "data_prefix_id": prefix_id,
                    "digest": digest,
                    "size": listed[digest],
                    "seen_at": now,
                    "waits": not is_first,
                }
                for digest in new[at : at + _MANY]
            ],
        )
    if is_first:
        connection.execute(update(data_prefixes).where(mine).values(known_at=now))
        return 0
    # a look that began before another one found something new says nothing of whether more came since
    grown_at = data_prefixes.c.grown_at
    if new:
        later = mine & (grown_at.is_(None) | (grown_at < now))
        connection.execute(update(data_prefixes).where(later).values(grown_at=now))
    else:
        connection.execute(update(data_prefixes).where(mine & (grown_at < now)).values(grown_at=None))
    return len(new)


def arrived(
    connection: Connection, monitor_id: int, uri: str, after: datetime | None = None
) -> Arrived | None:
    """What came to a prefix, since `after` where that is given, and was not acted on yet, or None."""
    later = () if after is None else (data_objects.c.seen_at > after,)
    found = connection.execute(
        select(
            func.count(),
            func.sum(data_objects.c.size),
            func.min(data_objects.c.seen_at),
            func.max(data_objects.c.seen_at),
            func.max(data_objects.c.id),
            func.min(data_prefixes.c.grown_at),
        )
        .join(data_prefixes, data_prefixes.c.id == data_objects.c.data_prefix_id)
        .where(
            data_prefixes.c.monitor_id == monitor_id, data_prefixes.c.uri == uri, data_objects.c.waits, *later
        )
    ).one()
    count, size, first_at, newest_at, upto, grown_at = found
    if not count:
        return None
    is_whole = grown_at is None or newest_at - first_at >= STEADY
    return Arrived(uri, int(count), int(size), first_at, int(upto), is_whole)


def waiting(connection: Connection, uris: Mapping[str, str]) -> dict[str, Arrived]:
    """What waits at endpoints, by name; `uris` are the prefixes of those that ask for new data."""
    rows = connection.execute(
        select(monitors.c.id, monitors.c.name).where(monitors.c.name.in_(sorted(uris)), monitors.c.watched)
    )
    found = {name: arrived(connection, monitor_id, uris[name]) for monitor_id, name in rows}
    return {name: each for name, each in found.items() if each is not None}


def act(connection: Connection, monitor_id: int, upto: int) -> None:
    """What came up to this object was acted on: a run was opened that may learn from it."""
    mine = select(data_prefixes.c.id).where(data_prefixes.c.monitor_id == monitor_id)
    connection.execute(
        update(data_objects)
        .where(data_objects.c.data_prefix_id.in_(mine), data_objects.c.id <= upto, data_objects.c.waits)
        .values(waits=False)
    )


def history(connection: Connection, monitor_id: int, uri: str) -> tuple[Arrival, ...]:
    """Every object that came to a prefix after the first look, oldest first, acted on or not."""
    rows = connection.execute(
        select(data_objects.c.id, data_objects.c.size, data_objects.c.seen_at)
        .join(data_prefixes, data_prefixes.c.id == data_objects.c.data_prefix_id)
        .where(
            data_prefixes.c.monitor_id == monitor_id,
            data_prefixes.c.uri == uri,
            data_objects.c.seen_at > data_prefixes.c.known_at,
        )
        .order_by(data_objects.c.id)
    )
    return tuple(Arrival(**row) for row in rows.mappings())
