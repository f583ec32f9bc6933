"""Cron expressions mean what crontab means by them, whatever APScheduler counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import cron
from config.cron import CronError

SUNDAY = datetime(2026, 2, 1, tzinfo=UTC)
NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def fires(expression: str, days: int = 7) -> list[datetime]:
    """When it fires from Sunday 2026-02-01 on, for so many days."""
    trigger, times, now = cron.trigger(expression), [], SUNDAY
    while (now := trigger.get_next_fire_time(None, now)) < SUNDAY + timedelta(days=days):
        times.append(now)
        now += timedelta(seconds=1)
    return times


def weekdays(field: str) -> list[str]:
    return [NAMES[(time - SUNDAY).days] for time in fires(f"0 6 * * {field}")]


def test_one_is_monday() -> None:
    assert fires("0 6 * * 1") == [datetime(2026, 2, 2, 6, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", NAMES),
        ("0", ["sun"]),
        ("7", ["sun"]),
        ("7-7", ["sun"]),
        ("1-5", ["mon", "tue", "wed", "thu", "fri"]),
        ("mon-fri", ["mon", "tue", "wed", "thu", "fri"]),
        ("MON,Thu", ["mon", "thu"]),
        ("5-7", ["sun", "fri", "sat"]),
        ("0-7", NAMES),
        ("fri-mon", ["sun", "mon", "fri", "sat"]),
        ("*/2", ["sun", "tue", "thu", "sat"]),
        ("1-5/2", ["mon", "wed", "fri"]),
        ("1/3", ["mon", "thu"]),
        ("sun,wed", ["sun", "wed"]),
    ],
)
def test_the_days_of_the_week_are_crontabs(field: str, days: list[str]) -> None:
    assert weekdays(field) == days


@given(st.sets(st.integers(min_value=0, max_value=6), min_size=1))
def test_numbers_and_names_are_the_same_days(days: set[int]) -> None:
    by_number = weekdays(",".join(str(day) for day in days))
    by_name = weekdays(",".join(NAMES[day] for day in days))
    assert by_number == by_name == [NAMES[day] for day in sorted(days)]


def test_the_times_are_in_utc() -> None:
    assert [time.utcoffset() for time in fires("30 */12 * * *", days=1)] == [timedelta(0)] * 2


@pytest.mark.parametrize("expression", ["", "daily", "0 6 * *", "0 6 * * 1 2026", "@weekly"])
def test_it_wants_five_fields(expression: str) -> None:
    with pytest.raises(CronError, match="five; write minute, hour, day, month and weekday"):
        cron.trigger(expression)


@pytest.mark.parametrize(
    "expression",
    ["60 * * * *", "0 25 * * *", "0 6 32 * *", "0 6 * 13 *", "0 6 * * 8", "0 6 * * fun", "x 6 * * 1"],
)
def test_it_refuses_what_no_calendar_has(expression: str) -> None:
    with pytest.raises(CronError, match=r"is no cron expression .* such as 0 6"):
        cron.trigger(expression)
