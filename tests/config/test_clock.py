"""Business time comes from the machine, or from a file that somebody else moves."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import Clock, ClockError, FileClock, SystemClock, clock_from_environment


def test_the_systems_clock_is_aware_and_goes_on() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    now = clock.now()
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= datetime.now(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00+00:00\n",
        "2026-01-31T14:00:00+02:00",
        "2026-01-31 12:00:00.000000+00:00",
    ],
)
def test_the_files_time_is_told_in_utc(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clock"
    path.write_text(text)
    now = FileClock(path).now()
    assert now == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert now.utcoffset() == timedelta(0)


def test_it_follows_a_file_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock = FileClock(path)
    for hour in range(24):
        time = datetime(2026, 1, 31, hour, tzinfo=UTC)
        (tmp_path / "next").write_text(time.isoformat())
        os.replace(tmp_path / "next", path)
        assert clock.now() == time


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no time; write one such as"),
        ("noon", "holds no time; write one such as"),
        ("2026-01-31T12:00:00", "no offset; end it with Z"),
    ],
)
def test_it_says_what_is_wrong_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "clock"
    path.write_text(text)
    with pytest.raises(ClockError, match=said) as caught:
        FileClock(path).now()
    assert str(path) in str(caught.value)


def test_it_says_that_the_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ClockError, match=r"No such file or directory.*unset KEDGE_CLOCK"):
        FileClock(tmp_path / "none").now()


def test_bytes_that_are_no_text_hold_no_time(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_bytes(b"\xff\xfe2026")
    with pytest.raises(ClockError, match="holds no time"):
        FileClock(path).now()


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    assert clock_from_environment({"KEDGE_CLOCK": str(tmp_path / "clock")}) == FileClock(tmp_path / "clock")


@pytest.mark.parametrize("environment", [{}, {"KEDGE_CLOCK": ""}])
def test_without_a_name_the_machines_clock_counts(environment: dict[str, str]) -> None:
    assert clock_from_environment(environment) == SystemClock()
