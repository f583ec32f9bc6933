"""The commands of docs/aws.md make a queue that works: what they say is done here, on moto."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import boto3

from tests.conftest import ROOT
from tests.observing.replica import until
from tests.observing.yard import Yard, bucket

HERE = {"REGION": "eu-west-1", "ACCOUNT": "123456789012", "BUCKET": "logs", "QUEUE": "kedge-captures"}


def in_place(text: str, **more: str) -> str:
    for name, value in (HERE | more).items():
        text = re.sub(rf"\b{name}\b", value, text)
    return text


def commands() -> list[list[str]]:
    """The words of each `aws` command in the section on SQS, comments left out."""
    section = (ROOT / "docs" / "aws.md").read_text().partition("## New captures by SQS")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    words = shlex.split(block, comments=True)
    starts = [at for at, word in enumerate(words) if word == "aws"]
    return [words[at + 1 : end] for at, end in zip(starts, [*starts[1:], None], strict=True)]


def attributes(text: str) -> dict[str, str]:
    """As the command line takes them: JSON, or Name=value."""
    if text.startswith("$(jq "):
        policy = json.loads((ROOT / "deploy" / "captures-queue-policy.json").read_text())
        return {"Policy": in_place(json.dumps(policy))}
    found: dict[str, str] = (
        json.loads(in_place(text)) if text.startswith("{") else dict([text.split("=", maxsplit=1)])
    )
    return found


def follow(words: list[str], urls: dict[str, str]) -> None:
    service, operation, *options = words
    given = dict(zip(options[::2], options[1::2], strict=True))
    sqs: Any = boto3.client("sqs")
    if (service, operation) == ("sqs", "create-queue"):
        name = given["--queue-name"]
        made = sqs.create_queue(QueueName=name, Attributes=attributes(given["--attributes"]))
        urls[name] = made["QueueUrl"]
    elif (service, operation) == ("sqs", "set-queue-attributes"):
        sqs.set_queue_attributes(
            QueueUrl=urls["kedge-captures"], Attributes=attributes(given["--attributes"])
        )
    else:
        assert (service, operation) == ("s3api", "put-bucket-notification-configuration")
        boto3.client("s3").put_bucket_notification_configuration(
            Bucket=in_place(given["--bucket"]),
            NotificationConfiguration=json.loads(in_place(given["--notification-configuration"])),
        )


def test_the_documented_commands_make_a_queue_that_announces_captures(aws: str) -> None:
    yard: Yard = bucket("logs")
    urls: dict[str, str] = {}
    for words in commands():
        follow(words, urls)
    assert set(urls) == {"kedge-captures", "kedge-captures-dead"}
    sqs: Any = boto3.client("sqs")
    url = urls["kedge-captures"]
    kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy", "Policy"])["Attributes"]
    redrive = json.loads(kept["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"].endswith(":kedge-captures-dead")
    (statement,) = json.loads(kept["Policy"])["Statement"]
    assert statement["Resource"] == "arn:aws:sqs:eu-west-1:123456789012:kedge-captures"
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:s3:::logs"}
    yard.put("elsewhere", "x.jsonl", b"{}")
    yard.put("endpoint-data-capture", "abalone/AllTraffic/2026/05/04/12/x.jsonl", b"{}")
    bodies: list[str] = []

    def announced() -> bool:
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", ())
        bodies.extend(each["Body"] for each in found)
        return sum("Records" in each for each in bodies) == 1

    assert until(announced)
    assert not any("elsewhere" in each for each in bodies)
