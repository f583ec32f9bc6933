"""The AWS on loopback: really executes, is gone when left, and leaves nothing behind in the process."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from demo.aws import LocalAws, client

ROOT = Path(__file__).resolve().parents[2]
ClientOf = Callable[[str], Any]
ROLE = "arn:aws:iam::123456789012:role/r"


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@contextmanager
def process(*arguments: str, before: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m demo.aws` and the address that it prints."""
    started = subprocess.Popen(
        [*before, sys.executable, "-m", "demo.aws", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            assert started.stdout is not None
            yield started, started.stdout.readline().strip()
        finally:
            started.kill()


def test_it_listens_on_loopback_alone(aws: LocalAws) -> None:
    assert aws.endpoint_url == f"http://127.0.0.1:{aws.port}"


def test_it_keeps_what_it_is_given(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="kept", Key="k", Body=b"kept")
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"kept"


def test_it_forgets_everything_when_left() -> None:
    for _ in range(2):
        with LocalAws() as aws:
            assert aws.client("s3").list_buckets()["Buckets"] == []
            aws.client("sqs").create_queue(QueueName="q")
            aws.client("s3").create_bucket(
                Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
            )


def test_it_forgets_on_demand_and_goes_on(aws: LocalAws) -> None:
    aws.client("sqs").create_queue(QueueName="q")
    aws.forget()
    assert "QueueUrls" not in aws.client("sqs").list_queues()
    execution, _ = start(aws.client, drift=0.1)
    until(lambda: status(aws.client, execution) == "SUCCEEDED")


def test_the_last_one_entered_settles_how_long_an_update_takes() -> None:
    for seconds, expected in ((60.0, "Updating"), (0.0, "InService")):
        with LocalAws(update_seconds=seconds) as aws:
            deploy(aws)
            aws.client("sagemaker").update_endpoint(EndpointName="ep", EndpointConfigName="c")
            time.sleep(0.2)
            described = aws.client("sagemaker").describe_endpoint(EndpointName="ep")
            assert described["EndpointStatus"] == expected


def deploy(aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="ep", EndpointConfigName="c")


def test_nobody_answers_after_it_is_left() -> None:
    with LocalAws() as aws:
        s3 = aws.client("s3")
        s3.list_buckets()
    with pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    with pytest.raises(RuntimeError, match="not running"):
        _ = aws.endpoint_url


def test_the_environment_of_the_process_is_as_before() -> None:
    before = dict(os.environ)
    with LocalAws() as aws:
        inside = dict(os.environ)
        port = str(aws.port)
    assert inside.pop("MOTO_PORT") == port
    assert inside == {name: value for name, value in before.items() if name != "MOTO_PORT"}
    assert dict(os.environ) == before


def test_a_port_that_somebody_set_for_moto_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_PORT", "1234")
    with LocalAws() as aws:
        assert os.environ["MOTO_PORT"] == str(aws.port)
    assert os.environ["MOTO_PORT"] == "1234"


def test_a_taken_port_is_an_error_and_not_a_wait() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(OSError, match=rf"port {port} on 127\.0\.0\.1 is taken .*: give another"),
            LocalAws(port),
        ):
            pass


def test_a_port_can_be_asked_for() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with LocalAws(port) as aws:
        assert aws.port == port


def test_a_child_with_its_environment_finds_it_and_no_other(aws: LocalAws) -> None:
    aws.client("sqs").create_queue(QueueName="from-the-parent")
    script = "import boto3; print(boto3.client('sqs').list_queues()['QueueUrls'])"
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=kept | aws.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "from-the-parent" in answer.stdout
    assert set(aws.environment()) >= {
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
    }


def test_its_clients_do_not_ask_the_environment(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert aws.client("sqs").create_queue(QueueName="here")["QueueUrl"].startswith(aws.endpoint_url)
    assert aws.client("sqs").meta.region_name == "eu-west-1"


RETRAIN: dict[str, Any] = {
    "StartAt": "Gate",
    "States": {
        "Gate": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.drift", "NumericGreaterThan": 0.2, "Next": "Train"}],
            "Default": "Skip",
        },
        "Skip": {"Type": "Succeed"},
        "Train": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "TimeoutSeconds": 60,
            "Parameters": {"MessageBody": {"token.$": "$$.Task.Token", "input.$": "$"}},
            "ResultPath": "$.train",
            "Next": "Register",
        },
        "Register": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModelPackage",
            "Parameters": {
                "ModelPackageGroupName": "g",
                "ModelApprovalStatus": "PendingManualApproval",
                "InferenceSpecification": {
                    "Containers": [{"Image": "i", "ModelDataUrl.$": "$.train.artifact"}],
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedResponseMIMETypes": ["text/csv"],
                },
            },
            "End": True,
        },
    },
}


def start(client_of: ClientOf, drift: float) -> tuple[str, str]:
    """An execution of a state machine that hands its work to a queue: the execution and the queue."""
    queue = client_of("sqs").create_queue(QueueName="train")["QueueUrl"]
    client_of("sagemaker").create_model_package_group(ModelPackageGroupName="g")
    definition = json.loads(json.dumps(RETRAIN))
    definition["States"]["Train"]["Parameters"]["QueueUrl"] = queue
    states = client_of("stepfunctions")
    machine = states.create_state_machine(name="retrain", definition=json.dumps(definition), roleArn=ROLE)
    begun = states.start_execution(
        stateMachineArn=machine["stateMachineArn"], name="drift-1", input=json.dumps({"drift": drift})
    )
    return begun["executionArn"], queue


def status(client_of: ClientOf, execution: str) -> str:
    return str(client_of("stepfunctions").describe_execution(executionArn=execution)["status"])


def test_a_state_machine_executes_and_hands_work_to_a_worker(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    execution, queue = start(aws.client, drift=0.4)
    (message,) = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["input"] == {"drift": 0.4}
    assert status(aws.client, execution) == "RUNNING"
    aws.client("stepfunctions").send_task_success(
        taskToken=body["token"], output=json.dumps({"artifact": "s3://models/2.tar.gz"})
    )
    until(lambda: status(aws.client, execution) != "RUNNING")
    assert status(aws.client, execution) == "SUCCEEDED"
    sagemaker = aws.client("sagemaker")
    (package,) = sagemaker.list_model_packages(ModelPackageGroupName="g")["ModelPackageSummaryList"]
    described = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    (container,) = described["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == "s3://models/2.tar.gz"


def test_a_state_machine_may_decide_to_do_nothing(aws: LocalAws) -> None:
    execution, queue = start(aws.client, drift=0.1)
    until(lambda: status(aws.client, execution) == "SUCCEEDED")
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=queue)


def test_starting_the_same_execution_twice_starts_it_once(aws: LocalAws) -> None:
    execution, _ = start(aws.client, drift=0.4)
    states = aws.client("stepfunctions")
    machine = states.describe_execution(executionArn=execution)["stateMachineArn"]
    again = states.start_execution(stateMachineArn=machine, name="drift-1", input='{"drift": 0.4}')
    assert again["executionArn"] == execution
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        states.start_execution(stateMachineArn=machine, name="drift-1", input='{"drift": 0.5}')
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_it_logs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalAws() as aws:
        aws.client("s3").list_buckets()
        with pytest.raises(ClientError):
            aws.client("sagemaker").describe_endpoint(EndpointName="none")
    assert capfd.readouterr() == ("", "")


def test_it_runs_in_a_process_of_its_own_until_it_is_told_to_stop() -> None:
    with process("--port", "0", "--update-seconds", "0.1") as (server, url):
        client(url, "sqs").create_queue(QueueName="q")
        assert client(url, "sqs").list_queues()["QueueUrls"] == [f"{url}/123456789012/q"]
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
        assert (server.returncode, out, err) == (0, "", "")


def test_a_waiting_state_machine_does_not_keep_the_process_alive() -> None:
    with process() as (server, url):
        there = functools.partial(client, url)
        execution, _ = start(there, drift=0.4)
        assert status(there, execution) == "RUNNING"
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0


def test_it_goes_with_its_parent_where_asked_to() -> None:
    shell = ("sh", "-c", '"$@" & read line; kill -9 $$', "sh")
    with subprocess.Popen(
        [*shell, sys.executable, "-m", "demo.aws", "--with-parent"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        url = parent.stdout.readline().strip()
        client(url, "s3").list_buckets()
        parent.stdin.write("go\n")
        parent.stdin.flush()
        until(lambda: not answers(url))


def answers(url: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=1):
            return True
    except OSError:
        return False


def test_a_taken_port_is_told_on_the_command_line_in_one_sentence() -> None:
    with process() as (_, url), process("--port", url.rsplit(":", 1)[1]) as (second, nothing):
        _, err = second.communicate(timeout=20)
        assert nothing == ""
        assert second.returncode == 1
        assert err.startswith(f"port {url.rsplit(':', 1)[1]} on 127.0.0.1 is taken")
        assert err.count("\n") == 1


def test_many_at_once_are_served(aws: LocalAws) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    threads = [
        threading.Thread(target=s3.put_object, kwargs={"Bucket": "kept", "Key": str(number), "Body": b"x"})
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert s3.list_objects_v2(Bucket="kept")["KeyCount"] == 8
