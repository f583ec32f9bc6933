"""Durations read as owners write them, and come back in one form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import durations
from config.durations import DurationError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h", 3_600),
        ("1h30m", 5_400),
        ("48h", 172_800),
        ("30d", 2_592_000),
        ("1d2h3m4s", 93_784),
        ("0s", 0),
        (" 15m ", 900),
        ("0015m", 900),
    ],
)
def test_it_reads_what_owners_write(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (5_400, "1h30m"),
        (86_400, "1d"),
        (172_800, "2d"),
        (90_061, "1d1h1m1s"),
    ],
)
def test_it_writes_the_largest_units_first(seconds: int, text: str) -> None:
    assert durations.spell(timedelta(seconds=seconds)) == text


@given(st.integers(min_value=0, max_value=36_525 * 86_400))
def test_what_it_writes_it_reads_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert durations.parse(durations.spell(duration)) == duration


@pytest.mark.parametrize(
    "text", ["", "15", "m", "15 m", "1.5h", "15min", "30m1h", "1h1h", "PT1H", "1w", "٣m", "15m, please"]
)
def test_it_refuses_other_forms_and_shows_one_that_it_takes(text: str) -> None:
    with pytest.raises(DurationError, match="such as 90s, 15m, 1h30m or 30d"):
        durations.parse(text)


def test_it_refuses_a_negative_one() -> None:
    with pytest.raises(DurationError, match="'-5m' is negative"):
        durations.parse("-5m")


@pytest.mark.parametrize("text", ["36526d", "999999999999d", "9" * 5_000 + "s"])
def test_it_refuses_one_that_the_calendar_may_not_hold(text: str) -> None:
    with pytest.raises(DurationError, match="a shorter one"):
        durations.parse(text)


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(milliseconds=1500)])
def test_it_writes_only_whole_seconds_from_zero_up(duration: timedelta) -> None:
    with pytest.raises(DurationError):
        durations.spell(duration)
