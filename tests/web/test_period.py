"""The period that an address names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from web.period import DEFAULT, MOST, Moment, Period, of_query

read = TypeAdapter[datetime | None](Moment).validate_python
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1))  # noqa: DTZ001 (as a form sends them)


@given(TIMES)
def test_a_time_without_an_offset_is_utc(time: datetime) -> None:
    assert read(time.isoformat()) == time.replace(tzinfo=UTC)


@given(TIMES, st.integers(-14, 14))
def test_an_offset_counts(time: datetime, hours: int) -> None:
    aware = time.replace(tzinfo=timezone(timedelta(hours=hours)))
    found = read(aware.isoformat())
    assert found == aware
    assert found is not None
    assert found.tzinfo is UTC


def test_an_empty_field_is_no_bound() -> None:
    assert read("") is None


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-01", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00+01:00"]
)
def test_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        read(text)


def test_without_bounds_the_last_windows_are_shown() -> None:
    assert Period(None, None, 24).limit == 24
    assert of_query() == Period(None, None, DEFAULT)
    assert Period(datetime(2026, 1, 1, tzinfo=UTC), None, 24).limit == MOST


def test_a_period_is_written_as_it_is_read() -> None:
    start = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)
    assert Period(start, None, 72).as_query() == {"start": "2026-03-02T01:02:03Z"}
    assert read(Period(start, None, 72).as_query()["start"]) == start
    assert Period(None, None, 24).as_query() == {"last": "24"}
    assert Period(None, None, DEFAULT).as_query() == {}
