"""Turns: a round is bounded and loses nothing at its bound; an endpoint without news costs no transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from config.model import Endpoint
from monitor import ingest
from monitor.arrivals import Arrivals
from monitor.eras import InForce
from monitor.ingest import Fold, Found, Work
from monitor.notifications.inbox import Letters
from monitor.observer import Observer
from monitor.rounds import Round
from monitor.spark.partial import partial_of, shared
from monitor.turns import TURN, Bound
from objects import ObjectRef, PlaceError, PlaceProblem
from store import schema, turns, windows
from store.engine import reading, writing
from store.records import ExecutionKind, Outcome
from store.turns import Standing
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

FEW = Bound(3, 2**40, 48)


@dataclass
class Announced:
    """A queue that announced these objects."""

    objects: list[ObjectRef] = field(default_factory=list)

    def letters(self, _: Endpoint, /) -> Letters:
        return Letters(tuple(each.key for each in self.objects), tuple(self.objects))

    def settle(self, _: Endpoint, letters: Letters, /) -> None:
        self.objects = [each for each in self.objects if each.key not in letters.ids]

    def problem(self, _: Endpoint, /) -> str | None:
        return None

    def is_deaf(self, _: Endpoint, /) -> bool:
        return False


@contextmanager
def _statements(watch: Watch) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(watch.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(watch.engine, "before_cursor_execute", note)


def _standing(watch: Watch, *entries: Endpoint) -> Standing:
    """The only endpoint's turn, whenever it would come."""
    with writing(watch.engine) as connection:
        turns.enrol(connection, {entry.name: entry.digest for entry in entries}, NOON)
        turns.all_at_once(connection)
        now = datetime.now(UTC)
        (standing,) = turns.take(connection, now, now + HOUR, 9)
    return standing


def _turn(watch: Watch, observer: Observer, entry: Endpoint, bound: Bound = TURN) -> Round:
    done = observer.turn(entry, _standing(watch, entry), bound=bound)
    assert done is not None
    return done


def _flood(watch: Watch, objects: int) -> None:
    """An object every ten seconds from noon on, of five records each."""
    for at in range(objects):
        watch.yard.capture(
            "abalone", records(at, NOON + at * timedelta(seconds=10), 5, MINUTE / 6), name=f"{at}"
        )


def test_a_turn_takes_on_so_much_and_leaves_the_rest_to_the_next(watch: Watch) -> None:
    _flood(watch, 10)
    watch.clock.at = NOON + HOUR
    entry, observer = watch.yard.endpoint(), watch.observer()
    counted, waiting = [], []
    for _ in range(5):
        done = _turn(watch, observer, entry, FEW)
        counted.append(done.objects)
        waiting.append((done.more, watch.monitor().waiting_objects, watch.monitor().waiting_since))
    assert counted == [3, 3, 3, 1, 0]
    assert waiting == [
        (True, 7, NOON + timedelta(seconds=30)),
        (True, 4, NOON + timedelta(seconds=60)),
        (True, 1, NOON + timedelta(seconds=90)),
        (True, 0, None),  # of a backlog nobody knows yet what came meanwhile
        (False, 0, None),
    ]
    assert watch.totals() == (10, 50)
    # no window was judged by some of its objects first
    assert [(e.start, e.revision, e.records) for e in watch.judged()] == [
        (NOON, 1, 30), (NOON + MINUTE, 1, 20),
    ]  # fmt: skip


def test_a_window_of_which_nothing_waits_is_judged_while_younger_objects_wait(watch: Watch) -> None:
    _flood(watch, 10)
    watch.clock.at = NOON + HOUR
    done = _turn(watch, watch.observer(), watch.yard.endpoint(), Bound(8, 2**40, 48))
    assert (done.objects, done.judged, done.more) == (8, 1, True)
    assert [(e.start, e.records) for e in watch.judged()] == [(NOON, 30)]


def test_a_turn_is_bounded_in_bytes_and_takes_a_larger_object_alone(watch: Watch) -> None:
    _flood(watch, 3)
    watch.clock.at = NOON + HOUR
    observer = watch.observer()
    counted = [_turn(watch, observer, watch.yard.endpoint(), Bound(9, 1, 9)).objects for _ in range(3)]
    assert counted == [1, 1, 1]


def test_windows_are_judged_so_many_to_a_turn(watch: Watch) -> None:
    _flood(watch, 13)
    watch.clock.at = NOON + HOUR
    observer, entry = watch.observer(), watch.yard.endpoint()
    done = [_turn(watch, observer, entry, Bound(99, 2**40, 2)) for _ in range(3)]
    assert [(one.judged, one.more) for one in done] == [(2, True), (1, False), (0, False)]


def test_windows_without_a_baseline_stand_before_no_other(watch: Watch) -> None:
    """More of them than a turn judges, and older: those behind them would wait for ever."""
    _flood(watch, 24)  # four windows
    watch.clock.at = NOON + 2 * MINUTE
    observer, entry = watch.observer(), watch.yard.endpoint(grace="10m")
    watch.in_force = InForce("first", NOON - HOUR)
    _turn(watch, observer, entry)
    watch.in_force = InForce("second", NOON + 2 * MINUTE)
    _turn(watch, observer, entry)
    first, _ = watch.eras()
    with writing(watch.engine) as connection:
        connection.execute(
            update(schema.deployments).where(schema.deployments.c.id == first.id).values(baseline_id=None)
        )
    watch.clock.at = NOON + HOUR
    blind = watch.yard.endpoint(baseline=None)
    for _ in range(2):
        assert "no baseline" in str(_turn(watch, observer, blind, Bound(99, 2**40, 2)).problem)
    assert [one.start for one in watch.judged()] == [NOON + 2 * MINUTE, NOON + 3 * MINUTE]


def test_what_a_turn_left_is_taken_up_by_a_process_that_knows_nothing_of_it(watch: Watch) -> None:
    _flood(watch, 7)
    watch.clock.at = NOON + HOUR
    entry = watch.yard.endpoint()
    assert [_turn(watch, watch.observer(str(at)), entry, FEW).objects for at in range(4)] == [3, 3, 1, 0]
    assert watch.totals() == (7, 35)


def test_an_object_that_comes_while_a_backlog_is_worked_off_is_counted(watch: Watch) -> None:
    _flood(watch, 5)
    watch.clock.at = NOON + HOUR
    observer, entry = watch.observer(), watch.yard.endpoint()
    assert _turn(watch, observer, entry, FEW).objects == 3
    watch.yard.capture("abalone", records(99, NOON, 5), name="late")
    assert [_turn(watch, observer, entry, FEW).objects for _ in range(3)] == [2, 1, 0]
    assert [(e.start, e.revision, e.records) for e in watch.judged()] == [(NOON, 1, 30)]


def test_no_window_is_judged_by_records_that_were_read_with_other_columns(watch: Watch) -> None:
    _flood(watch, 6)
    watch.clock.at = NOON + MINUTE
    observer, entry = watch.observer(), watch.yard.endpoint()
    assert _turn(watch, observer, entry).objects == 6  # the window has not closed yet
    watch.clock.at = NOON + HOUR
    other = watch.yard.endpoint(exclude=("sex",))
    done = [_turn(watch, observer, other, Bound(2, 2**40, 48)) for _ in range(4)]
    assert [(one.objects, one.judged) for one in done] == [(2, 0), (2, 0), (2, 1), (0, 0)]
    (verdict,) = watch.judged()
    assert (verdict.revision, verdict.records) == (1, 30)


def test_quality_is_measured_once_no_labels_wait(watch: Watch) -> None:
    """By the first of a flood of labels a window's quality would be another, and another with each turn."""
    made = records(1, NOON, 100)
    watch.yard.capture("abalone", made)
    for at in range(5):
        wrong_by = 9 if at == 0 else 0
        labels = [(one.event_id, one.rings + wrong_by) for one in made[at * 20 : at * 20 + 20]]
        watch.yard.labels(NOON, labels, name=f"{at}")
    watch.clock.at = NOON + HOUR
    observer, entry = watch.observer(), watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    done = [_turn(watch, observer, entry, Bound(2, 2**40, 48)) for _ in range(4)]
    assert [(one.measured, one.more) for one in done] == [(0, True), (0, True), (1, False), (0, False)]
    (measured,) = watch.judged(ExecutionKind.MODEL_QUALITY)
    assert (measured.revision, measured.records) == (1, 100)


class _OneShare:
    """Counts all that is new as one share, as a cluster does."""

    def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
        yield shared(partial_of(ingest.digested(work, new)))


@dataclass
class _Failing:
    """Reads so many waves; then S3 is away."""

    waves: int

    def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
        self.waves -= 1
        if self.waves < 0:
            raise PlaceError(PlaceProblem.UNREACHABLE, "S3 is away")
        yield from ingest.HERE.digested(work, new)


@pytest.mark.parametrize("announced", [False, True])
def test_no_window_is_judged_while_some_of_it_is_to_be_read_again(watch: Watch, announced: bool) -> None:
    """Its share was taken apart, and S3 went away before the others of it were read."""
    for at in range(4):
        watch.yard.capture("abalone", records(at, NOON, 10), name=f"{at}")
    watch.clock.at = NOON + timedelta(seconds=30)
    entry = watch.yard.endpoint().model_copy(update={"notifications": "q" if announced else None})
    arrivals = Arrivals(Announced()) if announced else Arrivals()
    assert _turn(watch, watch.observer(reads=_OneShare(), arrivals=arrivals), entry).objects == 4
    key = watch.yard.capture("abalone", records(77, NOON, 15), name="0")
    if announced:
        (again,) = watch.yard.place("capture").objects.list(key)
        arrivals.post = Announced([again])
    watch.clock.at = NOON + 10 * MINUTE
    done = _turn(watch, watch.observer(reads=_Failing(1), arrivals=arrivals), entry)
    assert (done.problem, done.judged) == ("S3 is away", 0)
    observer = watch.observer(arrivals=arrivals)
    assert [_turn(watch, observer, entry, Bound(2, 2**40, 48)).judged for _ in range(2)] == [0, 1]
    assert [(one.revision, one.records) for one in watch.judged()] == [(1, 45)]
    assert watch.rejects() == {}
    assert _turn(watch, observer, entry).idle


def test_what_is_to_be_read_again_and_is_gone_keeps_no_window_waiting(watch: Watch) -> None:
    keys = [watch.yard.capture("abalone", records(at, NOON, 10), name=f"{at}") for at in range(3)]
    watch.clock.at = NOON + timedelta(seconds=30)
    entry = watch.yard.endpoint()
    _turn(watch, watch.observer(reads=_OneShare()), entry)
    watch.yard.capture("abalone", records(77, NOON, 15), name="0")
    watch.clock.at = NOON + 10 * MINUTE
    _turn(watch, watch.observer(reads=_Failing(1)), entry)
    Path(watch.yard.place("capture").objects.bucket, keys[1]).unlink()
    assert _turn(watch, watch.observer(), entry).judged == 1
    assert [(one.revision, one.records) for one in watch.judged()] == [(1, 25)]
    assert _turn(watch, watch.observer(), entry).idle


def test_what_another_replica_read_with_other_columns_is_found_again_though_it_is_not_announced(
    watch: Watch,
) -> None:
    """While `exclude` changes, a replica with the old entry meets what one with the new entry read."""
    old = watch.yard.endpoint().model_copy(update={"notifications": "q"})
    new = old.model_copy(update={"exclude": ("sex",)})
    post = Announced()
    behind = watch.observer("behind", arrivals=Arrivals(post))
    ahead = watch.observer("ahead", arrivals=Arrivals(Announced()))
    watch.yard.capture("abalone", records(1, NOON, 10), name="x")
    _turn(watch, behind, old)
    _turn(watch, ahead, new)
    key = watch.yard.capture("abalone", records(2, NOON, 10), name="y")
    post.objects.extend(watch.yard.place("capture").objects.list(key))
    watch.clock.at = NOON + 2 * MINUTE
    _turn(watch, behind, old)
    (verdict,) = watch.judged()
    assert verdict.records == 20
    assert [check for check in watch.checks(verdict) if check.outcome is Outcome.VIOLATED] == []


@pytest.fixture
def quiet(watch: Watch) -> tuple[Observer, Endpoint]:
    """An endpoint of which all is counted and judged."""
    watch.yard.capture("abalone", records(1, NOON))
    watch.clock.at = NOON + HOUR
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", results=f"{watch.yard.uri}/results")
    observer = watch.observer()
    assert not _turn(watch, observer, entry).idle
    return observer, entry


def test_an_endpoint_without_news_costs_no_statement_beyond_the_taking_of_its_turn(
    watch: Watch, quiet: tuple[Observer, Endpoint]
) -> None:
    observer, entry = quiet
    standing = _standing(watch, entry)
    with _statements(watch) as statements:
        assert observer.turn(entry, standing) == Round()
    assert statements == []


def _newer(watch: Watch) -> None:
    watch.yard.capture("abalone", records(2, NOON + MINUTE), name="b")


def _again(watch: Watch) -> None:
    watch.yard.capture("abalone", records(3, NOON))


def _labels(watch: Watch) -> None:
    watch.yard.labels(NOON, [("e1-0", 9.0)])


def _marked(watch: Watch) -> None:
    with writing(watch.engine) as connection:
        windows.mark(connection, watch.monitor().id)


def _baseline(watch: Watch) -> None:
    watch.yard.baseline(shift=3.0)


@pytest.mark.parametrize("news", [_newer, _again, _labels, _marked])
def test_whatever_is_new_is_taken_up(
    watch: Watch, quiet: tuple[Observer, Endpoint], news: Callable[[Watch], None]
) -> None:
    observer, entry = quiet
    assert _turn(watch, observer, entry).idle
    news(watch)
    assert not _turn(watch, observer, entry).idle
    assert _turn(watch, observer, entry).idle


def test_a_baseline_that_changed_and_a_deployment_are_noticed(
    watch: Watch, quiet: tuple[Observer, Endpoint]
) -> None:
    _, entry = quiet
    before = watch.eras()[-1].baseline_id
    _baseline(watch)
    _turn(watch, watch.observer(), entry)  # a process that has not looked at the files yet
    assert watch.eras()[-1].baseline_id != before
    watch.in_force = InForce("config-2", NOON + HOUR)
    _turn(watch, watch.observer(), entry)
    assert watch.eras()[-1].endpoint_config == "config-2"


def test_an_entry_that_changed_comes_first_and_is_read_by(
    watch: Watch, quiet: tuple[Observer, Endpoint]
) -> None:
    observer, entry = quiet
    changed = entry.model_copy(update={"sample_rows": 5})
    with writing(watch.engine) as connection:
        turns.enrol(connection, {entry.name: changed.digest}, NOON)
        now = datetime.now(UTC)
        (standing,) = turns.take(connection, now, now + HOUR, 9)
    with _statements(watch) as statements:
        observer.turn(changed, standing)
    assert statements != []


def test_a_problem_stays_told_until_it_is_mended(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    watch.clock.at = NOON + HOUR
    entry = watch.yard.endpoint(baseline=f"{watch.yard.uri}/nowhere")
    for _ in range(2):
        assert _turn(watch, watch.observer(), entry).problem is not None
    watch.yard.baseline("nowhere")
    assert _turn(watch, watch.observer(), entry).judged == 1
    assert watch.monitor().problem is None


def test_an_entry_that_is_partly_wrong_is_told_at_an_endpoint_without_news(
    watch: Watch, quiet: tuple[Observer, Endpoint]
) -> None:
    observer, entry = quiet
    done = observer.turn(entry, _standing(watch, entry), "the entry stands twice")
    assert done is not None
    assert watch.monitor().problem == "the entry stands twice"
    assert _turn(watch, observer, entry).problem is None
    assert watch.monitor().problem is None


def test_the_queue_gives_turns_to_whoever_waited_longest(watch: Watch) -> None:
    with writing(watch.engine) as connection:
        turns.enrol(connection, dict.fromkeys(("a", "b", "c", "d"), "1"), NOON)
        now = datetime.now(UTC)
        keys = {one.monitor.name: one.monitor.id for one in turns.take(connection, now, now, 9)}
        for name, ago in {"a": 1, "b": 3, "c": -5, "d": 2}.items():
            turns.again_at(connection, [keys[name]], now - ago * MINUTE)
        lag = turns.lag(connection, now)
        assert (lag.overdue, lag.overdue_since) == (3, now - 3 * MINUTE)
        taken = [[one.monitor.name for one in turns.take(connection, now, now + HOUR, 2)] for _ in range(3)]
    assert taken == [["b", "d"], ["a"], []]
    with reading(watch.engine) as connection:
        assert turns.lag(connection, now).overdue == 0


def test_what_can_t_be_read_is_not_asked_for_again_at_once(watch: Watch) -> None:
    _flood(watch, 5)
    watch.clock.at = NOON + HOUR
    entry = watch.yard.endpoint(hooks={"preprocess": f"{watch.yard.uri}/scripts/gone.py"})
    done = _turn(watch, watch.observer(), entry, FEW)
    assert done.problem is not None
    assert not done.more


def test_replicas_that_begin_together_register_each_endpoint_once(watch: Watch) -> None:
    entries = {f"e-{at:04}": "1" for at in range(700)}
    for _ in range(2):
        with writing(watch.engine) as connection:
            turns.enrol(connection, entries, NOON)
    with reading(watch.engine) as connection:
        assert turns.lag(connection, datetime.now(UTC)).overdue == 700
