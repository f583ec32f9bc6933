"""Leases: one replica at a time works on a monitor, and one that lost its lease writes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from store import captures, monitors
from store.engine import open_engine, reading, writing
from store.monitors import LeaseLostError
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world


def _claim(engine: Engine, monitor_id: int, owner: str, now_minutes: int = 0, for_minutes: int = 5) -> bool:
    now = NOON + now_minutes * MINUTE
    with writing(engine) as connection:
        return monitors.claim(connection, monitor_id, owner, now, now + for_minutes * MINUTE)


@pytest.fixture
def monitor_id(database: Engine) -> int:
    with writing(database) as connection:
        return world.watched(connection).id


def test_the_first_gets_it_and_the_second_does_not(database: Engine, monitor_id: int) -> None:
    assert _claim(database, monitor_id, "one")
    assert not _claim(database, monitor_id, "two")


def test_its_owner_may_claim_it_again(database: Engine, monitor_id: int) -> None:
    assert _claim(database, monitor_id, "one")
    assert _claim(database, monitor_id, "one", now_minutes=1)
    assert not _claim(database, monitor_id, "two", now_minutes=5)  # it runs to minute 6 now


def test_it_is_free_when_it_has_run_out(database: Engine, monitor_id: int) -> None:
    assert _claim(database, monitor_id, "one")
    assert not _claim(database, monitor_id, "two", now_minutes=5)
    assert _claim(database, monitor_id, "two", now_minutes=6)


def test_it_is_free_when_it_was_given_back(database: Engine, monitor_id: int) -> None:
    assert _claim(database, monitor_id, "one")
    with writing(database) as connection:
        monitors.release(connection, monitor_id, "one")
    assert _claim(database, monitor_id, "two")


def test_only_its_owner_gives_it_back(database: Engine, monitor_id: int) -> None:
    assert _claim(database, monitor_id, "one")
    with writing(database) as connection:
        monitors.release(connection, monitor_id, "two")
    assert not _claim(database, monitor_id, "two")


def test_a_monitor_that_is_nowhere_is_nobodys(database: Engine, monitor_id: int) -> None:
    assert not _claim(database, monitor_id + 1, "one")


def test_each_monitor_has_a_lease_of_its_own(database: Engine, monitor_id: int) -> None:
    with writing(database) as connection:
        other = world.watched(connection, "other")
    assert _claim(database, monitor_id, "one")
    assert _claim(database, other.id, "two")


def test_holding_it_renews_it(database: Engine, monitor_id: int) -> None:
    _claim(database, monitor_id, "one")
    with writing(database) as connection:
        monitors.hold(connection, monitor_id, "one", NOON + 30 * MINUTE)
    assert not _claim(database, monitor_id, "two", now_minutes=29)
    assert _claim(database, monitor_id, "two", now_minutes=31)


def test_it_is_held_past_its_end_as_long_as_nobody_took_it(database: Engine, monitor_id: int) -> None:
    _claim(database, monitor_id, "one")
    with writing(database) as connection:
        monitors.hold(connection, monitor_id, "one", NOON + HOUR)
    assert not _claim(database, monitor_id, "two", now_minutes=10)


def test_who_lost_it_writes_nothing(database: Engine, monitor_id: int) -> None:
    _claim(database, monitor_id, "one")
    _claim(database, monitor_id, "two", now_minutes=10)

    def late() -> None:
        with writing(database) as connection:
            captures.replace(connection, monitor_id, world.consumed("a"), now=NOON)
            monitors.hold(connection, monitor_id, "one", NOON + HOUR)

    with pytest.raises(LeaseLostError, match=f"the lease of monitor {monitor_id} was taken"):
        late()
    with reading(database) as connection:
        assert captures.totals(connection, monitor_id) == (0, 0)


def test_of_many_that_claim_at_once_one_gets_it(database: Engine, monitor_id: int) -> None:
    url = database.url.render_as_string(hide_password=False)

    def replica(number: int) -> bool:
        engine = open_engine(url)
        try:
            return _claim(engine, monitor_id, f"replica-{number}")
        finally:
            engine.dispose()

    with ThreadPoolExecutor(6) as replicas:
        assert sorted(replicas.map(replica, range(6))) == [False] * 5 + [True]


def test_a_writer_waits_for_the_one_before_it(database: Engine, monitor_id: int) -> None:
    """Each reads a count and writes it back one higher: without the wait, counts would be lost."""
    _claim(database, monitor_id, "one")

    def add(number: int) -> None:
        with writing(database) as connection:
            monitors.hold(connection, monitor_id, "one", NOON + HOUR)
            before, _ = captures.totals(connection, monitor_id)
            captures.replace(connection, monitor_id, world.consumed(f"{before:03}"), now=NOON)

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(add, range(20)))
    with reading(database) as connection:
        assert captures.totals(connection, monitor_id) == (20, 200)
