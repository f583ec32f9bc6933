"""A Step Functions state machine as the target: one execution, however badly the calls go."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.targets.base import (
    Cancelled,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    TimedOut,
    same_json,
)
from retrain.targets.step_functions import MAX_INPUT_BYTES, StepFunctionsTarget
from tests.faults import Fault, FaultyAws

RUN = "kedge-abalone-1"
INPUT = '{"run": "kedge-abalone-1", "go": true}'
ROLE = "arn:aws:iam::123456789012:role/r"
WAITS: dict[str, Any] = {"Type": "Wait", "Seconds": 60, "End": True}
ANSWERS: dict[str, Any] = {"Type": "Pass", "End": True}
FAILS: dict[str, Any] = {"Type": "Fail", "Error": "TrainingFailed", "Cause": "it did not converge"}


def machine(aws: FaultyAws, state: dict[str, Any], name: str = "retrain", **more: Any) -> str:
    definition = json.dumps({"StartAt": "Only", "States": {"Only": state}} | more)
    states = aws.direct.client("stepfunctions")
    return str(states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"])


def target(aws: FaultyAws, state: dict[str, Any], **more: Any) -> StepFunctionsTarget:
    return StepFunctionsTarget(aws.client("stepfunctions"), machine(aws, state, **more))


def executions(aws: FaultyAws) -> list[str]:
    states = aws.direct.client("stepfunctions")
    machines = [found["stateMachineArn"] for found in states.list_state_machines()["stateMachines"]]
    return [
        execution["executionArn"]
        for arn in machines
        for execution in states.list_executions(stateMachineArn=arn)["executions"]
    ]


def end_of(target: StepFunctionsTarget, handle: str) -> Status:
    deadline = time.monotonic() + 20
    while isinstance(status := target.status(handle), Running):
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.05)
    return status


def until_started(target: StepFunctionsTarget, input: str = INPUT) -> str:
    """Start as the runner does: again with the same name and bytes, for as long as that is of use."""
    for _ in range(10):
        try:
            return target.start(RUN, input)
        except TargetError as error:
            if not error.retryable:
                raise
    raise AssertionError("it never started")


def test_a_run_is_an_execution_of_its_name_with_its_bytes(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, ANSWERS)
    handle = states.start(RUN, INPUT)
    described = faulty_aws.direct.client("stepfunctions").describe_execution(executionArn=handle)
    assert (described["name"], described["input"]) == (RUN, INPUT)
    status = end_of(states, handle)
    assert isinstance(status, Succeeded)
    assert json.loads(status.output) == json.loads(INPUT)


def test_starting_twice_is_starting_once(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, WAITS)
    assert states.start(RUN, INPUT) == states.start(RUN, INPUT)
    assert len(executions(faulty_aws)) == 1


def test_starting_again_what_has_ended_gives_the_ended_one(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, ANSWERS)
    handle = states.start(RUN, INPUT)
    end_of(states, handle)
    assert states.start(RUN, json.dumps(json.loads(INPUT), indent=1)) == handle
    assert executions(faulty_aws) == [handle]


def test_another_input_under_the_same_name_is_refused(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, WAITS)
    handle = states.start(RUN, INPUT)
    with pytest.raises(TargetError, match="with another input than run kedge-abalone-1's") as refused:
        states.start(RUN, '{"run": "kedge-abalone-1", "go": false}')
    assert not refused.value.retryable
    assert executions(faulty_aws) == [handle]


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_makes_one_execution(faulty_aws: FaultyAws, fault: Fault) -> None:
    states = target(faulty_aws, WAITS)
    faulty_aws.meets("StartExecution", fault)
    with pytest.raises(TargetError, match="cannot start run kedge-abalone-1") as told:
        states.start(RUN, INPUT)
    assert told.value.retryable
    handle = states.start(RUN, INPUT)
    assert executions(faulty_aws) == [handle]
    assert states.status(handle) == Running()


def test_many_faults_in_a_row_make_one_execution(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, ANSWERS)
    faulty_aws.meets("StartExecution", Fault.THROTTLE, Fault.LATE_FAIL, Fault.FAIL, Fault.DROP, Fault.REFUSE)
    faulty_aws.meets("DescribeExecution", Fault.FAIL, Fault.THROTTLE)
    handle = until_started(states)
    assert executions(faulty_aws) == [handle]
    assert faulty_aws.seen("StartExecution") > 5


def test_a_lost_answer_of_a_run_that_ended_meanwhile_is_found_again(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, ANSWERS)
    faulty_aws.meets("StartExecution", Fault.DROP)
    with pytest.raises(TargetError):
        states.start(RUN, INPUT)
    (handle,) = executions(faulty_aws)
    end_of(states, handle)
    assert states.start(RUN, INPUT) == handle


@pytest.mark.parametrize("fault", list(Fault))
def test_a_status_that_cannot_be_had_is_asked_for_again(faulty_aws: FaultyAws, fault: Fault) -> None:
    states = target(faulty_aws, WAITS)
    handle = states.start(RUN, INPUT)
    faulty_aws.meets("DescribeExecution", fault)
    with pytest.raises(TargetError, match="cannot describe") as told:
        states.status(handle)
    assert told.value.retryable
    assert states.status(handle) == Running()


def test_a_failure_tells_its_name_and_its_cause(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, FAILS)
    assert end_of(states, states.start(RUN, INPUT)) == Failed("TrainingFailed", "it did not converge")


JOB = {"ProcessingJobArn": "arn", "Environment": {"KEDGE_LABEL": "rings"}}


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            json.dumps(JOB | {"FailureReason": "AlgorithmError: exit code 1", "ExitMessage": "no rows"}),
            "AlgorithmError: exit code 1: no rows",
        ),
        (json.dumps(JOB | {"FailureReason": "ClientError: no such image"}), "ClientError: no such image"),
        (json.dumps({"FailureReason": "x" * 2000}), "x" * 1000),
        ('["no", "object"]', '["no", "object"]'),
    ],
)
def test_of_a_failed_jobs_description_its_reason_is_told(
    faulty_aws: FaultyAws, cause: str, told: str
) -> None:
    states = target(faulty_aws, FAILS | {"Cause": cause})
    assert end_of(states, states.start(RUN, INPUT)) == Failed("TrainingFailed", told)


def test_cancelling_stops_it_and_again_changes_nothing(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, WAITS)
    handle = states.start(RUN, INPUT)
    faulty_aws.meets("StopExecution", Fault.DROP)
    with pytest.raises(TargetError, match="cannot stop") as told:
        states.cancel(handle, "by hand")
    assert told.value.retryable
    states.cancel(handle, "x" * 40_000)
    assert end_of(states, handle) == Cancelled()


def test_an_execution_out_of_time_is_told(faulty_aws: FaultyAws) -> None:
    answers = {"TIMED_OUT": TimedOut(), "ABORTED": Cancelled(), "PENDING_REDRIVE": Running()}
    states = target(faulty_aws, WAITS)
    handle = states.start(RUN, INPUT)
    client = faulty_aws.client("stepfunctions")
    # moto's executions have no time limit of their own: the answer's status alone is another
    for status, expected in answers.items():
        client.meta.events.register_last(
            "after-call.stepfunctions.DescribeExecution",
            lambda parsed, status=status, **_: parsed.update(status=status),
            unique_id="status",
        )
        assert StepFunctionsTarget(client, "unused").status(handle) == expected
        client.meta.events.unregister("after-call.stepfunctions.DescribeExecution", unique_id="status")


def test_a_machine_that_is_not_there_is_told_and_not_tried_again(faulty_aws: FaultyAws) -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:none"
    with pytest.raises(TargetError, match="StateMachineDoesNotExist: check the ARN") as told:
        StepFunctionsTarget(faulty_aws.client("stepfunctions"), arn).start(RUN, INPUT)
    assert not told.value.retryable


def test_nobody_listening_is_tried_again(aws: str) -> None:
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": 1}, proxies={})
    client = boto3.client("stepfunctions", endpoint_url="http://127.0.0.1:9", config=config)
    with pytest.raises(TargetError, match=r"\(EndpointConnectionError\)") as told:
        StepFunctionsTarget(client, "arn:aws:states:eu-west-1:123456789012:stateMachine:m").start(RUN, INPUT)
    assert told.value.retryable


def test_without_credentials_it_is_not_tried_again(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    client = boto3.Session().client("stepfunctions")
    with pytest.raises(TargetError, match="without AWS credentials") as told:
        StepFunctionsTarget(client, "arn:aws:states:eu-west-1:123456789012:stateMachine:m").start(RUN, INPUT)
    assert not told.value.retryable


def test_an_input_of_the_largest_size_starts_and_a_larger_one_says_its_size(faulty_aws: FaultyAws) -> None:
    states = target(faulty_aws, WAITS)
    largest = json.dumps({"é": "x" * (MAX_INPUT_BYTES - 10)}, ensure_ascii=False)
    assert len(largest.encode()) == MAX_INPUT_BYTES
    states.start(RUN, largest)
    with pytest.raises(TargetError, match="has 262145 bytes and Step Functions takes 262144") as told:
        states.start("kedge-abalone-2", largest.replace("xx", "xxx", 1))
    assert not told.value.retryable
    assert len(executions(faulty_aws)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_the_same_value_is_the_same_json_however_it_is_spelled(value: Any, indent: Any) -> None:
    assert same_json(json.dumps(value), json.dumps(value, indent=indent, ensure_ascii=False))


@given(VALUES)
def test_another_value_is_another_json(value: Any) -> None:
    assert not same_json(json.dumps(value), json.dumps([value]))
    assert not same_json(json.dumps(value), "")
