"""Reports that were written are listed, newest first, each place once."""

from __future__ import annotations

from sqlalchemy import Engine

from store import reports
from store.records import Report
from tests.clock import HOUR, NOON
from tests.store import world


def test_reports_come_newest_first_and_each_place_once(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        for number, uri in enumerate(("a.html", "b.html", "a.html")):
            reports.add(
                connection, monitor.id, start=NOON - 24 * HOUR, end=NOON, uri=uri, note=f"note {number}",
                now=NOON + number * HOUR,
            )  # fmt: skip
        newest, older = reports.listed(connection, monitor.id)
        assert newest == Report(
            newest.id, monitor.id, NOON + 2 * HOUR, NOON - 24 * HOUR, NOON, "a.html", "note 2"
        )
        assert (older.uri, older.note) == ("b.html", "note 1")
        assert reports.listed(connection, monitor.id, limit=1) == (newest,)
        assert reports.by_id(connection, newest.id) == newest
        assert reports.by_id(connection, 4711) is None


def test_reports_of_other_endpoints_are_theirs(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        other = world.watched(connection, "other")
        for one in (monitor, other):
            reports.add(connection, one.id, start=NOON, end=NOON, uri="same.html", note="", now=NOON)
        assert [report.monitor_id for report in reports.listed(connection, monitor.id)] == [monitor.id]
