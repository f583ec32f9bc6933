"""When a scheduled report is due: a pure function of the cron expression and the last one."""

from __future__ import annotations

from datetime import datetime, timedelta

from config import cron

_MISSED = 1000
"""How many firings are looked through at a time; after a longer pause the last of them is written first."""


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
    start, end = last_end, None
    at = last_end
    for _ in range(_MISSED):
        fired = trigger.get_next_fire_time(at, at + timedelta(microseconds=1))
        if fired is None or fired > now:
            break
        start, end = (end or last_end), fired
        at = fired
    return None if end is None else (start, end)
