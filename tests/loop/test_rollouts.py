"""A rollout in steps under SageMaker's own alarms: it gets there, or is taken back and Kedge says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto.sagemaker.models import sagemaker_backends

from demo import missing_operations
from retrain import actions
from store.retraining import RunReason, RunState
from tests.faults import Fault
from tests.loop.rig import ENDPOINT, OLD_CONFIG, Rig
from tests.observing.replica import until

ALARM = "abalone-5xx"
QUICK, SLOW = 0.3, 4.0
"""Seconds of an update; a slow one is met by an alarm while it goes on, which ends it."""
LINEAR = {"traffic": "linear 25% every 5m", "alarms": (ALARM,), "termination_wait": "2m"}


@pytest.fixture
def slow_updates(breached: Rig) -> Iterator[None]:
    missing_operations.install(SLOW)
    yield
    missing_operations.install(QUICK)


def alarm(rig: Rig, state: str, name: str = ALARM) -> None:
    """The alarm is there, in this state."""
    cloudwatch = rig.aws.direct.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="set by hand")


def kept_on(rig: Rig) -> bool:
    """Whether the endpoint's data capture is what it was made with."""
    described = rig.aws.direct.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    config = rig.aws.direct.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=described["EndpointConfigName"]
    )
    capture = config["DataCaptureConfig"]
    told = described["DataCaptureConfig"]["CaptureStatus"], capture["DestinationS3Uri"]
    return (*told, capture["InitialSamplingPercentage"]) == ("Started", "s3://logs/capture", 100)


@pytest.mark.parametrize("traffic", ["all-at-once", "canary 10% for 30m", "linear 25% every 5m"])
def test_each_kind_gets_there_with_its_alarms_and_capture_still_on(breached: Rig, traffic: str) -> None:
    alarm(breached, "OK")
    breached.retrain = {"rollout": {"traffic": traffic, "alarms": (ALARM,), "termination_wait": "2m"}}
    run = breached.until(RunState.DEPLOYED)
    assert breached.endpoint_config() == run.new_endpoint_config
    assert kept_on(breached)
    described = breached.aws.direct.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    sent = described["LastDeploymentConfig"]
    assert sent["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": ALARM}]}
    policy = sent["BlueGreenUpdatePolicy"]
    assert policy["TerminationWaitInSeconds"] == 120
    routing = policy["TrafficRoutingConfiguration"]
    size = {"Type": "CAPACITY_PERCENT"}
    assert (routing, policy["MaximumExecutionTimeoutInSeconds"]) == {
        "all-at-once": ({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, 3720),
        "canary 10% for 30m": (
            {"Type": "CANARY", "CanarySize": {**size, "Value": 10}, "WaitIntervalInSeconds": 1800},
            5520,
        ),
        "linear 25% every 5m": (
            {"Type": "LINEAR", "LinearStepSize": {**size, "Value": 25}, "WaitIntervalInSeconds": 300},
            4920,
        ),
    }[traffic]


def test_an_alarm_that_is_not_there_is_told_before_anything_is_trained(breached: Rig) -> None:
    breached.retrain = {"rollout": {"traffic": "all-at-once", "alarms": (ALARM,)}}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert run.told == (
        f"rollout.alarms names {ALARM}, and CloudWatch has no such metric alarm: make it in the endpoint's "
        "account and region, or take it out of kedge.yaml"
    )
    assert (run.handle, breached.packages()) == (None, {})


def test_an_alarm_that_was_deleted_meanwhile_is_told_before_anything_is_made(breached: Rig) -> None:
    alarm(breached, "OK")
    breached.retrain = {"approval": "manual", "rollout": LINEAR}
    run = breached.until(RunState.REGISTERED)
    cloudwatch, sagemaker = (breached.aws.direct.client(name) for name in ("cloudwatch", "sagemaker"))
    cloudwatch.delete_alarms(AlarmNames=[ALARM])
    sagemaker.update_model_package(
        ModelPackageArn=run.model_package, ModelApprovalStatus="Approved", ApprovalDescription="by hand"
    )
    run = breached.until(RunState.FAILED)
    assert "CloudWatch has no such metric alarm" in run.told
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.aws.seen("CreateModel") == breached.aws.seen("UpdateEndpoint") == 0


def test_a_rollout_waits_while_one_of_its_alarms_is_in_alarm(breached: Rig) -> None:
    alarm(breached, "ALARM")
    breached.retrain = {"rollout": LINEAR}
    breached.until(RunState.APPROVED)
    assert breached.act() == 0
    assert breached.aws.seen("CreateModel") == breached.aws.seen("UpdateEndpoint") == 0
    alarm(breached, "OK")
    breached.until(RunState.DEPLOYED)


@pytest.mark.parametrize("approval", ["manual", "automatic"])
def test_an_approved_run_that_waits_for_an_alarm_can_be_cancelled(breached: Rig, approval: str) -> None:
    alarm(breached, "ALARM")
    breached.retrain = {"rollout": LINEAR, "approval": approval}
    if approval == "manual":
        breached.until(RunState.REGISTERED)
        breached.say(actions.approve)
    waits = breached.until(RunState.APPROVED)
    assert actions.possible(waits) == ("cancel",)
    breached.say(actions.cancel)
    run = breached.until(RunState.CANCELLED)
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.endpoint_config() == OLD_CONFIG
    assert breached.aws.seen("UpdateEndpoint") == 0


@pytest.mark.usefixtures("slow_updates")
def test_a_rollout_that_began_is_not_cancelled(breached: Rig) -> None:
    breached.retrain = {"rollout": "canary 10% for 30m"}
    run = breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert actions.possible(run) == ()
    with pytest.raises(actions.ActionError, match="is approved and can't be told to cancel"):
        breached.say(actions.cancel)
    breached.until(RunState.DEPLOYED)


@pytest.mark.usefixtures("slow_updates")
@pytest.mark.parametrize("lost", [None, Fault.DROP], ids=["told", "its answer lost"])
def test_what_sagemaker_takes_back_by_itself_is_told_as_such(breached: Rig, lost: Fault | None) -> None:
    alarm(breached, "OK")
    breached.retrain = {"rollout": LINEAR}
    breached.aws.meets("UpdateEndpoint", lost)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.aws.seen("UpdateEndpoint") == 1)
    assert breached.runs()[0].state is RunState.APPROVED
    alarm(breached, "ALARM")
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert f"Alarms {ALARM} went off" in run.told
    if lost is None:
        assert f"SageMaker took the rollout back, the endpoint is on {OLD_CONFIG} as before" in run.told
    assert breached.endpoint_config() == OLD_CONFIG
    assert kept_on(breached)
    assert breached.packages() == {run.model_package: "Rejected"}
    assert [era.endpoint_config for era in breached.eras()] == [OLD_CONFIG]
    assert breached.aws.seen("UpdateEndpoint") == 1


@pytest.mark.usefixtures("slow_updates")
def test_an_endpoint_that_sagemaker_could_not_take_back_is_told_and_left_alone(breached: Rig) -> None:
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.aws.seen("UpdateEndpoint") == 1)
    endpoint = sagemaker_backends["123456789012"]["eu-west-1"].endpoints[ENDPOINT]
    endpoint.endpoint_status, endpoint.failure_reason = "UpdateRollbackFailed", "No capacity."
    run = breached.until(RunState.FAILED)
    assert run.told.startswith(f"The endpoint failed on its way from {OLD_CONFIG} to {run.name}: ")
    assert "UpdateRollbackFailed: No capacity." in run.told
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.aws.seen("UpdateEndpoint") == 1
