"""Objects that share one profile: many of a folder, summed into one, so that a flood of them stays small.

A sum can't be taken apart. When one of its objects is written anew, all of them are read again.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from store.records import ConsumedObject, ObjectKind, RejectCount, RejectExample
from store.schema import objects, segments


def take_apart(
    connection: Connection, monitor_id: int, object_id: int
) -> tuple[tuple[int, ConsumedObject], ...]:
    """The other objects of an object's share, by id and as they were counted; now they are not consumed.

    What they gave is still there: whoever calls takes it out.
    """
    mine = connection.execute(
        select(segments.c.share).where(segments.c.object_id == object_id, segments.c.share != "").distinct()
    )
    names = list(mine.scalars())
    if not names:
        return ()
    bucket, key = connection.execute(
        select(objects.c.bucket, objects.c.key).where(objects.c.id == object_id)
    ).one()
    columns = (
        objects.c.id,
        *(objects.c[name] for name in ("bucket", "key", "etag", "size", "variant", "records", "rejected")),
    )
    rows = connection.execute(
        select(*columns)
        .join(segments, segments.c.object_id == objects.c.id)
        .where(
            objects.c.monitor_id == monitor_id,
            objects.c.kind == ObjectKind.CAPTURE,
            objects.c.bucket == bucket,
            objects.c.key.startswith(folder_of(key), autoescape=True),
            objects.c.id != object_id,
            segments.c.share.in_(names),
        )
        .distinct()
        .order_by(objects.c.key)
    ).all()
    found = tuple((row[0], ConsumedObject(ObjectKind.CAPTURE, *row[1:])) for row in rows)
    for other_id, other in found:
        unread = {"etag": "", "records": 0, "rejected": waiting(other).count}
        connection.execute(update(objects).where(objects.c.id == other_id).values(**unread))
    return found


def waiting(apart: ConsumedObject) -> RejectCount:
    """What is told of an object that was taken apart until it is read again: no record is lost unseen."""
    detail = "an object that shared a profile with this one was written anew: this one is to be read again"
    lost = max(1, apart.records + apart.rejected)
    return RejectCount("read_again", lost, (RejectExample(None, None, detail),))


def folder_of(key: str) -> str:
    """The folder in which the objects of a share lie, with its closing "/".

    >>> folder_of("prod/AllTraffic/2026/05/01/10/00-a.jsonl")
    'prod/AllTraffic/2026/05/01/10/'
    """
    return key[: key.rfind("/") + 1]
