"""Versions that are rejected on the way to a run's end: nothing that interrupts this changes the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retrain import actions
from retrain.bench import Bench
from store import runs
from store.engine import reading
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
