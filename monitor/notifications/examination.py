"""Whether a queue can announce an endpoint's captures: what `kedge doctor` says of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from config.findings import Finding, fine, noted, skipped, wrong
from config.plurals import counted
from monitor.notifications.queue import QueueError, faults
from objects import aws_told

QUEUE, ANNOUNCED = "queue", "announcements"
_CREATED = "s3:ObjectCreated:"
_HOW = "have the bucket announce new objects on the queue, as docs/aws.md has it"
_DENIED = ("AccessDenied", "Forbidden")


def of_queue(url: str, client: Callable[[], Any]) -> tuple[Finding, str | None]:
    """What is said of the queue, and its ARN; `client` gives a boto3 SQS client, or raises QueueError."""
    try:
        with faults(url):
            found = client().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    except QueueError as error:
        said, _, change = str(error).partition(": ")
        if "denied" in said:
            return skipped(QUEUE, f"{said}: sqs:GetQueueAttributes is asked by this check alone"), None
        return wrong(QUEUE, said, change or "check notifications"), None
    arn = str(found["QueueArn"])
    waiting = counted(int(found.get("ApproximateNumberOfMessages", 0)), "message")
    if "RedrivePolicy" not in found:
        told = f"{arn}, {waiting} waiting, no dead-letter queue"
        change = "give it a redrive policy, or what can't be read comes back until it expires"
        return noted(QUEUE, told, change), arn
    tries = json.loads(found["RedrivePolicy"]).get("maxReceiveCount")
    return fine(QUEUE, f"{arn}, {waiting} waiting, to the dead-letter queue after {tries} tries"), arn


def of_announcements(arn: str, bucket: str, prefix: str, client: Callable[[], Any]) -> Finding:
    """Whether the bucket announces what is made below the prefix to the queue of this ARN."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = client().get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if any(word in code for word in _DENIED):
            return skipped(ANNOUNCED, f"s3:GetBucketNotification on {bucket} is denied")
        return wrong(ANNOUNCED, f"S3 answered {code or 'an error'} for bucket {bucket}", "check its name")
    except BotoCoreError as error:
        return wrong(ANNOUNCED, f"bucket {bucket} can't be asked: {aws_told(error)}", "check the network")
    direct = [each for each in found.get("QueueConfigurations", ()) if each["QueueArn"] == arn]
    heard = [each for each in direct if any(_is_creation(event) for event in each["Events"])]
    if any(prefix.startswith(_begins(each)) for each in heard):
        return fine(ANNOUNCED, f"bucket {bucket} announces what is made below {prefix} on the queue")
    if heard:
        below = " and ".join(sorted({_begins(each) for each in heard}))
        return wrong(ANNOUNCED, f"bucket {bucket} announces what is made below {below} alone", _HOW)
    between = [
        name
        for name, key in (("EventBridge", "EventBridgeConfiguration"), ("a topic", "TopicConfigurations"))
        if key in found
    ]
    if between:
        told = f"bucket {bucket} announces to {' and '.join(between)}"
        return noted(ANNOUNCED, f"{told}; whether that reaches the queue is not seen here")
    return wrong(ANNOUNCED, f"bucket {bucket} announces no new object to {arn}", _HOW)


def _is_creation(event: str) -> bool:
    return event.startswith(_CREATED)


def _begins(configuration: Mapping[str, Any]) -> str:
    rules: Iterable[Mapping[str, str]] = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    return next((rule["Value"] for rule in rules if rule["Name"].lower() == "prefix"), "")
