"""Sums of neighbouring segments of a window, kept as long as nothing in them changes.

A sum is no source: every one can be made anew from the segments, and is forgotten in the transaction in which
a segment in it comes, goes or is replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, insert, or_, select

from store.records import NewRollup, Piece, Rollup
from store.schema import objects, rollups, segments, windows

Gap = tuple[str, str | None]
"""The places after one, up to another, inclusive; None is the end of the window."""
EVERYTHING: tuple[Gap, ...] = (("", None),)

_KEY_LENGTH = 480
_MOST_GAPS = 50
_COLUMNS = [rollups.c[name] for name in Rollup.__slots__]


def place(bucket: str, key: str) -> str:
    """Where an object's segments stand among a window's: in the order of keys, and no two at one place.

    >>> place("logs", "2026/05/a.jsonl").rpartition("|")[0]
    '2026/05/a.jsonl'
    """
    shown = key
    if len(key) > _KEY_LENGTH:
        shown = f"{key[: _KEY_LENGTH - 17]}\u2026{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"
    return f"{shown}|{hashlib.blake2b(bucket.encode(), digest_size=4).hexdigest()}"


def of_window(connection: Connection, window_id: int) -> tuple[Rollup, ...]:
    """Every sum that is kept of a window, without its profile, by level and place."""
    rows = connection.execute(
        select(*_COLUMNS).where(rollups.c.window_id == window_id).order_by(rollups.c.level, rollups.c.after)
    )
    return tuple(Rollup(*row) for row in rows)


def profiles(connection: Connection, ids: Sequence[int]) -> dict[int, bytes]:
    """Key → encoded profile of these sums."""
    if not ids:
        return {}
    rows = connection.execute(select(rollups.c.id, rollups.c.profile).where(rollups.c.id.in_(ids)))
    return {row.id: row.profile for row in rows}


def pieces(
    connection: Connection,
    monitor_id: int,
    start: datetime,
    variant: str,
    deployment_id: int,
    gaps: Sequence[Gap] = EVERYTHING,
) -> tuple[Piece, ...]:
    """A window's segments in these gaps, which lie in order and apart, by place."""
    if not gaps:
        return ()
    # so many conditions that none pays: what lies between the first and the last is left out here
    asked = gaps if len(gaps) <= _MOST_GAPS else ((gaps[0][0], gaps[-1][1]),)
    rows = connection.execute(
        select(segments.c.place, segments.c.profile, segments.c.rejected)
        .where(
            segments.c.monitor_id == monitor_id,
            segments.c.window_start == start,
            segments.c.variant == variant,
            segments.c.deployment_id == deployment_id,
            or_(*map(_inside, asked)),
        )
        .order_by(segments.c.place)
    )
    found = (Piece(*row) for row in rows)
    return tuple(found if asked is gaps else (one for one in found if _lies_in(one.place, gaps)))


def _inside(gap: Gap) -> ColumnElement[bool]:
    after, upto = gap
    # of a segment without a place (there is none but in tests) "" is not after ""
    begun = segments.c.place > after if after else segments.c.place >= ""
    return begun if upto is None else and_(begun, segments.c.place <= upto)


def _lies_in(place: str, gaps: Sequence[Gap]) -> bool:
    return any((after < place or not after) and (upto is None or place <= upto) for after, upto in gaps)


def keep(connection: Connection, window_id: int, made: Sequence[NewRollup]) -> None:
    """Keep sums in the place of those that begin where they do."""
    if not made:
        return
    same = and_(
        rollups.c.window_id == window_id,
        rollups.c.level == bindparam("of_level"),
        rollups.c.after == bindparam("after_place"),
    )
    begun = [{"of_level": one.level, "after_place": one.after} for one in made]
    connection.execute(delete(rollups).where(same), begun)
    connection.execute(insert(rollups), [{"window_id": window_id, **asdict(one)} for one in made])


def changed(
    connection: Connection, monitor_id: int, touched: Iterable[tuple[datetime, str, int]], place: str
) -> None:
    """Forget the sums with this place in them, or just after it, of windows (start, variant, deployment id).

    What begins just after a segment that goes does not begin there any more.
    """
    keys = [{"of_start": key[0], "of_variant": key[1], "of_era": key[2]} for key in sorted(set(touched))]
    if not keys:
        return
    mine = (
        select(windows.c.id)
        .where(
            windows.c.monitor_id == monitor_id,
            windows.c.start == bindparam("of_start"),
            windows.c.variant == bindparam("of_variant"),
            windows.c.deployment_id == bindparam("of_era"),
        )
        .scalar_subquery()
    )
    connection.execute(
        delete(rollups).where(rollups.c.window_id == mine, rollups.c.upto >= place, rollups.c.after <= place),
        keys,
    )


def forget(connection: Connection, monitor_id: int, *, before: datetime, consumed_before: datetime) -> None:
    """Forget the sums of windows that ended before a time, or of which objects are about to go."""
    losing = exists().where(
        segments.c.monitor_id == monitor_id,
        segments.c.window_start == windows.c.start,
        segments.c.variant == windows.c.variant,
        segments.c.deployment_id == windows.c.deployment_id,
        objects.c.id == segments.c.object_id,
        objects.c.consumed_at < consumed_before,
    )
    gone = select(windows.c.id).where(
        windows.c.monitor_id == monitor_id,
        or_(windows.c.end < before, losing),
        exists().where(rollups.c.window_id == windows.c.id),
    )
    connection.execute(delete(rollups).where(rollups.c.window_id.in_(gone)))
