"""What a person may say to a run, state by state, and what saying it leaves."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from retrain import actions
from store import deployments, monitors, runs
from store.engine import open_engine, reading, writing
from store.retraining import Run, RunReason, RunState
from tests.postgresql import PostgresServer
from tests.store.world import began, judge, window

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = {"approve": actions.approve, "reject": actions.reject, "cancel": actions.cancel}
EARLY = [
    RunState.REQUESTED,
    RunState.STARTED,
    RunState.TRAINED,
    RunState.WAITING,
    RunState.WON,
    RunState.REGISTERED,
    RunState.APPROVED,
]


@pytest.fixture
def migrated_engine(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    """A database on SQLite alone: what is possible is no matter of the database."""
    path = tmp_path / "kedge.db"
    shutil.copy(migrated_sqlite, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def run_in(connection: Connection, state: RunState) -> Run:
    monitor = monitors.register(connection, "abalone", "c" * 64, NOW)
    era = deployments.begin(connection, monitor.id, started_at=NOW, endpoint_config="one", model_package=None)
    run = runs.request(
        connection,
        monitor_id=monitor.id,
        endpoint="abalone",
        variant="v",
        deployment_id=era.id,
        incident_id=None,
        reason=RunReason.BREACH,
        told="Retrain.",
        change_at=NOW,
        deadline=NOW + timedelta(days=1),
        now=NOW,
    )
    return runs.move(connection, run, state, RunReason.TRAINING, "Moved.", NOW)


@pytest.mark.parametrize("state", RunState)
def test_what_is_possible_is_what_is_not_refused(migrated_engine: Engine, state: RunState) -> None:
    with writing(migrated_engine) as connection:
        run = run_in(connection, state)
    expected = {
        "approve": state is RunState.REGISTERED,
        "reject": state is RunState.REGISTERED,
        "cancel": state in EARLY,
    }
    assert actions.possible(run) == tuple(word for word, fits in expected.items() if fits)
    for word, fits in expected.items():
        if fits:
            continue
        with writing(migrated_engine) as connection, pytest.raises(actions.ActionError, match=f"to {word}"):
            WORDS[word](connection, run.name)
    with reading(migrated_engine) as connection:
        found = runs.by_name(connection, run.name)
    assert found == run, "a refusal changes nothing"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_kept_and_the_run_stays_where_it_is(database: Engine, word: str) -> None:
    with writing(database) as connection:
        run = run_in(connection, RunState.REGISTERED)
        said = WORDS[word](connection, run.name)
    with reading(database) as connection:
        found = runs.by_name(connection, run.name)
        events = runs.events(connection, run.id)
    assert said == found
    assert said.approval == word
    assert said.state is RunState.REGISTERED
    assert [event.state for event in events] == [RunState.REQUESTED, RunState.REGISTERED]
    assert actions.possible(said) == ()


@pytest.mark.parametrize("first", WORDS)
@pytest.mark.parametrize("second", WORDS)
def test_the_first_word_counts_and_repeating_it_does_no_harm(
    migrated_engine: Engine, first: str, second: str
) -> None:
    with writing(migrated_engine) as connection:
        run = run_in(connection, RunState.REGISTERED)
        WORDS[first](connection, run.name)
        if first == second:
            assert WORDS[second](connection, run.name).approval == first
        else:
            with pytest.raises(actions.ActionError, match=f"was told to {first} already"):
                WORDS[second](connection, run.name)
        found = runs.by_name(connection, run.name)
    assert found is not None
    assert found.approval == first


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Iterator[Engine]:
    """On SQLite there is one writer at a time, who has looked and written before the next one looks."""
    engine = open_engine(postgres.migrated_database())
    yield engine
    engine.dispose()


def said_too_late(engine: Engine, word: str, state: RunState, first: Callable[[Connection, Run], Run]) -> Run:
    """The run after a refused word that was said while `first` had happened and was not to be seen yet."""

    def say() -> None:
        with writing(engine) as connection, pytest.raises(actions.ActionError, match="told to"):
            WORDS[word](connection, run.name)

    with writing(engine) as connection:
        run = run_in(connection, state)
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            first(connection, run)
            too_late = pool.submit(say)
            until_somebody_waits(engine)
        too_late.result()
    with reading(engine) as connection:
        found = runs.by_name(connection, run.name)
    assert found is not None
    return found


def until_somebody_waits(engine: Engine) -> None:
    waiting = text(
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 20
    while True:
        with reading(engine) as connection:
            if connection.execute(waiting).scalar_one():
                return
        assert time.monotonic() < deadline, "nobody came to wait"
        time.sleep(0.02)


@pytest.mark.parametrize(("first", "second"), [("approve", "reject"), ("cancel", "approve")])
def test_of_two_words_at_one_moment_the_first_counts(postgresql: Engine, first: str, second: str) -> None:
    def other(connection: Connection, run: Run) -> Run:
        return WORDS[first](connection, run.name)

    assert said_too_late(postgresql, second, RunState.REGISTERED, other).approval == first


def test_a_word_that_the_next_step_overtakes_is_refused(postgresql: Engine) -> None:
    def step(connection: Connection, run: Run) -> Run:
        return runs.move(connection, run, RunState.APPROVED, RunReason.ROLLING_OUT, "Approved.", NOW)

    found = said_too_late(postgresql, "cancel", RunState.WON, step)
    assert (found.state, found.approval) == (RunState.APPROVED, None)


def test_by_hand_and_by_policy_at_one_moment_is_one_run_and_no_deadlock(postgresql: Engine) -> None:
    """Both lock the endpoint before they open a run: the second waits, and then finds the first's."""
    with began(postgresql) as (connection, monitor, era):
        judge(connection, window(connection, monitor, era))

    def by_hand() -> None:
        refused = pytest.raises(actions.ActionError, match="has a retraining run under way already")
        with writing(postgresql) as connection, refused:
            actions.start(
                connection,
                monitor.name,
                variant=None,
                time_limit=timedelta(days=1),
                label_horizon=timedelta(days=30),
                now=NOW,
            )

    with ThreadPoolExecutor(1) as pool:
        with writing(postgresql) as connection:
            deployments.lock(connection, monitor.id)
            too_late = pool.submit(by_hand)
            until_somebody_waits(postgresql)
            runs.request(
                connection,
                monitor_id=monitor.id,
                endpoint=monitor.name,
                variant="v",
                deployment_id=era.id,
                incident_id=None,
                reason=RunReason.BREACH,
                told="Retrain.",
                change_at=NOW,
                deadline=NOW + timedelta(days=1),
                now=NOW,
            )
        too_late.result()


def test_a_run_that_is_not_there_is_said(migrated_engine: Engine) -> None:
    with (
        writing(migrated_engine) as connection,
        pytest.raises(actions.ActionError, match="no retraining run x"),
    ):
        actions.approve(connection, "x")


def test_what_was_never_judged_can_not_be_retrained(migrated_engine: Engine) -> None:
    def start(connection: Connection, endpoint: str) -> Run:
        return actions.start(
            connection,
            endpoint,
            variant=None,
            time_limit=timedelta(days=1),
            label_horizon=timedelta(days=30),
            now=NOW,
        )

    with writing(migrated_engine) as connection:
        monitors.register(connection, "abalone", "c" * 64, NOW)
        with pytest.raises(actions.ActionError, match="abalone has no judged window yet"):
            start(connection, "abalone")
        with pytest.raises(actions.ActionError, match="the database knows no endpoint other"):
            start(connection, "other")
