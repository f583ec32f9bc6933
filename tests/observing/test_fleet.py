"""The fleet's turns: a flood holds up nobody, replicas share, and what nobody did waits in the queue."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from config.model import Config, Endpoint
from monitor.fleet import Fleet, pause
from monitor.observer import Observer
from monitor.turns import Bound
from store import captures, monitors, turns
from store.engine import reading, writing
from store.turns import Standing
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

TRICKLES = tuple(f"trickle-{at}" for at in range(6))
BOUND = Bound(2, 2**40, 48)


class Crew:
    """A fleet at work, and whose turn was when."""

    def __init__(self, watch: Watch, entries: list[Endpoint], replica: str = "one", workers: int = 1) -> None:
        self.order: list[str] = []
        self.crashes: list[str] = []
        self._observer: Observer = watch.observer(replica)
        self.fleet = Fleet(watch.engine, self._turn, lambda: False, workers)
        self.fleet.watch(entries, HOUR)
        with writing(watch.engine) as connection:
            turns.enrol(connection, {entry.name: entry.digest for entry in entries}, NOON)

    def _turn(self, endpoint: Endpoint, standing: Standing) -> bool:
        self.order.append(endpoint.name)
        done = self._observer.turn(endpoint, standing, bound=BOUND)
        return done is not None and done.more

    def work(self) -> None:
        self.fleet.begin()
        self.fleet.wait()
        self.fleet.end()


def _counted(watch: Watch, name: str) -> tuple[int, int]:
    with reading(watch.engine) as connection:
        monitor = monitors.by_name(connection, name)
        assert monitor is not None
        return captures.totals(connection, monitor.id)


def _endpoints(watch: Watch, flood: int) -> list[Endpoint]:
    """One with a flood, which is the first of all, and six with an object each."""
    for at in range(flood):
        start = NOON + at * timedelta(seconds=5)
        watch.yard.capture("flood", records(at, start, 5, timedelta(seconds=5)), name=f"{at:03}")
    for at, name in enumerate(TRICKLES):
        watch.yard.capture(name, records(at, NOON, 5))
    watch.clock.at = NOON + HOUR
    return [watch.yard.endpoint(name) for name in ("flood", *TRICKLES)]


def test_a_flood_gives_way_after_each_turn(watch: Watch) -> None:
    crew = Crew(watch, _endpoints(watch, 12))
    crew.work()
    assert crew.order[0] == "flood"
    assert sorted(crew.order[1:7]) == sorted(TRICKLES)
    assert set(crew.order[7:]) == {"flood"}
    assert _counted(watch, "flood") == (12, 60)
    assert [_counted(watch, name) for name in TRICKLES] == [(1, 5)] * 6
    assert [e.records for e in watch.judged(name="flood")] == [60]


def test_an_endpoint_that_comes_due_while_a_flood_is_worked_off_does_not_wait_for_its_end(
    watch: Watch,
) -> None:
    entries = _endpoints(watch, 20)
    crew = Crew(watch, entries)
    with reading(watch.engine) as connection:
        late = monitors.by_name(connection, TRICKLES[0])
    assert late is not None

    def call_late(endpoint: Endpoint, standing: Standing) -> bool:
        if endpoint.name == "flood" and crew.order.count("flood") == 3:
            with writing(watch.engine) as connection:
                turns.again_at(connection, [late.id], None)
        return crew._turn(endpoint, standing)

    crew.fleet.turn = call_late
    crew.work()
    fourth = [at for at, name in enumerate(crew.order) if name == "flood"][3]
    assert crew.order[fourth : fourth + 2] == ["flood", TRICKLES[0]]
    assert crew.order.count("flood") > 8


def test_replicas_share_the_turns_and_count_each_object_once(watch: Watch) -> None:
    entries = _endpoints(watch, 12)
    crews = [Crew(watch, entries, replica, workers=2) for replica in ("one", "two")]
    threads = [threading.Thread(target=crew.work) for crew in crews]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [*crews[0].order, *crews[1].order]
    assert all(taken.count(name) == 1 for name in TRICKLES)
    assert _counted(watch, "flood") == (12, 60)
    assert [_counted(watch, name) for name in TRICKLES] == [(1, 5)] * 6
    assert [(e.revision, e.records) for e in watch.judged(name="flood")] == [(1, 60)]


def test_a_turn_that_a_dead_process_took_comes_again(watch: Watch) -> None:
    entries = _endpoints(watch, 0)[1:]
    first = Crew(watch, entries)
    first.fleet.turn = lambda _endpoint, _standing: False  # it takes them, and does nothing
    first.work()
    second = Crew(watch, entries, "two")
    second.work()
    assert second.order == []  # not before the pause has passed
    with writing(watch.engine) as connection:
        turns.all_at_once(connection)
    third = Crew(watch, entries, "three")
    third.work()
    assert sorted(third.order) == sorted(TRICKLES)
    assert [_counted(watch, name) for name in TRICKLES] == [(1, 5)] * 6


def test_who_is_no_longer_in_the_file_has_no_turn(watch: Watch) -> None:
    entries = _endpoints(watch, 2)
    crew = Crew(watch, entries)
    crew.fleet.watch(entries[:1], HOUR)  # the others are another replica's, whose file is newer
    crew.work()
    assert set(crew.order) == {"flood"}


def test_who_was_called_has_its_turn_where_it_was_called_and_nowhere_else(watch: Watch) -> None:
    entries = _endpoints(watch, 0)[1:]
    caller, other = Crew(watch, entries), Crew(watch, entries, "two")
    for crew in (caller, other):
        crew.fleet.begin()
        crew.fleet.wait()
    everybody = [*caller.order, *other.order]
    assert sorted(everybody) == sorted(TRICKLES)
    caller.fleet.call({TRICKLES[2]})
    other.work()
    caller.work()
    assert [*caller.order, *other.order].count(TRICKLES[2]) == 2
    assert caller.order[-1] == TRICKLES[2]
    assert len(caller.order) + len(other.order) == len(TRICKLES) + 1


def test_those_who_are_called_leave_turns_to_the_others(watch: Watch) -> None:
    entries = [watch.yard.endpoint(f"e-{at:02}") for at in range(60)]
    crew = Crew(watch, entries)

    def note(endpoint: Endpoint, _: Standing) -> bool:
        crew.order.append(endpoint.name)
        return False

    crew.fleet.turn = note
    with reading(watch.engine) as connection:
        others = [one.id for one in monitors.watched(connection) if one.name >= "e-40"]
    with writing(watch.engine) as connection:
        now = datetime.now(UTC)
        turns.take(connection, now, now + HOUR, 99)
        turns.again_at(connection, others, now)
    crew.fleet.call({f"e-{at:02}" for at in range(40)})
    crew.work()
    assert sorted(crew.order) == [f"e-{at:02}" for at in range(60)]
    assert sum(name >= "e-40" for name in crew.order[:32]) == 16


def test_a_turn_that_comes_while_its_endpoint_is_at_work_is_had_afterwards(watch: Watch) -> None:
    entry = watch.yard.endpoint("changed")
    crew = Crew(watch, [entry])

    def change(endpoint: Endpoint, _: Standing) -> bool:
        crew.order.append(endpoint.digest)
        if len(crew.order) == 1:
            new = endpoint.model_copy(update={"sample_rows": 5})
            with writing(watch.engine) as connection:
                turns.enrol(connection, {new.name: new.digest}, NOON)
            crew.fleet.watch([new], HOUR)
            assert crew.fleet._next() is None  # as another worker would
        return False

    crew.fleet.turn = change
    crew.work()
    assert crew.order == [entry.digest, entry.model_copy(update={"sample_rows": 5}).digest]


def test_who_ends_gives_back_the_turns_that_it_did_not_come_to(watch: Watch) -> None:
    entries = _endpoints(watch, 0)[1:]
    first = Crew(watch, entries)
    first.fleet.stopping = lambda: bool(first.order)
    first.work()
    assert len(first.order) == 1
    second = Crew(watch, entries, "two")
    second.work()
    assert sorted([*first.order, *second.order]) == sorted(TRICKLES)


def test_a_large_fleet_is_looked_at_less_often_unless_the_owner_says(watch: Watch) -> None:
    few, many = (
        Config(endpoints=tuple(watch.yard.endpoint(f"e-{at}") for at in range(count))) for count in (10, 2000)
    )
    assert pause(few, 5.0) == timedelta(seconds=5)
    assert pause(many, 5.0) == timedelta(seconds=80)
    assert pause(Config(polling=MINUTE, endpoints=many.endpoints), 5.0) == MINUTE
    assert pause(Config(polling=MINUTE / 60), 5.0) == timedelta(seconds=5)
