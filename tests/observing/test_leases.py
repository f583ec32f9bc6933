"""Replicas share endpoints by leases: one at a time is at work; one that lost its lease writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from config.model import Endpoint
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.rounds import Round, World
from objects import s3_client
from store import monitors as monitor_rows
from store.engine import StoreError, reading, writing
from store.lease import StoppingError, leased
from store.monitors import LeaseLostError
from store.schema import deployments, executions, monitors, objects
from tests.clock import HOUR, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

SHORT = timedelta(seconds=0.3)


def _written(watch: Watch) -> list[int]:
    with reading(watch.engine) as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (deployments, objects, executions)
        ]


def _holder(watch: Watch) -> str | None:
    with reading(watch.engine) as connection:
        owner: str | None = connection.execute(select(monitors.c.lease_owner)).scalar_one()
    return owner


def _steal(watch: Watch) -> None:
    with writing(watch.engine) as connection:
        connection.execute(update(monitors).values(lease_owner="thief"))


def _meddled(watch: Watch, meddle: Callable[[], object], **given: Any) -> Observer:
    """An observer in whose rounds something happens while it asks AWS."""

    def ask(_endpoint: Endpoint, _era: int | None) -> InForce | None:
        meddle()
        return None

    return Observer(World(watch.engine, watch.clock, lambda role: s3_client(), ask, "one", **given))


@pytest.fixture
def entry(watch: Watch) -> Endpoint:
    """An endpoint with something to count and to judge."""
    watch.yard.capture("abalone", records(1, NOON))
    watch.clock.at = NOON + HOUR
    return watch.yard.endpoint()


def test_a_replica_that_lost_its_lease_writes_nothing(watch: Watch, entry: Endpoint) -> None:
    done = _meddled(watch, lambda: _steal(watch)).observe(entry)
    assert done == Round()
    assert _written(watch) == [0, 0, 0]
    assert _holder(watch) == "thief"
    assert watch.monitor().problem is None


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (1, [0, 0, 0]),  # before the era begins
        (2, [1, 0, 0]),  # before the baseline is imported
        (3, [1, 0, 0]),  # between reading the captures and counting them
        (4, [1, 1, 0]),  # between counting and judging
        (5, [1, 1, 1]),  # between writing the results and saying so
        (6, [1, 1, 1]),  # before the sweep
        (7, [1, 1, 1]),  # before the problem, or that there is none, is told
    ],
)
def test_whatever_a_replica_was_about_to_write_is_left_to_its_successor(
    watch: Watch, entry: Endpoint, at: int, written: list[int]
) -> None:
    entry = entry.model_copy(update={"results": f"{watch.yard.uri}/results"})
    transactions = count(1)

    def steal_before() -> bool:
        if next(transactions) == at:
            _steal(watch)
        return False

    assert _meddled(watch, lambda: None, stopping=steal_before).observe(entry) == Round()
    assert next(transactions) == at + 1
    assert _written(watch) == written
    assert _holder(watch) == "thief"
    with writing(watch.engine) as connection:
        connection.execute(update(monitors).values(lease_owner=None, lease_until=None))
    watch.fine(entry)
    assert _written(watch) == [1, 1, 1]
    (verdict,) = watch.judged()
    assert (verdict.records, verdict.revision) == (30, 1)
    assert verdict.published_at is not None
    assert watch.fine(entry).idle


def test_a_database_that_is_away_for_a_moment_costs_no_lease(watch: Watch) -> None:
    watch.observer().observe(watch.yard.endpoint())
    key = watch.monitor().id
    refused: list[str] = []

    @event.listens_for(watch.engine, "begin")
    def refuse(_: object) -> None:
        name = threading.current_thread().name
        if name == f"lease-{key}" and not refused:
            refused.append(name)
            raise StoreError("the database is away for a moment")

    with leased(watch.engine, monitor_rows, key, "one", SHORT, lambda: False) as lease:
        assert lease is not None
        time.sleep(0.9)
        with writing(watch.engine) as connection:
            later = datetime.now(UTC) + HOUR
            assert not monitor_rows.claim(connection, key, "two", datetime.now(UTC), later)
    assert refused


def test_a_lease_lost_while_a_problem_is_told_is_no_crash(watch: Watch, entry: Endpoint) -> None:
    missing = entry.model_copy(update={"baseline": f"{watch.yard.uri}/nowhere"})
    stolen = threading.Event()

    def steal_later() -> None:
        if stolen.is_set():
            _steal(watch)

    watch.round(missing)
    with writing(watch.engine) as connection:
        connection.execute(update(monitors).values(problem=None))
    stolen.set()  # its era is known by now: the next that is written is the problem itself
    assert _meddled(watch, steal_later).observe(missing) == Round()
    assert watch.monitor().problem is None


def test_an_endpoint_that_another_replica_is_at_is_left_to_it(watch: Watch, entry: Endpoint) -> None:
    others: list[Round | None] = []
    first = _meddled(watch, lambda: others.append(watch.observer("two").observe(entry)))
    done = first.observe(entry)
    assert others == [None]
    assert done is not None
    assert (done.objects, done.judged) == (1, 1)


def test_a_round_longer_than_its_lease_keeps_it(watch: Watch, entry: Endpoint) -> None:
    others: list[Round | None] = []

    def dawdle() -> None:
        time.sleep(0.9)
        others.append(watch.observer("two").observe(entry))

    done = _meddled(watch, dawdle, lease=SHORT).observe(entry)
    assert others == [None]
    assert done is not None
    assert done.judged == 1


def test_a_dead_replicas_endpoint_is_taken_over_when_its_lease_has_run_out(
    watch: Watch, entry: Endpoint
) -> None:
    watch.observer("two").observe(watch.yard.endpoint())  # registers the monitor
    watch.yard.capture("abalone", records(2, NOON), name="b")
    now = watch.monitor()
    with writing(watch.engine) as connection:
        until = datetime.now(UTC) + timedelta(seconds=0.5)
        connection.execute(
            update(monitors).where(monitors.c.id == now.id).values(lease_owner="dead", lease_until=until)
        )
    assert watch.observer("two").observe(entry) is None
    deadline = time.monotonic() + 10
    done = None
    while done is None and time.monotonic() < deadline:
        time.sleep(0.05)
        done = watch.observer("two").observe(entry)
    assert done is not None
    assert done.objects == 1


def test_the_lease_is_given_back_after_a_round_that_failed(watch: Watch, entry: Endpoint) -> None:
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        _meddled(watch, fail).observe(entry)
    assert _holder(watch) is None


def test_a_round_that_is_told_to_stop_ends_at_its_next_transaction(watch: Watch, entry: Endpoint) -> None:
    stop = threading.Event()
    done = _meddled(watch, stop.set, stopping=stop.is_set).observe(entry)
    assert done == Round()
    assert _written(watch) == [0, 0, 0]
    assert _holder(watch) is None
    assert watch.fine(entry).judged == 1


def test_a_transaction_is_refused_to_whom_the_lease_does_not_belong(watch: Watch) -> None:
    watch.observer().observe(watch.yard.endpoint())
    key = watch.monitor().id
    stop = threading.Event()
    with leased(watch.engine, monitor_rows, key, "one", SHORT, stop.is_set) as lease:
        assert lease is not None
        with lease.transaction():
            pass
        _steal(watch)
        with pytest.raises(LeaseLostError), lease.transaction():
            pytest.fail("it must not be entered")
        stop.set()
        with pytest.raises(StoppingError), lease.transaction():
            pytest.fail("it must not be entered")
