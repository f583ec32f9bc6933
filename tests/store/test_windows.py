"""Windows: what is to be judged, when, and what is kept of those that were."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert

from store import windows
from store.records import Monitor
from store.schema import windows as table
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world


def _starts(connection: Connection, monitor: Monitor, hours: int) -> list[int]:
    """Hours after noon at which the windows due by then begin."""
    due = windows.due(connection, monitor.id, NOON + hours * HOUR)
    return [round((window.start - NOON) / HOUR) for window in due]


def test_windows_are_due_when_they_have_ended_oldest_first(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for hour in (2, 0, 1):
            world.window(connection, monitor, deployment, NOON + hour * HOUR)
        assert _starts(connection, monitor, 0) == []
        assert _starts(connection, monitor, 1) == [0]
        assert _starts(connection, monitor, 3) == [0, 1, 2]
        assert windows.due(connection, monitor.id, NOON + HOUR - MINUTE) == ()


def test_a_judged_window_is_due_no_more_until_it_is_marked(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        window = world.window(connection, monitor, deployment)
        world.judge(connection, window)
        assert _starts(connection, monitor, 9) == []
        assert windows.mark(connection, monitor.id) == 1
        assert _starts(connection, monitor, 9) == [0]


def test_the_windows_that_lie_within_a_period_are_marked(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for hour in range(5):
            world.judge(connection, world.window(connection, monitor, deployment, NOON + hour * HOUR))
        half_past = NOON + 90 * MINUTE
        assert windows.mark(connection, monitor.id, half_past, half_past + 2 * HOUR) == 1
        assert _starts(connection, monitor, 9) == [2]
        assert windows.mark(connection, monitor.id, start=NOON + 4 * HOUR) == 1
        assert windows.mark(connection, monitor.id, end=NOON + HOUR) == 1
        assert _starts(connection, monitor, 9) == [0, 2, 4]
        assert windows.mark(connection, world.watched(connection, "other").id) == 0


def test_more_windows_are_marked_than_a_statement_has_parameters(database: Engine) -> None:
    many = 66_000
    with world.began(database) as (connection, monitor, deployment):
        connection.execute(
            insert(table),
            [
                {
                    "monitor_id": monitor.id, "start": NOON + at * MINUTE, "end": NOON + (at + 1) * MINUTE,
                    "variant": world.VARIANT, "deployment_id": deployment.id, "records": 1, "revision": 1,
                    "dirty": False, "quality_dirty": False,
                }
                for at in range(many)
            ],
        )  # fmt: skip
        assert windows.mark(connection, monitor.id) == many


def test_windows_of_other_endpoints_are_theirs(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        other = world.watched(connection, "other")
        world.window(connection, other, world.era(connection, other))
        assert windows.due(connection, monitor.id, NOON + 9 * HOUR) == ()
        assert windows.span(connection, monitor.id) is None


def test_variants_and_eras_have_windows_of_their_own(database: Engine) -> None:
    with world.began(database) as (connection, monitor, old):
        new = world.era(connection, monitor, NOON + 30 * MINUTE, "config-2")
        keys = [(NOON, NOON + HOUR, variant, era.id) for variant in ("b", "a") for era in (old, new)]
        windows.touch(connection, monitor.id, keys)
        windows.touch(connection, monitor.id, keys)
        found = windows.between(connection, monitor.id, NOON, NOON + HOUR)
    assert [(window.variant, window.deployment_id) for window in found] == [
        ("a", old.id), ("a", new.id), ("b", old.id), ("b", new.id),
    ]  # fmt: skip


def test_a_period_holds_the_windows_that_lie_within_it(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for hour in range(4):
            world.window(connection, monitor, deployment, NOON + hour * HOUR)
        found = windows.between(connection, monitor.id, NOON + HOUR, NOON + 3 * HOUR)
        assert [window.start for window in found] == [NOON + HOUR, NOON + 2 * HOUR]
        half_past = NOON + 90 * MINUTE
        assert windows.between(connection, monitor.id, half_past, half_past + HOUR) == ()
        assert windows.span(connection, monitor.id) == (NOON, NOON + 4 * HOUR)


def test_the_merged_profile_is_kept_with_its_window(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        window = world.window(connection, monitor, deployment)
        assert windows.profile(connection, window.id) is None
        windows.compact(connection, window.id, b"\x00merged\xff", 42)
        assert windows.profile(connection, window.id) == b"\x00merged\xff"
        found = windows.by_id(connection, window.id)
        assert found is not None
        assert found.records == 42


def test_a_window_that_is_nowhere_is_none(database: Engine) -> None:
    with world.began(database) as (connection, _, _):
        assert windows.by_id(connection, 4711) is None
        assert windows.profile(connection, 4711) is None
