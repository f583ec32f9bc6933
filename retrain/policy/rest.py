"""The rest after an attempt: the cooldown, and longer with each attempt in a row that was in vain."""

from __future__ import annotations

from datetime import timedelta

from config.policy import BackOff


def rest(cooldown: timedelta, back_off: BackOff, in_vain: int) -> timedelta:
    """The cooldown after the first attempt in vain (or any other), then `factor` times as long each time.

    It grows up to `longest`, and is never less than the cooldown. Whole seconds.
    """
    longest = max(cooldown, back_off.longest)
    found = cooldown
    for _ in range(in_vain - 1):
        if found >= longest or back_off.factor <= 1:
            break
        # in seconds: a long rest times a large factor is beyond the calendar
        found = timedelta(
            seconds=min(longest.total_seconds(), round(found.total_seconds() * back_off.factor))
        )
    return min(found, longest)
