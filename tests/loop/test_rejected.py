"""Versions that are rejected on the way to a run's end: nothing that interrupts this changes the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from retrain import actions, registry
from retrain.bench import Bench
from store import deployments, monitors, runs
from store.engine import reading, writing
from store.retraining import Run, RunReason, RunState
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import GROUP, OLD_CONFIG, Rig
from tests.observing.replica import until

ALARM = "abalone-5xx"
REFUSED = "Its version in the registry could not be rejected: UpdateModelPackage of model package arn:"


class KilledError(BaseException):
    """What no step outlives."""


def killed_before(rig: Rig, doomed: RunState) -> None:
    """The service is killed in the moment in which the run would come to this state, and started again."""
    move = Bench.move

    def killed(bench: Bench, run: Run, state: RunState, *given: Any, **changes: Any) -> Run:
        if state is doomed:
            raise KilledError
        return move(bench, run, state, *given, **changes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bench, "move", killed)
        with pytest.raises(KilledError):
            until(lambda: rig.act() < 0)
    rig.executor = rig.another("again")


@pytest.fixture
def losing(breached: Rig) -> Rig:
    """A workflow that registers its version itself, which is no better."""
    created = breached.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": world.IMAGE, "ModelDataUrl": breached.uri("models/1/model.csv")}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    breached.trainer = f"shuffled registered {created['ModelPackageArn']}"
    return breached


def test_a_run_whose_version_was_rejected_goes_on_nowhere(breached: Rig) -> None:
    """Although what it failed by has been mended by the time that it is taken up again."""
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.retrain = {"rollout": {"traffic": "all-at-once", "alarms": (ALARM,)}}
    killed_before(breached, RunState.FAILED)
    assert breached.runs()[0].state is RunState.APPROVED
    breached.retrain = {}
    run = breached.until(RunState.FAILED, RunState.DEPLOYED)
    assert (run.state, run.reason) == (RunState.FAILED, RunReason.ROLLOUT_FAILED)
    assert run.told.startswith(f"rollout.alarms names {ALARM}, and CloudWatch has no such metric alarm")
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.aws.seen("UpdateEndpoint") == 0


def test_a_version_that_lost_has_lost_though_other_labels_come_meanwhile(losing: Rig) -> None:
    killed_before(losing, RunState.LOST)
    labels = f"labels/{losing.hours[-1].start:%Y/%m/%d/%H}/00-00-000-a.jsonl"
    losing.write(labels, b"")
    losing.observe()
    run = losing.until(RunState.LOST, RunState.WAITING)
    assert (run.state, run.reason) == (RunState.LOST, RunReason.NOT_BETTER)
    with reading(losing.engine) as connection:
        assert [trial.dataset for trial in runs.trials_of(connection, run.id)] == ["fresh"]


def test_a_version_that_lost_is_told_so_where_the_registry_refuses_to_reject_it(losing: Rig) -> None:
    with losing.denied("UpdateModelPackage"):
        run = losing.until(RunState.LOST, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.LOST, RunReason.NOT_BETTER)
    assert run.told.startswith("The challenger is not shown to be better: rmse")
    assert REFUSED in run.told
    with reading(losing.engine) as connection:
        assert runs.trials_of(connection, run.id)


@pytest.mark.parametrize(
    ("say", "end", "told"),
    [
        (actions.cancel, (RunState.CANCELLED, RunReason.CANCELLED_BY_HAND), "Cancelled by hand."),
        (actions.reject, (RunState.DECLINED, RunReason.DECLINED_BY_HAND), "Declined by hand."),
    ],
    ids=["cancelled", "declined"],
)
def test_what_a_person_said_stands_where_the_registry_refuses(
    breached: Rig, say: Callable[..., Run], end: tuple[RunState, RunReason], told: str
) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.say(say)
    with breached.denied("UpdateModelPackage"):
        run = breached.until_so(lambda run: run.state.is_end)
    assert (run.state, run.reason) == end
    assert run.told.startswith(f"{told} {REFUSED}")


def test_what_a_person_said_waits_for_a_registry_that_does_not_answer(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    run = breached.until(RunState.REGISTERED)
    breached.aws.meets("UpdateModelPackage", Fault.THROTTLE)
    breached.say(actions.cancel)
    assert breached.act() == 0
    assert breached.until(RunState.CANCELLED).told == "Cancelled by hand."
    assert breached.packages() == {run.model_package: "Rejected"}


def test_a_deployment_of_somebody_elses_is_told_where_the_registry_refuses(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.deploy("hotfix")
    breached.observe()
    with breached.denied("UpdateModelPackage"):
        run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.OVERTAKEN
    assert run.told.startswith(f"The endpoint was set from {OLD_CONFIG} to hotfix meanwhile")
    assert REFUSED in run.told


def test_why_a_rollout_failed_is_told_where_the_registry_refuses(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.DROP)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    with (
        breached.denied("UpdateModelPackage"),
        breached.stale_answer(OLD_CONFIG, failure="alarm 5xx went off"),
    ):
        run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert "alarm 5xx went off" in run.told
    assert REFUSED in run.told


def test_a_way_back_that_is_gone_is_not_asked_about_again(breached: Rig) -> None:
    """The registry refuses and the parameters do not answer, and somebody deploys meanwhile."""
    breached.aws.direct.client("ssm").put_parameter(Name="champion", Value="it", Type="String")
    breached.retrain = {"ssm": {"model_package": "champion"}}
    breached.until(RunState.DEPLOYED)
    breached.act()
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed", labels=0)
    breached.aws.meets("PutParameter", *[Fault.THROTTLE] * 100)
    with breached.denied("UpdateModelPackage"):
        breached.until_so(lambda _: len(breached.eras()) == 3)
        breached.deploy("hotfix")
        breached.act()
        breached.aws.clear("PutParameter")
        run = breached.until(RunState.ROLLED_BACK, RunState.FAILED)
    assert run.state is RunState.ROLLED_BACK
    assert REFUSED in run.told


@pytest.mark.parametrize(
    ("say", "state"), [(actions.cancel, RunState.CANCELLED), (actions.reject, RunState.DECLINED)]
)
def test_a_rejection_that_an_earlier_release_wrote_down_is_made(
    breached: Rig, say: Callable[..., Run], state: RunState
) -> None:
    """It wrote down that it was to reject, and neither what nor with which words, and was killed."""
    breached.retrain = {"approval": "manual"}
    run = breached.until(RunState.REGISTERED)
    with writing(breached.engine) as connection:
        runs.intend(connection, run.id, "decline", "{}", breached.clock.at)
    breached.say(say)
    breached.act()
    assert breached.runs()[0].state is state
    assert breached.packages() == {run.model_package: "Rejected"}


def test_a_rejection_that_was_written_down_of_no_version_that_is_known_keeps_no_run(breached: Rig) -> None:
    """An answer named it that was not to be used, and is not on record."""
    breached.with_state_machine()
    run = breached.until(RunState.STARTED)
    with writing(breached.engine) as connection:
        runs.intend(connection, run.id, "decline", "{}", breached.clock.at)
    breached.say(actions.cancel)
    assert breached.until(RunState.CANCELLED).told == "Cancelled by hand."


def cancelled_elsewhere(rig: Rig, name: str) -> int:
    """A run of another endpoint that a person has cancelled."""
    now = rig.clock.at
    with writing(rig.engine) as connection:
        monitor_id = monitors.register(connection, name, "", now).id
        era = deployments.begin(
            connection, monitor_id, started_at=now, endpoint_config=None, model_package=None
        )
        run = runs.request(
            connection,
            monitor_id=monitor_id,
            endpoint=name,
            variant="AllTraffic",
            deployment_id=era.id,
            incident_id=None,
            reason=RunReason.BY_HAND,
            told="",
            change_at=now,
            deadline=now,
            now=now,
        )
        assert runs.say(connection, run.id, "cancel", [RunState.REQUESTED])
    return run.id


def test_a_run_whose_very_end_crashes_stays_with_itself(losing: Rig) -> None:
    """Its time is over, and so it is to be ended, which crashes again: the runs after it go on."""

    def crash(*_: object) -> None:
        raise KeyError("a bug")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(registry, "decline", crash)
        run = losing.until(RunState.TRAINED)
        losing.clock.at = run.deadline + timedelta(days=30)
        other = cancelled_elsewhere(losing, "other")
        endpoints = [losing.endpoint, losing.endpoint.model_copy(update={"name": "other"})]
        assert losing.executor.round(endpoints) == 1
        with reading(losing.engine) as connection:
            ended = runs.by_id(connection, other)
        assert ended is not None
        assert ended.state is RunState.CANCELLED
        assert losing.runs()[0].state is RunState.TRAINED
    assert losing.until(RunState.LOST).reason is RunReason.NOT_BETTER
