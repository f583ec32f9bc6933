"""Calls to the outside that go wrong: each takes effect once, and none is tried for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from moto.sagemaker.models import sagemaker_backends

from objects import PlaceError, PlaceProblem, S3Client
from retrain.executor import Executor
from retrain.targets.local import LocalTarget
from store import runs
from store.engine import reading, writing
from store.retraining import RunReason, RunState
from tests.clock import HOUR
from tests.faults import Fault
from tests.loop.rig import ENDPOINT, ROLE, Rig

_PASSING = [Fault.THROTTLE, Fault.FAIL, Fault.REFUSE, Fault.DROP, Fault.LATE_FAIL]


def names(rig: Rig) -> tuple[list[str], list[str]]:
    """The models and endpoint configs that there are."""
    sagemaker = rig.aws.direct.client("sagemaker")
    models = sagemaker.list_models()["Models"]
    configs = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    return (
        sorted(each["ModelName"] for each in models),
        sorted(each["EndpointConfigName"] for each in configs),
    )


@pytest.mark.parametrize(
    "operation",
    ["CreateModelPackage", "UpdateModelPackage", "CreateModel", "CreateEndpointConfig", "UpdateEndpoint"],
)
@pytest.mark.parametrize("fault", _PASSING)
def test_a_call_that_goes_wrong_takes_effect_once(breached: Rig, operation: str, fault: Fault) -> None:
    breached.aws.meets(operation, fault, fault)
    run = breached.until(RunState.DEPLOYED)
    assert breached.packages() == {run.model_package: "Approved"}
    assert names(breached) == (["abalone-model", run.name], ["abalone-config", run.name])
    assert breached.endpoint_config() == run.name
    assert [era.endpoint_config for era in breached.eras()] == ["abalone-config", run.name]
    with reading(breached.engine) as connection:
        calls = runs.all_effects(connection, run.id)
    assert " ".join(call.name for call in calls) == "start register approve plan model config update"
    assert all(call.answer is not None for call in calls)


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeModelPackage",
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeModel",
        "CreateModelPackage",
    ],
)
def test_an_answer_that_breaks_off_changes_nothing_of_what_is_done(breached: Rig, operation: str) -> None:
    breached.until(RunState.STARTED)
    breached.aws.meets(operation, Fault.CUT, Fault.CUT)
    run = breached.until(RunState.DEPLOYED)
    assert breached.packages() == {run.model_package: "Approved"}
    sagemaker = breached.aws.direct.client("sagemaker")
    made = sagemaker.describe_model(ModelName=run.name)
    assert made["ExecutionRoleArn"] == ROLE
    assert sagemaker.describe_endpoint_config(EndpointConfigName=run.name)["DataCaptureConfig"]
    with reading(breached.engine) as connection:
        told = [event.told for event in runs.events(connection, run.id)]
    assert any(each.startswith(f"{operation} of ") and "was answered without" in each for each in told)
    assert not any("please report it" in each for each in told), "it is no crash"


def test_a_version_is_found_again_when_sagemaker_has_forgotten_its_token(breached: Rig) -> None:
    breached.aws.meets("CreateModelPackage", Fault.DROP)
    breached.until(RunState.WON)
    (arn,) = breached.packages()
    sagemaker_backends["123456789012"]["eu-west-1"].model_packages[arn].client_token = None
    run = breached.until(RunState.DEPLOYED)
    assert breached.packages() == {arn: "Approved"}
    assert run.model_package == arn


def test_an_update_that_boto3_sends_twice_by_itself_is_one(breached: Rig) -> None:
    import boto3

    breached.executor = breached.another("retrying", sagemaker=lambda: boto3.client("sagemaker"))
    breached.aws.meets("UpdateEndpoint", Fault.DROP)
    run = breached.until(RunState.DEPLOYED)
    assert breached.aws.seen("UpdateEndpoint") == 2
    assert breached.endpoint_config() == run.name


@pytest.mark.parametrize("fault", _PASSING)
def test_a_way_back_that_goes_wrong_is_gone_once_and_says_why(breached: Rig, fault: Fault) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed")
    breached.aws.meets("UpdateEndpoint", fault)
    run = breached.until(RunState.ROLLED_BACK)
    assert run.told.startswith("The new model is worse than the one before: rmse")
    assert breached.endpoint_config() == "abalone-config"
    assert len(breached.eras()) == 3


def test_a_call_that_is_refused_for_good_fails_the_run(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    run = breached.until(RunState.REGISTERED)
    breached.aws.direct.client("sagemaker").delete_model_package(ModelPackageName=run.model_package)
    failed = breached.until(RunState.FAILED)
    assert failed.reason is RunReason.ROLLOUT_FAILED
    assert "check it, and that sagemaker:DescribeModelPackage is allowed" in failed.told


def test_what_never_answers_is_given_up(breached: Rig) -> None:
    breached.with_state_machine()
    breached.aws.meets("StartExecution", *[Fault.THROTTLE] * 3)
    assert breached.act() == 0
    run = breached.runs()[0]
    breached.clock.at = run.deadline + timedelta(days=1)
    assert breached.act() == 0
    breached.clock.at += timedelta(days=2)
    assert breached.act() == 1
    assert (breached.runs()[0].state, breached.runs()[0].reason) == (RunState.FAILED, RunReason.OUT_OF_TIME)


@pytest.mark.parametrize("calls", [("start",), ("status", "cancel")])
def test_a_target_that_crashes_kedge_ends_the_run_when_its_time_is_over(
    breached: Rig, calls: tuple[str, ...]
) -> None:
    def crash(*_: object) -> str:
        raise ValueError("a bug")

    if "start" not in calls:
        breached.trainer = "endless"
        breached.until(RunState.STARTED)
    with pytest.MonkeyPatch.context() as patched:
        for call in calls:
            patched.setattr(LocalTarget, call, crash)
        assert breached.act() == 0
        breached.clock.at = breached.runs()[0].deadline + timedelta(days=9)
        assert breached.act() == 1
    run = breached.runs()[0]
    assert (run.state, run.reason) == (RunState.FAILED, RunReason.OUT_OF_TIME)
    assert "Kedge failed on this run (ValueError)" in run.told
    assert run.told.endswith("look for kedge-abalone-1 where it trains, and stop it there.")


def test_a_champion_that_somebody_else_replaced_meanwhile_is_not_overwritten(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.THROTTLE)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    sagemaker = breached.aws.direct.client("sagemaker")
    theirs = sagemaker.describe_endpoint_config(EndpointConfigName="abalone-config")
    kept = ("ProductionVariants", "DataCaptureConfig")
    sagemaker.create_endpoint_config(EndpointConfigName="theirs", **{name: theirs[name] for name in kept})
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="theirs")
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert "somebody else deployed" in run.told
    assert breached.endpoint_config() == "theirs"


def test_a_step_that_crashes_is_taken_again(breached: Rig) -> None:
    breached.act()
    run = breached.runs()[0]
    broken = breached.another("test", open_target=lambda *_: {"": None}["nothing"])
    assert breached.act(broken) == 0
    assert breached.runs()[0] == run
    breached.until(RunState.DEPLOYED)


def test_a_run_that_another_replica_holds_is_left_alone(breached: Rig) -> None:
    breached.act()
    run, later = breached.runs()[0], datetime.now(UTC) + HOUR
    with writing(breached.engine) as connection:
        assert runs.claim(connection, run.id, "somebody", datetime.now(UTC), later)
    assert breached.act() == 0
    with writing(breached.engine) as connection:
        runs.release(connection, run.id, "somebody")
    breached.until(RunState.DEPLOYED)


def elsewhere(rig: Rig, kind: PlaceProblem) -> Executor:
    """An executor whose S3, in which the runs' folder lies, can't be used."""

    def s3(_: str | None) -> S3Client:
        raise PlaceError(kind, "s3://models/retraining can't be used: see to it")

    rig.training = {"output": "s3://models/retraining"}
    return rig.another("test", s3=s3)


@pytest.mark.parametrize("kind", [PlaceProblem.DENIED, PlaceProblem.BAD_URI, PlaceProblem.NO_BUCKET])
def test_a_folder_that_kedge_may_not_use_fails_the_run_at_once(breached: Rig, kind: PlaceProblem) -> None:
    breached.act(elsewhere(breached, kind))
    run = breached.runs()[0]
    assert (run.state, run.reason) == (RunState.FAILED, RunReason.NO_ACCESS)
    assert run.told == "s3://models/retraining can't be used: see to it"


def test_why_a_run_waits_is_told_once(breached: Rig) -> None:
    executor = elsewhere(breached, PlaceProblem.UNREACHABLE)
    for _ in range(3):
        assert breached.act(executor) == 0
        breached.clock.at += 2 * HOUR
    run = breached.runs()[0]
    with reading(breached.engine) as connection:
        asked, waits = runs.events(connection, run.id)
    assert (asked.reason, asked.told) == (run.reason, run.told)
    assert (waits.state, waits.reason) == (RunState.REQUESTED, RunReason.NO_ANSWER)
    assert waits.told == "s3://models/retraining can't be used: see to it"


def test_a_run_that_asked_for_days_is_not_ended_by_what_does_not_answer(breached: Rig) -> None:
    asks = {"labels": "ask", "minimum": 200, "judging": 100}
    breached.training = asks
    asked = breached.until(RunState.REQUESTED)
    assert asked.reason is RunReason.ASKING
    breached.pass_hours("changed", "changed")
    breached.clock.at = asked.deadline + timedelta(days=4)
    executor = elsewhere(breached, PlaceProblem.UNREACHABLE)
    breached.training = {**asks, "output": "s3://models/retraining"}
    assert breached.act(executor) == 0
    with reading(breached.engine) as connection:
        assert runs.events(connection, asked.id)[-1].reason is RunReason.NO_ANSWER
    breached.training = asks
    assert breached.until(RunState.STARTED).id == asked.id


def test_another_reason_to_wait_is_told_too_and_not_one_after_the_other(breached: Rig) -> None:
    breached.with_state_machine()
    for hours, fault in ((0, Fault.THROTTLE), (0, Fault.FAIL), (1, Fault.FAIL), (1, Fault.FAIL)):
        breached.aws.meets("StartExecution", fault)
        breached.clock.at += hours * HOUR
        breached.act()
    with reading(breached.engine) as connection:
        events = runs.events(connection, breached.runs()[0].id)
    first, second = [event for event in events if event.reason is RunReason.NO_ANSWER]
    assert first.told != second.told
    assert second.at == first.at + HOUR
