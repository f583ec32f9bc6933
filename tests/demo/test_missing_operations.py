"""What moto lacks behaves as SageMaker's own: updates take their time, doing twice is not done twice."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from demo.aws import LocalAws

ROLE = "arn:aws:iam::123456789012:role/r"
SPECIFICATION = {
    "Containers": [{"Image": "i", "ModelDataUrl": "s3://models/1.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(update_seconds=0.3) as running:
        yield running


@pytest.fixture
def sagemaker(aws: LocalAws) -> Any:
    aws.forget()
    client = aws.client("sagemaker")
    for model in ("m1", "m2"):
        client.create_model(ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "i"})
    configure(client, "c1", "m1", percentage=100)
    configure(client, "c2", "m2", percentage=50, variant="Blue")
    client.create_endpoint(EndpointName="ep", EndpointConfigName="c1")
    client.create_model_package_group(ModelPackageGroupName="g")
    return client


def configure(
    client: Any,
    name: str,
    model: str,
    percentage: int = 100,
    variant: str = "AllTraffic",
    capture: bool = True,
) -> None:
    wanted = {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": f"s3://logs/{name}",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": variant,
                "ModelName": model,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
        **({"DataCaptureConfig": wanted} if capture else {}),
    )


def in_service(client: Any) -> dict[str, Any]:
    """The endpoint as it is described once its update is over."""
    deadline = time.monotonic() + 20
    while (described := client.describe_endpoint(EndpointName="ep"))["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(described)


def package(client: Any, **others: Any) -> str:
    made = client.create_model_package(
        ModelPackageGroupName="g", InferenceSpecification=SPECIFICATION, **others
    )
    return str(made["ModelPackageArn"])


def packages(client: Any) -> set[str]:
    listed = client.list_model_packages(ModelPackageGroupName="g")["ModelPackageSummaryList"]
    return {summary["ModelPackageArn"] for summary in listed}


def test_an_update_takes_a_while_and_then_serves_the_new_config(sagemaker: Any) -> None:
    before = sagemaker.describe_endpoint(EndpointName="ep")
    answer = sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c2")
    assert answer["EndpointArn"] == before["EndpointArn"]
    during = sagemaker.describe_endpoint(EndpointName="ep")
    assert during["EndpointStatus"] == "Updating"
    assert during["EndpointConfigName"] == "c1"
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "c2"
    after = in_service(sagemaker)
    assert after["EndpointConfigName"] == "c2"
    assert after["ProductionVariants"][0]["VariantName"] == "Blue"
    assert after["DataCaptureConfig"]["DestinationS3Uri"] == "s3://logs/c2"
    assert "PendingDeploymentSummary" not in after
    assert after["LastModifiedTime"] > before["LastModifiedTime"]
    assert after["CreationTime"] == before["CreationTime"]


def test_the_waiter_of_boto3_waits_for_it(sagemaker: Any) -> None:
    sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c2")
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName="ep", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    assert sagemaker.describe_endpoint(EndpointName="ep")["EndpointConfigName"] == "c2"


def test_an_endpoint_in_an_update_takes_no_other(sagemaker: Any) -> None:
    sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c2")
    with pytest.raises(ClientError, match=r"ValidationException.*Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c1")
    assert in_service(sagemaker)["EndpointConfigName"] == "c2"
    sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c1")
    assert in_service(sagemaker)["EndpointConfigName"] == "c1"


def test_a_rollout_is_remembered(sagemaker: Any) -> None:
    rollout = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        }
    }
    sagemaker.update_endpoint(EndpointName="ep", EndpointConfigName="c2", DeploymentConfig=rollout)
    assert in_service(sagemaker)["LastDeploymentConfig"] == rollout


@pytest.mark.parametrize(("endpoint", "config"), [("none", "c2"), ("ep", "none")])
def test_what_is_not_there_cannot_be_updated(endpoint: str, config: str, sagemaker: Any) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Could not find endpoint.*none"):
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    assert sagemaker.describe_endpoint(EndpointName="ep")["EndpointStatus"] == "InService"


def test_an_endpoint_tells_the_state_of_its_capture(sagemaker: Any) -> None:
    assert sagemaker.describe_endpoint(EndpointName="ep")["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://logs/c1",
    }


def test_an_endpoint_without_capture_tells_of_none(sagemaker: Any) -> None:
    configure(sagemaker, "silent", "m1", capture=False)
    sagemaker.create_endpoint(EndpointName="quiet", EndpointConfigName="silent")
    assert "DataCaptureConfig" not in sagemaker.describe_endpoint(EndpointName="quiet")


def test_a_config_keeps_its_capture_for_the_next_one_to_carry_over(sagemaker: Any) -> None:
    described = sagemaker.describe_endpoint_config(EndpointConfigName="c1")
    assert described["DataCaptureConfig"]["CaptureOptions"] == [
        {"CaptureMode": "Input"},
        {"CaptureMode": "Output"},
    ]
    assert described["DataCaptureConfig"]["InitialSamplingPercentage"] == 100


def test_nothing_is_made_twice_under_one_name(sagemaker: Any) -> None:
    again: list[Any] = [
        lambda: sagemaker.create_endpoint(EndpointName="ep", EndpointConfigName="c2"),
        lambda: configure(sagemaker, "c1", "m2"),
        lambda: sagemaker.create_model(
            ModelName="m1", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "j"}
        ),
        lambda: sagemaker.create_model_package_group(ModelPackageGroupName="g"),
    ]
    for make in again:
        with pytest.raises(ClientError, match=r"ValidationException.*already existing"):
            make()
    assert sagemaker.describe_endpoint(EndpointName="ep")["EndpointConfigName"] == "c1"
    assert sagemaker.describe_model(ModelName="m1")["PrimaryContainer"]["Image"] == "i"


def test_a_name_is_free_again_when_its_thing_was_deleted(sagemaker: Any) -> None:
    sagemaker.delete_endpoint(EndpointName="ep")
    sagemaker.create_endpoint(EndpointName="ep", EndpointConfigName="c2")
    assert sagemaker.describe_endpoint(EndpointName="ep")["EndpointConfigName"] == "c2"


def test_one_client_token_makes_one_model_package(sagemaker: Any) -> None:
    first = package(sagemaker, ClientToken="run-1")
    assert package(sagemaker, ClientToken="run-1") == first
    second = package(sagemaker, ClientToken="run-2")
    assert packages(sagemaker) == {first, second}


def test_without_a_token_every_call_makes_one(sagemaker: Any) -> None:
    assert len({package(sagemaker) for _ in range(3)}) == 3


def test_an_update_of_a_package_keeps_what_it_does_not_name(sagemaker: Any) -> None:
    arn = package(
        sagemaker,
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"run": "7"},
    )
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="won by 0.4 rings"
    )
    sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"run": "7", "by": "eve"})
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "won by 0.4 rings"
    assert described["CustomerMetadataProperties"] == {"run": "7", "by": "eve"}


def test_a_deleted_package_is_gone(sagemaker: Any) -> None:
    first, second = package(sagemaker), package(sagemaker)
    sagemaker.delete_model_package(ModelPackageName=first)
    assert packages(sagemaker) == {second}
    for call in (sagemaker.describe_model_package, sagemaker.delete_model_package):
        with pytest.raises(ClientError, match=r"ValidationException"):
            call(ModelPackageName=first)


def test_a_version_number_is_never_used_again(sagemaker: Any) -> None:
    first, second, third = (package(sagemaker, ClientToken=f"run-{number}") for number in range(3))
    sagemaker.delete_model_package(ModelPackageName=second)
    fourth = package(sagemaker)
    assert fourth.endswith("/4")
    assert packages(sagemaker) == {first, third, fourth}


def test_a_task_that_fails_says_why(aws: LocalAws) -> None:
    aws.forget()
    sqs, states = aws.client("sqs"), aws.client("stepfunctions")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    ask = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": ask,
        "End": True,
    }
    machine = states.create_state_machine(
        name="m", definition=json.dumps({"StartAt": "Ask", "States": {"Ask": task}}), roleArn=ROLE
    )
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    token = json.loads(message["Body"])["token"]
    deadline = time.monotonic() + 20
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        with contextlib.suppress(ClientError):  # the token may not be known yet
            states.send_task_failure(taskToken=token, error="BadInput", cause="there is no label")
        time.sleep(0.1)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "BadInput", "there is no label")
