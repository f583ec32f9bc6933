"""Consumed objects and what they gave: each counted once, whatever is delivered twice.

Every function here is called within a transaction that holds the monitor's lease (store.monitors.hold).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, and_, delete, func, insert, select, union_all, update

from store import ledger, monitors, rollups, shares, windows
from store.records import ConsumedObject, ObjectKind, RejectCount, RejectedObject, RejectExample, Segment
from store.rows import to_json
from store.schema import is_unread, labels, objects, predictions, rejects, segments
from store.schema import monitors as monitors_table
from store.schema import windows as windows_table

_LONGEST_KEY = 1024
"""What the column of keys takes, and S3."""
_GONE = "gone"
"""No object's ETag: of one that was to be read again and was not found."""
_UNNAMED = ""
"""The bucket of objects in folders that were counted before folders had names."""


def shown_key(key: str) -> str:
    """A key as the database holds it: one that no database takes as it is, or too long a one, is changed.

    >>> shown_key("2026/05/a.jsonl")
    '2026/05/a.jsonl'
    """
    plain = key.encode("utf-8", "replace").decode().replace("\0", "\u2400")
    if plain == key and len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{plain[: _LONGEST_KEY - 24]}\u2026{digest}"


def known_etags(
    connection: Connection, monitor_id: int, kind: ObjectKind, bucket: str, keys: Sequence[str]
) -> dict[str, str]:
    """Key → ETag of those of these keys of a bucket or folder that are counted already, in this role."""
    found: dict[str, str] = {}
    for at in range(0, len(keys), 500):
        rows = connection.execute(
            select(objects.c.key, objects.c.etag).where(
                objects.c.monitor_id == monitor_id,
                objects.c.kind == kind,
                objects.c.bucket.in_([bucket, _UNNAMED]),
                objects.c.key.in_(keys[at : at + 500]),
            )
        )
        found.update((row.key, row.etag) for row in rows)
    return found


def unread(connection: Connection, monitor_id: int) -> frozenset[tuple[str, str]]:
    """(bucket, key) of the captures that lost their ETag: they were counted, and are to be read again."""
    rows = connection.execute(
        select(objects.c.bucket, objects.c.key).where(
            objects.c.monitor_id == monitor_id, is_unread, objects.c.kind == ObjectKind.CAPTURE
        )
    )
    return frozenset((row.bucket, row.key) for row in rows)


def let_go(connection: Connection, monitor_id: int, gone: Iterable[tuple[str, str]]) -> None:
    """Captures to be read again are not there any more: nobody waits for them. One that is back is new."""
    for bucket, key in sorted(gone):
        connection.execute(
            update(objects)
            .where(
                objects.c.monitor_id == monitor_id,
                objects.c.kind == ObjectKind.CAPTURE,
                objects.c.bucket == bucket,
                objects.c.key == key,
                is_unread,
            )
            .values(etag=_GONE)
        )


def read_otherwise(connection: Connection, monitor_id: int, columns: str) -> frozenset[tuple[str, str]]:
    """(bucket, key) of the captures that gave a window to be judged what was read with other columns.

    What was counted before anybody kept the columns is taken as it is.
    """
    # two stretches of an index, which are empty as a rule, where "other than" would look at every segment
    mine = select(segments.c.id).where(segments.c.monitor_id == monitor_id)
    other = union_all(
        mine.where(segments.c.columns > "", segments.c.columns < columns),
        mine.where(segments.c.columns > columns),
    )
    rows = connection.execute(
        select(objects.c.bucket, objects.c.key)
        .join(segments, segments.c.object_id == objects.c.id)
        .join(
            windows_table,
            and_(
                windows_table.c.monitor_id == segments.c.monitor_id,
                windows_table.c.start == segments.c.window_start,
                windows_table.c.variant == segments.c.variant,
                windows_table.c.deployment_id == segments.c.deployment_id,
            ),
        )
        .where(
            windows_table.c.monitor_id == monitor_id,
            windows_table.c.dirty,
            segments.c.id.in_(other),
        )
        .distinct()
    )
    return frozenset((row.bucket, row.key) for row in rows)


def replace(
    connection: Connection,
    monitor_id: int,
    consumed: ConsumedObject,
    *,
    segments_given: Sequence[Segment] = (),
    rejects_given: Sequence[RejectCount] = (),
    predictions_given: pl.DataFrame | None = None,
    labels_given: pl.DataFrame | None = None,
    newest: datetime | None = None,
    now: datetime,
) -> tuple[ConsumedObject, ...]:
    """Count an object: what it gave before is taken out, and every window touched is to be judged again.

    Predictions and labels come as frames of `ledger.PREDICTIONS` and `ledger.LABELS`; `newest` is the newest
    inference time in a capture.

    Returns the objects that shared a profile with what this one gave before. It can't be taken out of their
    sum, so they are taken out whole, and are to be read again: until then they count as not consumed.
    """
    object_id, records_before, apart = _clear(connection, monitor_id, consumed)
    if consumed.kind is ObjectKind.CAPTURE:
        more = consumed.records - records_before - sum(other.records for other in apart)
        monitors.counted(connection, monitor_id, int(object_id is None), more, newest)
    values = {
        "bucket": consumed.bucket,
        "etag": consumed.etag,
        "size": consumed.size,
        "variant": consumed.variant,
        "records": consumed.records,
        "rejected": consumed.rejected,
        "consumed_at": now,
    }
    if object_id is None:
        added = insert(objects).values(monitor_id=monitor_id, kind=consumed.kind, key=consumed.key, **values)
        object_id = connection.execute(added.returning(objects.c.id)).scalar_one()
    else:
        connection.execute(update(objects).where(objects.c.id == object_id).values(**values))
    _insert_segments(connection, monitor_id, object_id, consumed, segments_given)
    _insert_rejects(connection, monitor_id, object_id, rejects_given)
    if predictions_given is not None:
        ledger.add_predictions(connection, monitor_id, object_id, predictions_given)
    if labels_given is not None:
        ledger.add_labels(connection, monitor_id, object_id, labels_given)
    return apart


def _clear(
    connection: Connection, monitor_id: int, consumed: ConsumedObject
) -> tuple[int | None, int, tuple[ConsumedObject, ...]]:
    """The object's key, None where it is new; how many records it had; what shared a profile with it."""
    before = connection.execute(
        select(objects.c.id, objects.c.records).where(
            objects.c.monitor_id == monitor_id,
            objects.c.kind == consumed.kind,
            objects.c.bucket.in_([consumed.bucket, _UNNAMED]),
            objects.c.key == consumed.key,
        )
    ).first()
    if before is None:
        return None, 0, ()
    object_id = int(before.id)
    apart = shares.take_apart(connection, monitor_id, object_id)
    _empty(connection, monitor_id, object_id)
    for other_id, other in apart:
        _empty(connection, monitor_id, other_id)
        _insert_rejects(connection, monitor_id, other_id, [shares.waiting(other)])
    return object_id, int(before.records), tuple(other for _, other in apart)


def _empty(connection: Connection, monitor_id: int, object_id: int) -> None:
    """Take out what an object gave; the windows that it gave something are to be judged again."""
    touched = connection.execute(
        select(
            segments.c.window_start,
            segments.c.window_end,
            segments.c.variant,
            segments.c.deployment_id,
            segments.c.place,
        ).where(segments.c.object_id == object_id)
    ).all()
    windows.touch(connection, monitor_id, [tuple(row[:4]) for row in touched])
    for place in {row.place for row in touched}:
        rollups.changed(connection, monitor_id, [(row[0], row[2], row[3]) for row in touched], place)
    ledger.mark_labelled(connection, monitor_id, object_id)
    for table in (segments, rejects, predictions, labels):
        connection.execute(delete(table).where(table.c.object_id == object_id))


def _insert_segments(
    connection: Connection,
    monitor_id: int,
    object_id: int,
    consumed: ConsumedObject,
    given: Sequence[Segment],
) -> None:
    if not given:
        return
    place = rollups.place(consumed.bucket, consumed.key)
    connection.execute(
        insert(segments),
        [
            {
                "object_id": object_id,
                "monitor_id": monitor_id,
                "place": place,
                **{name: getattr(segment, name) for name in Segment.__slots__},
            }
            for segment in given
        ],
    )
    windows.touch(
        connection, monitor_id, [(s.window_start, s.window_end, s.variant, s.deployment_id) for s in given]
    )
    rollups.changed(
        connection, monitor_id, [(s.window_start, s.variant, s.deployment_id) for s in given], place
    )


def _insert_rejects(
    connection: Connection, monitor_id: int, object_id: int, given: Sequence[RejectCount]
) -> None:
    if given:
        connection.execute(
            insert(rejects),
            [
                {
                    "object_id": object_id,
                    "monitor_id": monitor_id,
                    "kind": reject.kind,
                    "count": reject.count,
                    "examples": to_json([[e.line, e.column, e.detail] for e in reject.examples]),
                }
                for reject in given
            ],
        )


def keys_between(
    connection: Connection, monitor_id: int, start: datetime, end: datetime, variant: str, deployment_id: int
) -> tuple[tuple[str, str, str], ...]:
    """(bucket, key, ETag) of what the ledger has of an era's variant, windows in [start, end), in key order.

    Asked of the ledger, which waits for labels: segments go when their window is settled, long before.
    """
    gave = select(predictions.c.object_id).where(
        predictions.c.monitor_id == monitor_id,
        predictions.c.window_start >= start,
        predictions.c.window_start < end,
        predictions.c.variant == variant,
        predictions.c.deployment_id == deployment_id,
    )
    rows = connection.execute(
        select(objects.c.bucket, objects.c.key, objects.c.etag)
        .where(objects.c.id.in_(gave))
        .order_by(objects.c.bucket, objects.c.key)
    )
    return tuple((row.bucket, row.key, row.etag) for row in rows)


def keys_that_lost(
    connection: Connection, monitor_id: int, window_start: datetime, variant: str, deployment_id: int
) -> tuple[tuple[str, str], ...]:
    """(bucket, key) of the objects from which a window lost records, as long as it is not settled."""
    lost = select(segments.c.object_id).where(
        segments.c.monitor_id == monitor_id,
        segments.c.window_start == window_start,
        segments.c.variant == variant,
        segments.c.deployment_id == deployment_id,
        segments.c.rejected > 0,
    )
    rows = connection.execute(
        select(objects.c.bucket, objects.c.key)
        .where(objects.c.id.in_(lost))
        .order_by(objects.c.bucket, objects.c.key)
    )
    return tuple((row.bucket, row.key) for row in rows)


def reject_counts(
    connection: Connection, monitor_id: int, *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, int]:
    """Bad lines and values by kind, over all that is kept, or of the objects consumed in a period."""
    query = select(rejects.c.kind, func.sum(rejects.c.count)).where(rejects.c.monitor_id == monitor_id)
    if start is not None or end is not None:
        query = query.join(objects, objects.c.id == rejects.c.object_id)
    if start is not None:
        query = query.where(objects.c.consumed_at >= start)
    if end is not None:
        query = query.where(objects.c.consumed_at < end)
    rows = connection.execute(query.group_by(rejects.c.kind).order_by(rejects.c.kind))
    return {kind: int(count) for kind, count in rows}


def recent_rejects(connection: Connection, monitor_id: int, limit: int = 20) -> tuple[RejectedObject, ...]:
    """The objects with something bad in them that were consumed last."""
    with_rejects = select(rejects.c.object_id).where(rejects.c.monitor_id == monitor_id)
    newest = connection.execute(
        select(objects.c.id, objects.c.bucket, objects.c.key, objects.c.consumed_at)
        .where(objects.c.id.in_(with_rejects))
        .order_by(objects.c.consumed_at.desc(), objects.c.key.desc())
        .limit(limit)
    ).all()
    rows = connection.execute(
        select(rejects).where(rejects.c.object_id.in_([row.id for row in newest])).order_by(rejects.c.kind)
    ).all()
    return tuple(
        RejectedObject(
            row.bucket,
            row.key,
            row.consumed_at,
            tuple(_reject(reject) for reject in rows if reject.object_id == row.id),
        )
        for row in newest
    )


def _reject(row: Row[Any]) -> RejectCount:
    examples = tuple(RejectExample(*example) for example in json.loads(row.examples))
    return RejectCount(row.kind, row._mapping["count"], examples)


def totals(connection: Connection, monitor_id: int) -> tuple[int, int]:
    """(capture objects, records) counted so far, of those too that are not on record any more."""
    row = connection.execute(
        select(monitors_table.c.counted_objects, monitors_table.c.counted_records).where(
            monitors_table.c.id == monitor_id
        )
    ).one()
    return int(row[0]), int(row[1])
