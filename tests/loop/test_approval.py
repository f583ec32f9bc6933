"""What people say: approve, reject, cancel, here or in the registry."""

from __future__ import annotations

import pytest

from retrain import actions
from retrain.targets.base import Cancelled
from store import runs
from store.engine import reading
from store.retraining import RunReason, RunState
from tests.clock import HOUR
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import GROUP, OLD_CONFIG, Rig
from tests.observing.replica import until


@pytest.fixture
def registered(breached: Rig) -> Rig:
    """A run that waits for approval."""
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    assert breached.act() == 0
    return breached


def say_in_the_registry(rig: Rig, status: str) -> None:
    (arn,) = rig.packages()
    sagemaker = rig.aws.direct.client("sagemaker")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)


def test_approved_on_the_page_it_is_rolled_out(registered: Rig) -> None:
    assert registered.runs()[0].reason is RunReason.WAITING_FOR_APPROVAL
    assert list(registered.packages().values()) == ["PendingManualApproval"]
    registered.say(actions.approve)
    run = registered.until(RunState.DEPLOYED)
    assert registered.packages() == {run.model_package: "Approved"}
    assert registered.endpoint_config() == run.name


def test_approved_in_the_registry_it_is_rolled_out(registered: Rig) -> None:
    say_in_the_registry(registered, "Approved")
    assert registered.endpoint_config() == OLD_CONFIG
    assert registered.until(RunState.DEPLOYED).name == registered.endpoint_config()


def test_rejected_on_the_page_it_is_declined_in_the_registry(registered: Rig) -> None:
    registered.say(actions.reject)
    run = registered.until(RunState.DECLINED)
    assert run.reason is RunReason.DECLINED_BY_HAND
    assert registered.packages() == {run.model_package: "Rejected"}
    assert registered.endpoint_config() == OLD_CONFIG


def test_rejected_in_the_registry_the_run_is_declined(registered: Rig) -> None:
    say_in_the_registry(registered, "Rejected")
    assert registered.until(RunState.DECLINED).told == "Rejected in the model registry."


def test_approval_may_take_longer_than_training_may(registered: Rig) -> None:
    run = registered.runs()[0]
    registered.clock.at = run.deadline + 9 * (run.deadline - run.requested_at)
    registered.aws.meets("DescribeModelPackage", Fault.THROTTLE)
    assert registered.act() == 0
    registered.say(actions.approve)
    registered.until(RunState.DEPLOYED)


@pytest.mark.parametrize("state", [RunState.REQUESTED, RunState.STARTED, RunState.REGISTERED])
def test_a_run_is_cancelled_where_it_waits(breached: Rig, state: RunState) -> None:
    breached.retrain = {"approval": "manual"}
    breached.trainer = "endless" if state is RunState.STARTED else ""
    breached.training = {"minimum": 5000} if state is RunState.REQUESTED else {}
    breached.until(state)
    breached.say(actions.cancel)
    run = breached.until(RunState.CANCELLED)
    assert (run.reason, run.told) == (RunReason.CANCELLED_BY_HAND, "Cancelled by hand.")
    assert breached.endpoint_config() == OLD_CONFIG
    if state is RunState.STARTED:
        policy = breached.endpoint.retrain or pytest.fail("no policy")
        target = breached.executor.world.open_target(policy.target, HOUR)
        assert until(lambda: isinstance(target.status(run.handle or ""), Cancelled))
    if state is RunState.REGISTERED:
        assert breached.packages() == {run.model_package: "Rejected"}


def test_what_may_have_started_is_stopped(breached: Rig) -> None:
    """The execution is asked for and its answer is lost; only then somebody cancels."""
    breached.with_state_machine()
    breached.aws.meets("StartExecution", Fault.DROP)
    breached.act()
    assert [run.state for run in breached.runs()] == [RunState.REQUESTED]
    assert breached.executions() == {"kedge-abalone-1": "RUNNING"}
    breached.say(actions.cancel)
    breached.until(RunState.CANCELLED)
    assert until(lambda: breached.executions() == {"kedge-abalone-1": "ABORTED"})


def test_what_may_be_registered_is_declined(breached: Rig) -> None:
    breached.aws.meets("CreateModelPackage", Fault.DROP)
    breached.until(RunState.WON)
    assert list(breached.packages().values()) == ["PendingManualApproval"]
    breached.retrain = {"approval": "manual"}
    breached.say(actions.cancel)
    breached.until(RunState.CANCELLED)
    assert list(breached.packages().values()) == ["Rejected"]


@pytest.mark.parametrize("state", [RunState.DEPLOYED, RunState.ADOPTED])
def test_a_run_that_is_rolled_out_is_not_cancelled(breached: Rig, state: RunState) -> None:
    breached.retrain = {"rollout": "none"} if state is RunState.ADOPTED else {}
    breached.until(state)
    with pytest.raises(actions.ActionError, match=f"is {state} and can't be told to cancel"):
        breached.say(actions.cancel)


@pytest.fixture
def registered_as_approved(breached: Rig) -> str:
    """The version that the workflow registers by itself, as approved."""
    created = breached.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": world.IMAGE, "ModelDataUrl": breached.uri("models/1/model.csv")}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    arn = str(created["ModelPackageArn"])
    breached.trainer = f"registered {arn}"
    return arn


@pytest.mark.parametrize("fault", [None, Fault.DROP, Fault.THROTTLE])
def test_a_version_that_the_workflow_approved_waits_for_a_person(
    breached: Rig, registered_as_approved: str, fault: Fault | None
) -> None:
    breached.retrain = {"approval": "manual"}
    breached.aws.meets("UpdateModelPackage", fault)
    breached.until_so(
        lambda run: (
            run.state is RunState.REGISTERED
            and breached.packages() == {registered_as_approved: "PendingManualApproval"}
        )
    )
    assert breached.act() == 0
    assert breached.endpoint_config() == OLD_CONFIG
    with reading(breached.engine) as connection:
        events = runs.events(connection, breached.runs()[0].id)
    (defect,) = (event.told for event in events if event.reason is RunReason.DEFECT)
    assert defect.startswith(f"The workflow registered {registered_as_approved} as approved before it was")
    say_in_the_registry(breached, "Approved")
    assert breached.until(RunState.DEPLOYED).model_package == registered_as_approved


def test_a_version_that_the_workflow_approved_is_deployed_where_nobody_is_asked(
    breached: Rig, registered_as_approved: str
) -> None:
    assert breached.until(RunState.DEPLOYED).model_package == registered_as_approved
    assert breached.packages() == {registered_as_approved: "Approved"}
