"""The AWS that answers badly: lets through what it should unchanged, and spoils what it was told to."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.faults import Fault, FaultyAws, operation_of

EUROPE: dict[str, Any] = {"LocationConstraint": "eu-west-1"}


def queues(aws: FaultyAws) -> list[str]:
    return [url.rpartition("/")[2] for url in aws.direct.client("sqs").list_queues().get("QueueUrls", [])]


def test_what_it_lets_through_is_unchanged(faulty_aws: FaultyAws) -> None:
    s3 = faulty_aws.client("s3")
    s3.create_bucket(Bucket="kept", CreateBucketConfiguration=EUROPE)
    data = bytes(range(256)) * 5000
    s3.put_object(Bucket="kept", Key="folder/a b", Body=data, ContentType="text/csv")
    assert s3.get_object(Bucket="kept", Key="folder/a b")["Body"].read() == data
    assert s3.head_object(Bucket="kept", Key="folder/a b")["ContentLength"] == len(data)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="kept")["Contents"]] == ["folder/a b"]
    s3.delete_object(Bucket="kept", Key="folder/a b")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="kept", Key="folder/a b")


def test_boto3_finds_it_unasked(faulty_aws: FaultyAws) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    assert faulty_aws.seen("CreateQueue") == 1
    assert queues(faulty_aws) == ["q"]


@pytest.mark.parametrize(
    ("fault", "code", "arrives"),
    [
        (Fault.THROTTLE, "ThrottlingException", False),
        (Fault.FAIL, "InternalServerError", False),
        (Fault.LATE_FAIL, "InternalServerError", True),
    ],
)
def test_a_refusal_says_why_and_arrives_or_not(
    faulty_aws: FaultyAws, fault: Fault, code: str, arrives: bool
) -> None:
    faulty_aws.meets("CreateQueue", fault)
    with pytest.raises(ClientError, match=code):
        faulty_aws.client("sqs").create_queue(QueueName="q")
    assert (queues(faulty_aws) == ["q"]) is arrives


@pytest.mark.parametrize(("fault", "arrives"), [(Fault.REFUSE, False), (Fault.DROP, True)])
def test_a_closed_connection_arrives_or_not(faulty_aws: FaultyAws, fault: Fault, arrives: bool) -> None:
    faulty_aws.meets("CreateQueue", fault)
    with pytest.raises(ConnectionClosedError):
        faulty_aws.client("sqs").create_queue(QueueName="q")
    assert (queues(faulty_aws) == ["q"]) is arrives


def test_only_the_calls_that_were_named_suffer_in_their_order(faulty_aws: FaultyAws) -> None:
    sqs = faulty_aws.client("sqs")
    faulty_aws.meets("CreateQueue", None, Fault.FAIL)
    sqs.list_queues()
    sqs.create_queue(QueueName="first")
    with pytest.raises(ClientError):
        sqs.create_queue(QueueName="second")
    sqs.create_queue(QueueName="third")
    assert queues(faulty_aws) == ["first", "third"]
    assert faulty_aws.seen("CreateQueue") == 3


@pytest.mark.parametrize(
    ("method", "path", "target", "name"),
    [
        ("POST", "/", "AWSStepFunctions.StartExecution", "StartExecution"),
        ("PUT", "/bucket?x=1", None, "PUT bucket"),
        ("PUT", "/bucket/a/b", None, "PUT object"),
        ("GET", "/", None, "GET service"),
    ],
)
def test_operations_have_names(method: str, path: str, target: str | None, name: str) -> None:
    assert operation_of(method, path, target) == name
