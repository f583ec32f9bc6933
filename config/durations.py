"""Stretches of time as an owner writes them: ``90s``, ``15m``, ``1h30m``, ``48h``, ``30d``."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST = timedelta(days=36_525)  # a century: what is counted from today must end in the calendar
_FORM = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)


class DurationError(ValueError):
    """A text that is no duration, told in one clause."""


def parse(text: str) -> timedelta:
    """Read whole days, hours, minutes and seconds, in this order, each at most once: ``1h30m`` is 90 minutes.

    Raises:
        DurationError: where the text has another form, or says more than a century.
    """
    if text.startswith("-"):
        raise DurationError(f"{text!r} is negative; write one from 0s up")
    found = _FORM.fullmatch(text.strip())
    if found is None or found.lastindex is None:
        raise DurationError(f"{text!r} is no duration; write one such as 90s, 15m, 1h30m or 30d")
    numbers = zip(found.groups(default="0"), _UNITS.values(), strict=True)
    try:
        duration = timedelta(seconds=sum(int(number) * seconds for number, seconds in numbers))
    except (OverflowError, ValueError):  # ValueError: more digits than int() takes
        duration = timedelta.max
    if duration > _LONGEST:
        raise DurationError("a duration is a century at most; write a shorter one")
    return duration


def spell(duration: timedelta) -> str:
    """Write a duration so that `parse` reads it back, in the largest units: 90 minutes is ``1h30m``.

    Raises:
        DurationError: where it is negative or holds parts of a second.
    """
    if duration < timedelta(0) or duration.microseconds:
        raise DurationError(f"{duration} is not a whole number of seconds from 0 up")
    left = duration.days * _UNITS["d"] + duration.seconds
    parts = []
    for unit, seconds in _UNITS.items():
        number, left = divmod(left, seconds)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
