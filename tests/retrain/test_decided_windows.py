"""Which windows a decision rests on, in a database whose windows are made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from config.model import Endpoint
from retrain import actions, deciding, recorded
from retrain.deciding import Answer, decide_endpoint
from retrain.readings import WindowReadings, of_windows
from retrain.simulation import simulate
from store import decisions, deployments, executions, incidents, monitors, runs, windows
from store.engine import reading, writing
from store.records import (
    CheckRow,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    IncidentKind,
    MetricRow,
    Monitor,
    NewExecution,
    Outcome,
)
from store.retraining import Decision, DecisionReason, Run, RunReason, RunState
from tests.clock import HOUR, NOON
from tests.store.world import VARIANT, began, verdict
from tests.store.world import era as era_of

NAME = "abalone-prod"
LOUD, QUIET = 900, 10
"""Records of a window that is a hit of `volume > 500`, and of one that is none."""


def endpoint(*when: str, **terms: Any) -> Endpoint:
    """An entry whose policy has these conditions and terms."""
    retrain = {"when": when, "target": {"local": "train"}, "registry": "abalone", **terms}
    return Endpoint.model_validate(
        {
            "name": NAME,
            "capture": "s3://logs/capture",
            "ground_truth": "s3://logs/labels",
            "prediction": "rings",
            "retrain": retrain,
        }
    )


def hour(connection: Connection, monitor: Monitor, era: Deployment, at: int, new: NewExecution) -> Execution:
    """A judgement of the window that begins so many hours after noon."""
    return of_variant(connection, monitor, era, at, new, VARIANT)


def of_variant(
    connection: Connection, monitor: Monitor, era: Deployment, at: int, new: NewExecution, variant: str
) -> Execution:
    start = NOON + at * HOUR
    windows.touch(connection, monitor.id, [(start, start + HOUR, variant, era.id)])
    window = next(
        each
        for each in windows.between(connection, monitor.id, start, start + HOUR)
        if (each.variant, each.deployment_id) == (variant, era.id)
    )
    return executions.record(connection, window, new, start + HOUR)


def judged(engine: Engine, volumes: Iterable[int | None], labelled: Mapping[int, float] = {}) -> None:
    """An hour from noon on for each volume, None: it could not be judged; the rmse of some of them."""
    with began(engine) as (connection, monitor, era):
        for at, volume in enumerate(volumes):
            failed = verdict(status=ExecutionStatus.FAILED)
            hour(connection, monitor, era, at, failed if volume is None else verdict(records=volume))
        for at, rmse in labelled.items():
            row = MetricRow("rmse", rmse, rmse - 0.1, rmse + 0.1, 100)
            hour(connection, monitor, era, at, verdict(ExecutionKind.MODEL_QUALITY, metrics=(row,)))


def test_a_decision_says_of_all_that_it_saw_that_it_did(database: Engine) -> None:
    """Windows may be judged while the registry is asked: they are seen, and counted as seen."""
    entry = endpoint("volume > 500", **{"for": "2 of 2"})
    judged(database, [LOUD])

    def slow(era: Deployment) -> dict[str, float]:
        with writing(database) as connection:
            monitor = monitors.by_name(connection, NAME)
            assert monitor is not None
            hour(connection, monitor, era, 1, verdict(records=LOUD))
        return {}

    assert decide_endpoint(database, entry, slow, NOON + 2 * HOUR) is Answer.RUN
    with reading(database) as connection:
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        (decision,) = decisions.listed(connection, monitor.id)
        newest = decisions.newest_execution(connection, monitor.id)
        past = recorded.read(connection, monitor, entry)
    assert (decision.reason, decision.upto_execution_id) == (DecisionReason.BREACH, newest)
    assert entry.retrain is not None
    again = simulate(past, entry, entry.retrain, nothing, start=NOON + 2 * HOUR)
    assert [each.verdict.reason for each in again.decisions] == [DecisionReason.BREACH]


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, happens: Callable[[Connection, Monitor, Deployment], object]
) -> None:
    """Something happens between the decision's reading and its writing, the first time."""
    events = [happens]

    @contextmanager
    def late(engine: Engine) -> Iterator[Connection]:
        while events:
            with writing(engine) as connection:
                monitor = monitors.by_name(connection, NAME)
                assert monitor is not None
                events.pop()(connection, monitor, deployments.eras(connection, monitor.id)[-1])
        with writing(engine) as connection:
            yield connection

    monkeypatch.setattr(deciding, "writing", late)


def a_fault(connection: Connection, monitor: Monitor, era: Deployment) -> object:
    return incidents.add(
        connection, monitor_id=monitor.id, deployment_id=era.id, variant=VARIANT,
        kind=IncidentKind.DATA_FAULT, window=NOON, severity=1.0, features=("length",), summary="Fault.",
        execution_id=None, now=NOON,
    )  # fmt: skip


def another_run(connection: Connection, monitor: Monitor, era: Deployment) -> object:
    run = runs.request(
        connection, monitor_id=monitor.id, endpoint=NAME, variant=VARIANT, deployment_id=era.id,
        incident_id=None, reason=RunReason.BY_HAND, told="Asked for.", change_at=NOON, deadline=NOON,
        now=NOON,
    )  # fmt: skip
    end = RunState.CANCELLED, RunReason.CANCELLED_BY_HAND
    return runs.move(connection, run, *end, "Cancelled.", NOON + 2 * HOUR)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda c, m, era: hour(c, m, era, 1, verdict(records=QUIET)), DecisionReason.NO_BREACH),
        (lambda c, m, _: era_of(c, m, NOON + HOUR, "config-2"), None),
        (lambda c, m, era: of_variant(c, m, era, 0, verdict(records=QUIET), "other"), DecisionReason.BREACH),
        (a_fault, DecisionReason.DATA_FAULT),
        (another_run, DecisionReason.COOLDOWN),
    ],
    ids=["execution", "era", "variant", "incident", "run"],
)
def test_what_moved_since_the_windows_were_read_is_asked_about_again(
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Connection, Monitor, Deployment], object],
    reason: DecisionReason | None,
) -> None:
    entry = endpoint("volume > 500", cooldown="3h")
    judged(database, [LOUD])
    meanwhile(monkeypatch, happens)
    assert decide_endpoint(database, entry, nothing, NOON + 3 * HOUR) is Answer.NO_RUN
    with reading(database) as connection:
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        assert decisions.listed(connection, monitor.id) == ()
    if reason is None:
        assert decide_endpoint(database, entry, nothing, NOON + 3 * HOUR) is Answer.NOTHING
        return
    decision, _ = asked(database, entry, NOON + 3 * HOUR)
    with reading(database) as connection:
        assert decision.upto_execution_id == decisions.newest_execution(connection, monitor.id)
    assert decision.reason is reason


def test_no_window_is_read_while_others_wait_to_write(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading and weighing them takes seconds, of which a transaction that writes must hold none."""
    options: list[Mapping[str, object]] = []
    really = of_windows

    def watched(connection: Connection, *given: Any) -> tuple[WindowReadings, ...]:
        options.append(connection.get_execution_options())
        return really(connection, *given)

    monkeypatch.setattr(deciding, "of_windows", watched)
    judged(database, [QUIET] * 3 + [LOUD] * 257)
    _, run = asked(database, endpoint("volume > 500"), NOON + 260 * HOUR)
    assert run is not None
    assert len(options) > 1
    assert not any(given.get("kedge_writes") for given in options)


def test_an_era_that_begins_meanwhile_is_decided_on_next_time(database: Engine) -> None:
    entry = endpoint("volume > 500")
    judged(database, [LOUD])

    def slow(old: Deployment) -> dict[str, float]:
        with writing(database) as connection:
            monitor = monitors.by_name(connection, NAME)
            assert monitor is not None
            new = era_of(connection, monitor, NOON + HOUR, "config-2")
            hour(connection, monitor, new, 1, verdict(records=LOUD))
        return {}

    assert decide_endpoint(database, entry, slow, NOON + 2 * HOUR) is Answer.NO_RUN
    decision, run = asked(database, entry, NOON + 2 * HOUR)
    assert run is not None
    assert decision.deployment_id == run.deployment_id
    assert run.change_at == NOON + HOUR


def test_what_was_decided_before_an_era_had_a_judged_window_is_replayed(database: Engine) -> None:
    """The schedule asks for a run in an era whose traffic is not judged yet."""
    entry = endpoint(every="2d")
    judged(database, [QUIET])
    now = NOON + 72 * HOUR
    with writing(database) as connection:
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        new = era_of(connection, monitor, NOON + HOUR, "config-2")
        windows.touch(connection, monitor.id, [(NOON + HOUR, NOON + 2 * HOUR, VARIANT, new.id)])
    decision, run = asked(database, entry, now)
    assert (decision.reason, decision.deployment_id) == (DecisionReason.SCHEDULE, new.id)
    assert run is not None
    with reading(database) as connection:
        past = recorded.read(connection, monitor, entry)
    assert entry.retrain is not None
    again = simulate(past, entry, entry.retrain, nothing, start=now)
    found = [(each.at, each.verdict.reason, each.verdict.told) for each in again.decisions]
    assert found == [(now, DecisionReason.SCHEDULE, decision.words)]


FOLLOWED = "schedule my-schedule"
VIOLATED = verdict(checks=(CheckRow("length", "baseline_drift_check", Outcome.VIOLATED, 0.5, 0.1, "Drift."),))


def followed(engine: Engine, *own: str) -> None:
    """An hour of each variant, the first with least traffic, and beside them that of a schedule, violated."""
    with began(engine) as (connection, monitor, era):
        of_variant(connection, monitor, era, 0, VIOLATED, FOLLOWED)
        for at, variant in enumerate(own):
            of_variant(connection, monitor, era, 0, verdict(records=10 + at), variant)


def nothing(_: Deployment) -> dict[str, float]:
    """What the model was registered with, where nobody knows."""
    return {}


def asked(engine: Engine, entry: Endpoint, now: datetime) -> tuple[Decision, Run | None]:
    """What is decided then, and the run that it opened."""
    decide_endpoint(engine, entry, nothing, now)
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        found = runs.history(connection, monitor.id)
        return decisions.listed(connection, monitor.id)[0], found[0] if found else None


def test_as_many_windows_are_read_as_the_policy_asks_for(database: Engine) -> None:
    judged(database, [LOUD] * 66)
    entry = endpoint("volume > 500", **{"for": "60 of 72"})
    decision, _ = asked(database, entry, NOON + 66 * HOUR)
    assert decision.reason is DecisionReason.BREACH
    assert "so in 66 of 66 windows" in decision.words


def test_some_of_them_may_have_no_say(database: Engine) -> None:
    judged(database, [LOUD, None] * 40)
    entry = endpoint("volume > 500", **{"for": "40 of 40"})
    decision, _ = asked(database, entry, NOON + 80 * HOUR)
    assert decision.reason is DecisionReason.BREACH


def test_a_change_lies_where_the_breach_began_however_long_ago(database: Engine) -> None:
    judged(database, [QUIET] * 3 + [LOUD] * 257)
    decision, run = asked(database, endpoint("volume > 500"), NOON + 260 * HOUR)
    assert decision.reason is DecisionReason.BREACH
    assert run is not None
    assert run.change_at == NOON + 3 * HOUR


def test_so_it_is_where_labels_tell(database: Engine) -> None:
    judged(database, [QUIET] * 300, {at: 1.0 if at in (0, 120) else 3.0 for at in range(0, 300, 4)})
    decision, run = asked(database, endpoint("rmse > 2"), NOON + 300 * HOUR)
    assert decision.reason is DecisionReason.BREACH
    assert run is not None
    assert run.change_at == NOON + 124 * HOUR


def test_no_stretch_of_what_waits_for_no_label_goes_on_behind_a_gap(database: Engine) -> None:
    """Labelled windows are given however old they are, and the quiet ones before them are not."""
    volumes = [LOUD] * 10 + [QUIET] * 60 + [LOUD] * 60
    judged(database, volumes, dict.fromkeys(range(10), 3.0))
    _, run = asked(database, endpoint("volume > 500"), NOON + 130 * HOUR)
    assert run is not None
    assert run.change_at == NOON + 70 * HOUR


def test_what_a_followed_schedule_saw_retrains_the_model_that_it_saw(database: Engine) -> None:
    followed(database, "Small", "Large")
    decision, run = asked(database, endpoint("violations > 0"), NOON + HOUR)
    assert decision.reason is DecisionReason.BREACH
    assert decision.variant == FOLLOWED, "so that the breach is known again"
    assert decision.words.endswith("The windows are those of schedule my-schedule.")
    assert run is not None
    assert run.variant == "Large"


def test_a_schedule_alone_leaves_nothing_to_learn_from(database: Engine) -> None:
    followed(database)
    assert decide_endpoint(database, endpoint("violations > 0"), nothing, NOON + HOUR) is Answer.NOTHING
    with writing(database) as connection, pytest.raises(actions.ActionError, match="nothing to learn from"):
        by_hand(connection)


def by_hand(connection: Connection, variant: str | None = None) -> Run:
    return actions.start(
        connection, NAME, variant=variant, time_limit=HOUR, label_horizon=720 * HOUR, now=NOON + HOUR
    )


def test_a_run_by_hand_is_of_no_schedule(database: Engine) -> None:
    followed(database, "Small", "Large")
    refused = pytest.raises(actions.ActionError, match=r"^schedule my-schedule has no records to learn from")
    with writing(database) as connection, refused:
        by_hand(connection, FOLLOWED)
    with writing(database) as connection:
        first = by_hand(connection)
        assert first.variant == "Small", "the last by name of those with the newest window"
        end = RunState.CANCELLED, RunReason.CANCELLED_BY_HAND
        runs.move(connection, first, *end, "Cancelled.", NOON + HOUR)
        monitor = monitors.by_name(connection, NAME)
        assert monitor is not None
        (era,) = deployments.eras(connection, monitor.id)
        incidents.add(
            connection, monitor_id=monitor.id, deployment_id=era.id, variant=FOLLOWED,
            kind=IncidentKind.DRIFT, window=NOON, severity=1.0, features=("length",), summary="Drift.",
            execution_id=None, now=NOON,
        )  # fmt: skip
        assert by_hand(connection).variant == "Large"
