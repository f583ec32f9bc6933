"""New training data below a prefix, noticed by listing it: what was there at first sight is not new."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice

import structlog
from sqlalchemy import Engine

from config.model import Endpoint
from objects import ObjectRef, Place, PlaceError
from store import monitors, new_data
from store.engine import reading, writing

log = structlog.get_logger(__name__)

_MOST = 100_000
"""Objects that are listed; a prefix of more is too wide to be looked at so often."""


def look(engine: Engine, endpoint: Endpoint, place: Callable[[str], Place], now: datetime) -> int:
    """List the endpoint's prefix where that is due, and note what is new; says how many objects are.

    A prefix that can't be listed is told in the log, and looked at again when the next look is due.
    """
    wanted = endpoint.retrain.new_data if endpoint.retrain else None
    if wanted is None:
        return 0
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint.name)
        if monitor is None or not new_data.is_due(connection, monitor.id, wanted.prefix, wanted.look, now):
            return 0
    with writing(engine) as connection:
        prefix_id = new_data.claim(connection, monitor.id, wanted.prefix, wanted.look, now)
    if prefix_id is None:
        return 0
    try:
        where = place(wanted.prefix)
        listed = tuple(islice(where.objects.list(where.key("")), _MOST + 1))
    except PlaceError as error:
        log.warning("new_data_unreadable", endpoint=endpoint.name, reason=str(error))
        return 0
    if len(listed) > _MOST:
        told = f"more than {_MOST} objects lie below retrain.new_data; name a narrower prefix"
        log.warning("new_data_unreadable", endpoint=endpoint.name, reason=told)
        return 0
    with writing(engine) as connection:
        count = new_data.saw(connection, prefix_id, sizes(listed), now)
    if count:
        log.info("new_data", endpoint=endpoint.name, objects=count)
    return count


def sizes(listed: Iterable[ObjectRef]) -> dict[str, int]:
    """Bytes by the digest of key and ETag; what is empty, as the marks of folders are, is no data."""
    return {_digest(each): each.size for each in listed if each.size}


def _digest(each: ObjectRef) -> str:
    named = f"{each.key}\0{each.etag}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()
