"""Cron expressions as crontab means them, for APScheduler, which counts the days of a week otherwise."""

from __future__ import annotations

import re

from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SPAN = re.compile(r"(?:\*|([0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?)(?:/([1-7]))?", re.ASCII)


class CronError(ValueError):
    """A text that is no cron expression, told in one clause."""


def trigger(expression: str) -> CronTrigger:
    """The trigger of a crontab line's five fields (minute, hour, day, month, day of the week), in UTC.

    In crontab 0 and 7 are Sunday and 1 is Monday; APScheduler 3 calls Monday 0. The numbers are therefore
    put into names here. As in APScheduler, a day of the month and a day of the week must both hold.

    Raises:
        CronError: where APScheduler would not take it.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise CronError(
            f"{expression!r} has {len(fields)} fields where a cron expression has five; "
            "write minute, hour, day, month and weekday: 0 6 * * 1"
        )
    minute, hour, day, month, weekday = fields
    try:
        return CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday), timezone="UTC"
        )
    except ValueError as error:
        raise CronError(
            f"{expression!r} is no cron expression ({error}); write one such as 0 6 * * 1"
        ) from None


def _weekdays(field: str) -> str:
    """The weekday field by names: ``1-5`` → ``mon,tue,wed,thu,fri``; ``*`` stays."""
    if field == "*":
        return field
    days = {day for part in field.lower().split(",") for day in _span(part)}
    return ",".join(sorted(days, key=_DAYS.index))


def _span(part: str) -> tuple[str, ...]:
    found = _SPAN.fullmatch(part)
    if found is None:
        raise ValueError(f"{part!r} is no day of the week")
    first, last, step = found.groups()
    start = _day(first) if first else 0
    end = _day(last) if last else (start if first and not step else 6)
    if end < start or (first, last) == ("0", "7"):
        end += 7  # a week that runs over Sunday, such as fri-mon or 5-7
    return tuple(_DAYS[day % 7] for day in range(start, end + 1, int(step or 1)))


def _day(text: str) -> int:
    if text.isdigit():
        return int(text) % 7
    if text not in _DAYS:
        raise ValueError(f"{text!r} is no day of the week")
    return _DAYS.index(text)
