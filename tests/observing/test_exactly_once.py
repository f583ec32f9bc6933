"""Whatever is delivered twice, late, anew, in any order, to replicas that are killed, is counted once.

Each endpoint gets the same objects in an order of its own. In the end the database must say of each what one
undisturbed pass over the final objects says, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from config.model import Endpoint
from demo.clock import StoryClock
from monitor.observer import Observer
from monitor.rounds import World
from objects import s3_client
from store import executions, monitors
from store import windows as stored_windows
from store.engine import open_engine, reading
from store.migrate import upgrade
from store.records import ExecutionKind
from store.schema import monitors as monitors_table
from store.schema import objects, windows
from tests.clock import HOUR, MINUTE, NOON
from tests.observing import yard
from tests.observing.fingerprint import emptied, fingerprint
from tests.observing.replica import Replica, until
from tests.observing.yard import Record, Yard
from tests.postgresql import PostgresServer

VARIANTS = ("blue", "green")
LONG_AGO = NOON - 40 * HOUR
END = NOON + 30 * MINUTE
GRACE = MINUTE
PHASES = 5
ERROR = 0.1
"""What the model erred by when it was made: less than in any window here."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One object put into one of the endpoint's folders."""

    folder: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """Everything an endpoint will get: `anew` replaces objects of the same key in `plain`."""

    plain: tuple[Delivery, ...]
    anew: tuple[Delivery, ...]
    early: Delivery
    late: Delivery

    @property
    def final(self) -> tuple[Delivery, ...]:
        replaced = {one.key for one in self.anew}
        kept = [one for one in self.plain if one.key not in replaced]
        return (*kept, *self.anew, self.early, self.late)


def _capture(given: tuple[Record, ...], variant: str, name: str, *bad: bytes) -> Delivery:
    key = yard.capture_key(variant, given[0].at, name)
    return Delivery("capture", key, yard.body(given, bad=bad))


def _stream() -> Stream:
    """Ten objects of which each spans two windows, their labels, one that is rewritten, one 40 hours late."""
    asked = {
        (variant, at): yard.records(100 * which + at, NOON + at * MINUTE, 20, 90 * timedelta(seconds=1))
        for which, variant in enumerate(VARIANTS)
        for at in range(5)
    }
    captures = [
        _capture(given, variant, f"n{at}", *([b"{not json", b""] if at == 3 else []))
        for (variant, at), given in asked.items()
    ]
    elsewhere = yard.records(900, NOON + 9 * MINUTE, 7)
    rewritten = asked["blue", 1]
    key = yard.capture_key("blue", rewritten[0].at, "n1")
    first = [one for one in captures if one.key != key]
    first.append(Delivery("capture", key, yard.body((*elsewhere, *rewritten[:5]))))
    everyone = [record for given in asked.values() for record in given]
    labels = [
        Delivery(
            "labels",
            yard.label_key(NOON + part * MINUTE, f"l{part}"),
            yard.labels_body(
                (record.event_id, round(record.rings + part - 1)) for record in everyone[part::2]
            ),
        )
        for part in range(3)
    ]
    again = Delivery("capture", key, yard.body(rewritten))
    old = yard.records(700, LONG_AGO, 24)
    return Stream(
        (*first, *labels), (again,), _capture(old[:10], "green", "o"), _capture(old[10:], "green", "p")
    )


def _shuffled(stream: Stream, seed: int) -> list[list[Delivery]]:
    """All of it twice and in random order; what replaces comes after, what is late at the end."""
    chance = np.random.default_rng(seed)
    replaced = {one.key: one for one in stream.anew}
    twice = [one for one in (*stream.plain, *stream.anew) for _ in range(2)]
    items = [twice[at] for at in chance.permutation(len(twice))]
    for key, new in replaced.items():
        places = [at for at, one in enumerate(items) if one.key == key]
        versions = sorted((items[at] for at in places), key=lambda one: one is new or one == new)
        for at, one in zip(places, versions, strict=True):
            items[at] = one
    cuts = sorted(int(at) for at in chance.choice(np.arange(1, len(items)), PHASES - 2, replace=False))
    parts = [items[a:b] for a, b in zip([0, *cuts], [*cuts, len(items)], strict=True)]
    return [[stream.early, *parts[0]], *parts[1:], [stream.late, stream.late, stream.early]]


def _entry(place: Yard, name: str) -> Endpoint:
    quality = f"{place.uri}/quality"
    labels = f"{place.uri}/labels/{name}"
    return place.endpoint(name, ground_truth=labels, quality_baseline=quality, grace="1m", sample_rows=5)


def _put(place: Yard, name: str, one: Delivery) -> None:
    place.put(one.folder, f"{name}/{one.key}", one.data)


class _Stopped:
    def now(self) -> Any:
        return END


def _clean_pass(folder: Path, stream: Stream) -> dict[str, Any]:
    """What one pass in this process, over the final objects, without a fault, says."""
    place = Yard(f"file://{folder}/clean")
    place.baseline()
    place.quality_baseline(ERROR)
    for one in stream.final:
        _put(place, "clean", one)
    engine = open_engine(f"sqlite:///{folder}/clean.db")
    upgrade(engine)
    world = World(engine, _Stopped(), lambda _: s3_client(), lambda _, __: None, "clean")
    done = Observer(world).observe(_entry(place, "clean"))
    assert done is not None
    assert done.problem is None
    found = fingerprint(engine, "clean")
    engine.dispose()
    return found


@dataclass(slots=True)
class Stage:
    """The endpoints, their database and the clock, and what was put for each of them so far."""

    place: Yard
    engine: Engine
    clock: StoryClock
    names: list[str]
    config: Path
    deliveries: dict[str, list[list[Delivery]]]
    standing: dict[tuple[str, str], bytes] = field(default_factory=dict)
    killed_at_work: int = 0
    killed_with_work_left: int = 0

    def deliver(self, phase: int) -> None:
        """Put a phase's objects, all endpoints' in turns, and let time pass."""
        for turn in zip_longest(*(self.deliveries[name][phase] for name in self.names)):
            for name, one in zip(self.names, turn, strict=True):
                if one is not None:
                    _put(self.place, name, one)
                    self.standing[name, one.key] = one.data
        last = phase == PHASES - 1
        self.clock.set(END if last else NOON + (2 * phase + 1) * MINUTE)

    def work_left(self) -> int:
        """Objects that are not counted as they stand now, and windows that are due."""
        with reading(self.engine) as connection:
            sizes = {
                (row.name, row.key.rpartition(f"{row.name}/")[2]): row.size
                for row in connection.execute(
                    select(monitors_table.c.name, objects.c.key, objects.c.size).join(
                        monitors_table, monitors_table.c.id == objects.c.monitor_id
                    )
                )
            }
            horizon = self.clock.now() - GRACE
            due = connection.execute(
                select(windows.c.id).where(
                    windows.c.end <= horizon, windows.c.dirty | windows.c.quality_dirty
                )
            ).all()
        stale = [key for key, data in self.standing.items() if sizes.get(key) != len(data)]
        return len(stale) + len(due)

    def long_ago_judged(self) -> int:
        """How many endpoints have a verdict on the window of 40 hours ago."""
        with reading(self.engine) as connection:
            found = connection.execute(
                select(windows.c.monitor_id).where(windows.c.start < NOON - HOUR, windows.c.revision > 0)
            )
            return len(found.all())

    def holds_a_lease(self, replica: Replica) -> bool:
        with reading(self.engine) as connection:
            owners = connection.execute(select(monitors_table.c.lease_owner)).scalars()
            return any(owner and f":{replica.pid}:" in owner for owner in owners)

    def at_work(self, replicas: list[Replica]) -> Replica:
        """The first of them that holds a lease: another may have taken all that the one in turn would."""
        held = until(lambda: any(map(self.holds_a_lease, replicas)), 120, pause=0.005)
        assert held, replicas[0].said()
        return next((one for one in replicas if self.holds_a_lease(one)), replicas[0])

    def kill(self, replica: Replica, chance: np.random.Generator) -> None:
        """SIGKILL in the midst of a round, some chance moment after it began."""
        until(lambda: False, chance.uniform(0, 0.15), pause=0.01)
        replica.kill()
        # a round that ends gives its lease back, so one that a dead process holds was cut off
        self.killed_at_work += self.holds_a_lease(replica)
        self.killed_with_work_left += self.work_left() > 0


@contextmanager
def _staged(folder: Path, place: Yard, database: str, seeds: range, stream: Stream) -> Iterator[Stage]:
    place.baseline()
    place.quality_baseline(ERROR)
    names = [f"order-{seed:02}" for seed in seeds]
    entries = "\n".join(
        f"  - {{name: {name}, capture: '{place.uri}/capture', baseline: '{place.uri}/baseline', "
        f"ground_truth: '{place.uri}/labels/{name}', prediction: rings, "
        f"quality_baseline: '{place.uri}/quality', "
        "window: 1m, grace: 1m, sample_rows: 5}"
        for name in names
    )
    config = folder / "kedge.yaml"
    config.write_text(f"database: {database}\nendpoints:\n{entries}\n")
    clock = StoryClock(folder / "clock")
    clock.set(NOON)
    for name in names:  # an empty folder is one that is there; an empty bucket needs nothing
        place.put(f"labels/{name}", ".nothing", b"")
        place.put(f"capture/{name}", ".nothing", b"")
    engine = open_engine(database)
    upgrade(engine)
    shuffled = {name: _shuffled(stream, seed) for name, seed in zip(names, seeds, strict=True)}
    try:
        yield Stage(place, engine, clock, names, config, shuffled)
    finally:
        engine.dispose()


def _play(stage: Stage, replicas: list[Replica], chance: np.random.Generator) -> None:
    """Deliver by phases; in each a replica is killed at work and started again: by turns, if it can be."""
    for phase in range(PHASES):
        if phase == PHASES - 1:  # what is late now opens a window again that was judged before
            assert until(lambda: stage.long_ago_judged() == len(stage.names), 120, pause=0.1)
        first = phase % len(replicas)
        replicas[first].ready()
        stage.deliver(phase)
        victim = stage.at_work([*replicas[first:], *replicas[:first]])
        stage.kill(victim, chance)
        victim.start()
    settled = until(lambda: stage.work_left() == 0, 240, pause=0.25)
    assert settled, replicas[0].said()[-3000:]


def _check(stage: Stage, expected: Mapping[str, Any]) -> None:
    for name in stage.names:
        found = fingerprint(stage.engine, name)
        for subject, what in expected.items():
            assert found[subject] == what, f"{name}: {subject}"
        assert all(revision > 0 for revision in emptied(stage.engine, name))
        assert _revision_of_the_late_window(stage.engine, name) >= 2, name


def _revision_of_the_late_window(engine: Engine, name: str) -> int:
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, name)
        assert monitor is not None
        (late,) = executions.latest(
            connection, monitor.id, ExecutionKind.DATA_QUALITY, start=LONG_AGO, end=LONG_AGO + HOUR
        )
        (window,) = stored_windows.between(connection, monitor.id, LONG_AGO, LONG_AGO + HOUR)
    assert (late.records, window.records) == (24, 24)
    return late.revision


def _no_fault(replicas: list[Replica]) -> None:
    for replica in replicas:
        faults = ("round_failed", "tick_failed", "database_unavailable", "endpoint_problem")
        assert [line for line in replica.lines(whole=True) if line["event"] in faults] == []


@pytest.mark.timeout(900)  # on a machine with other work
def test_two_replicas_that_are_killed_count_as_one_clean_pass(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    seeds = range(20)
    print(f"random orders of the seeds {list(seeds)}")  # noqa: T201 (shown where the test fails)
    stream = _stream()
    expected = _clean_pass(tmp_path, stream)
    database = postgres.migrated_database()
    place = Yard(f"file://{tmp_path}/yard")
    with _staged(tmp_path, place, database, seeds, stream) as stage, ExitStack() as running:
        environment = {"KEDGE_CLOCK": str(stage.clock.path)}
        replicas = [
            running.enter_context(Replica(stage.config, environment, log=tmp_path / f"{name}.log"))
            for name in ("one", "two")
        ]
        _play(stage, replicas, np.random.default_rng(20))
        assert [replica.ready().stop() for replica in replicas] == [0, 0]
        assert stage.killed_with_work_left >= 3
        assert stage.killed_at_work >= 3
        _check(stage, expected)
        _no_fault(replicas)
        assert all("judged" in replica.said(whole=True) for replica in replicas), "one of them did nothing"
    postgres.drop(database)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_one_service_that_is_killed_counts_as_one_clean_pass(tmp_path: Path) -> None:
    seeds = range(100, 104)
    print(f"random orders of the seeds {list(seeds)}")  # noqa: T201
    stream = _stream()
    expected = _clean_pass(tmp_path, stream)
    place = Yard(f"file://{tmp_path}/yard")
    database = f"sqlite:///{tmp_path}/kedge.db"
    with _staged(tmp_path, place, database, seeds, stream) as stage, ExitStack() as running:
        environment = {"KEDGE_CLOCK": str(stage.clock.path)}
        one = running.enter_context(Replica(stage.config, environment, log=tmp_path / "one.log"))
        _play(stage, [one], np.random.default_rng(4))
        assert one.ready().stop() == 0
        assert stage.killed_with_work_left >= 2
        _check(stage, expected)
        _no_fault([one])


@pytest.mark.parametrize("seed", range(3))
def test_the_orders_are_orders_of_the_same(seed: int) -> None:
    """The test's own ground: whatever the order, the same objects stand in the end."""
    stream = _stream()
    standing = {one.key: one.data for part in _shuffled(stream, seed) for one in part}
    assert standing == {one.key: one.data for one in stream.final}
