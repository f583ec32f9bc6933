"""Scheduled reports: their own reports count alone, the last missed one is written, and by one replica."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from config.model import Endpoint, Report
from monitor.report_round import write_due
from monitor.report_schedule import due
from objects import Place, PlaceError, open_place
from store import monitors, reports
from store.engine import reading, writing
from store.schema import monitors as monitors_table
from tests.clock import HOUR, MINUTE, NOON
from tests.reports import story
from tests.reports.story import Story


def _entry(told: Story, folder: Path) -> Endpoint:
    report = Report(cron="0 * * * *", to=f"file://{folder}")
    return told.entry.model_copy(update={"report": report})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    made.mkdir()
    return made


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.html"))


def _scheduled(told: Story, entry: Endpoint, now: datetime) -> str | None:
    return write_due(told.engine, entry, open_place, now)


def test_reports_by_hand_do_not_count_wherever_they_lie(engine: Engine, folder: Path) -> None:
    told = story.begin(engine)
    entry = _entry(told, folder)
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, entry.name)
    assert monitor is not None
    now = monitor.created_at.replace(minute=0, second=0, microsecond=0) + 2 * HOUR
    assert _scheduled(told, entry, now) is not None
    with writing(engine) as connection:
        for at in range(60):
            reports.add(
                connection,
                monitor.id,
                start=now,
                end=now + 9 * HOUR,
                uri=f"file://{folder}/{entry.name}/by-hand-{at}.html",
                note="",
                now=now,
            )
    assert _scheduled(told, entry, now) is None
    assert _scheduled(told, entry, now + HOUR) is not None
    assert len(_names(folder)) == 2


def test_after_a_long_pause_the_last_report_is_written_and_no_other() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    now = began + timedelta(days=200, seconds=30)
    found = due("* * * * *", began, now)
    assert found == (now.replace(second=0) - MINUTE, now.replace(second=0))
    assert due("* * * * *", found[1], now) is None


@pytest.mark.parametrize("expression", ["0 6 * * 1", "30 2 29 2 *", "0 0 1 * *", "*/7 3 * * *"])
def test_the_period_is_that_between_the_last_two_firings(expression: str) -> None:
    began, now = datetime(2015, 3, 1, tzinfo=UTC), datetime(2026, 5, 5, tzinfo=UTC)
    found = due(expression, began, now)
    assert found is not None
    start, end = found
    assert began < start < end <= now
    assert due(expression, start, end) == (start, end)
    assert due(expression, end, now) is None


def test_of_replicas_one_writes(database: Engine, folder: Path) -> None:
    told = story.begin(database)
    entry = _entry(told, folder)
    now = datetime.now(UTC) + 5 * HOUR
    opened: list[str] = []

    def slowly(uri: str) -> Place:
        opened.append(uri)
        time.sleep(0.5)
        return open_place(uri)

    replicas = [threading.Thread(target=partial(write_due, database, entry, slowly, now)) for _ in range(4)]
    for one in replicas:
        one.start()
    for one in replicas:
        one.join()
    assert len(opened) == 1
    assert _scheduled(told, entry, now) is None


def test_a_report_that_failed_or_whose_writer_died_is_written_later(engine: Engine, folder: Path) -> None:
    told = story.begin(engine)
    entry = _entry(told, folder)
    now = datetime.now(UTC) + 5 * HOUR

    def refuse(uri: str) -> Place:
        return open_place("s3://")

    with pytest.raises(PlaceError):
        write_due(engine, entry, refuse, now)
    with writing(engine) as connection:
        connection.execute(update(monitors_table).values(report_until=datetime.now(UTC) + HOUR))
    assert _scheduled(told, entry, now) is None
    with writing(engine) as connection:
        connection.execute(update(monitors_table).values(report_until=NOON - 1000 * HOUR))
    assert _scheduled(told, entry, now) is not None
