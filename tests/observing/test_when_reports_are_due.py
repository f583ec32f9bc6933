"""A scheduled report covers the time from one firing to the next, and is written once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.report_schedule import due
from tests.clock import HOUR, MINUTE

MONDAY = datetime(2026, 5, 4, 6, tzinfo=UTC)
WEEK = timedelta(days=7)
WEEKLY = "0 6 * * mon"


def test_nothing_is_due_before_the_next_firing() -> None:
    assert due(WEEKLY, MONDAY, MONDAY) is None
    assert due(WEEKLY, MONDAY, MONDAY + WEEK - timedelta(seconds=1)) is None


@pytest.mark.parametrize("late", [timedelta(0), MINUTE, 5 * HOUR, WEEK - MINUTE])
def test_it_is_due_at_the_firing_and_as_long_as_it_was_not_written(late: timedelta) -> None:
    assert due(WEEKLY, MONDAY, MONDAY + WEEK + late) == (MONDAY, MONDAY + WEEK)


def test_of_missed_reports_the_last_is_written() -> None:
    assert due(WEEKLY, MONDAY, MONDAY + 3 * WEEK + HOUR) == (MONDAY + 2 * WEEK, MONDAY + 3 * WEEK)


def test_the_first_period_begins_where_the_endpoint_was_first_seen() -> None:
    seen = MONDAY + 2 * HOUR
    assert due(WEEKLY, seen, MONDAY + WEEK) == (seen, MONDAY + WEEK)


@given(hours=st.integers(0, 500))
def test_written_reports_follow_each_other_without_a_gap(hours: int) -> None:
    now = MONDAY + hours * HOUR
    found = due("0 * * * *", MONDAY, now)
    if hours == 0:
        assert found is None
    else:
        assert found == (now - HOUR, now)
        assert due("0 * * * *", found[1], now) is None
