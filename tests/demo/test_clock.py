"""Business time goes through a file that is never half written."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.clock import StoryClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock(tmp_path: Path) -> StoryClock:
    return StoryClock(tmp_path / "clock")


def test_it_tells_what_was_set(clock: StoryClock) -> None:
    assert clock.set(NOON) == NOON
    assert clock.now() == NOON


def test_it_advances(clock: StoryClock) -> None:
    clock.set(NOON)
    assert clock.advance(timedelta(minutes=90)) == NOON + timedelta(minutes=90)
    assert clock.now() == NOON + timedelta(minutes=90)


def test_the_file_holds_an_iso_instant_in_utc(clock: StoryClock) -> None:
    clock.set(datetime(2026, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))))
    assert clock.path.read_text() == "2026-05-01T12:00:00+00:00\n"


@given(at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_any_instant_comes_back_to_the_microsecond(
    at: datetime, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = StoryClock(tmp_path_factory.getbasetemp() / "any-clock")
    clock.set(at)
    assert clock.now() == at


def test_an_instant_without_a_time_zone_is_refused(clock: StoryClock) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        clock.set(NOON.replace(tzinfo=None))


def test_before_it_is_set_there_is_no_time(clock: StoryClock) -> None:
    with pytest.raises(FileNotFoundError):
        clock.now()


def test_two_clocks_on_one_file_agree(clock: StoryClock) -> None:
    clock.set(NOON)
    assert StoryClock(clock.path).now() == NOON


def test_nothing_is_left_beside_the_file(clock: StoryClock) -> None:
    clock.set(NOON)
    clock.advance(timedelta(hours=1))
    assert [path.name for path in clock.path.parent.iterdir()] == ["clock"]


def test_a_reader_never_sees_half_an_instant(clock: StoryClock) -> None:
    clock.set(NOON)
    done = threading.Event()

    def write() -> None:
        for step in range(300):
            clock.set(NOON + timedelta(microseconds=step * 7919))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(clock.now())
    writer.join()
    assert seen == sorted(seen)
    assert all((at - NOON) % timedelta(microseconds=7919) == timedelta(0) for at in seen)
