"""When a scheduled report is due: a pure function of the cron expression and the last one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from apscheduler.triggers.cron import CronTrigger

from config import cron

_FAR = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366), timedelta(days=3660))
"""How far back the last two firings are looked for: a step farther only where the one before held too few."""


def due(expression: str, last_end: datetime, now: datetime) -> tuple[datetime, datetime] | None:
    """The period of the report that is due at `now`, or None.

    Reports cover the time from one firing to the next. Of several that were missed the last is written: the
    others can be had with `kedge report`.

    >>> from datetime import UTC
    >>> week = (datetime(2026, 5, 4, 6, tzinfo=UTC), datetime(2026, 5, 11, 7, tzinfo=UTC))
    >>> [moment.isoformat() for moment in due("0 6 * * mon", *week)]
    ['2026-05-04T06:00:00+00:00', '2026-05-11T06:00:00+00:00']
    """
    trigger = cron.trigger(expression)
    fired: list[datetime] = []
    for far in _FAR:
        since = max(last_end, now - far)
        fired = list(_firings(trigger, since, now))
        if len(fired) > 1 or since == last_end:
            break
    if not fired:
        return None
    return (fired[-2] if len(fired) > 1 else last_end), fired[-1]


def _firings(trigger: CronTrigger, since: datetime, until: datetime) -> Iterator[datetime]:
    """The firings after `since`, and up to `until`."""
    at: datetime | None = since
    while at is not None:
        at = trigger.get_next_fire_time(at, at + timedelta(microseconds=1))
        if at is None or at > until:
            return
        yield at
