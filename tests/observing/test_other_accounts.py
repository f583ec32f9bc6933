"""Roles across accounts, and results that are encrypted by the owner's key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine

from monitor.observer import Observer
from objects import s3_client
from tests.clock import MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import Yard, bucket, records

ROLE = "arn:aws:iam::222222222222:role/watcher"


@pytest.fixture
def logs(aws: str) -> Yard:
    made = bucket("logs")
    made.baseline()
    return made


class Roles:
    """An observer's world that notes in which role each S3 client is made, and makes real ones."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def __call__(self, role: str | None) -> Any:
        self.asked.append(role)
        return s3_client("eu-west-1", role)


def test_everything_of_an_entry_is_read_and_written_in_its_role(logs: Yard, database: Engine) -> None:
    answered = records(1, NOON)
    logs.capture("abalone", answered)
    logs.labels(NOON, [(record.event_id, record.rings) for record in answered])
    entry = logs.endpoint(role=ROLE, results=f"{logs.uri}/results", ground_truth=f"{logs.uri}/labels")
    watch, roles = Watch(logs, database), Roles()
    watch.clock.at = NOON + 10 * MINUTE
    world = replace(watch.observer().world, s3=roles)
    done = Observer(world).observe(entry)
    assert done is not None
    assert done.problem is None
    assert (done.objects, done.judged, done.measured, done.published) == (2, 1, 1, 1)
    assert set(roles.asked) == {ROLE}
    assert len(list(logs.place("results").objects.list("results/"))) == 3


def test_results_are_encrypted_by_the_key_of_the_entry(logs: Yard, database: Engine, aws: str) -> None:
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    logs.capture("abalone", records(1, NOON))
    watch = Watch(logs, database)
    watch.fine(logs.endpoint(results=f"{logs.uri}/results", results_kms_key=key), NOON + 10 * MINUTE)
    s3 = boto3.client("s3")
    written = [each["Key"] for each in s3.list_objects_v2(Bucket="logs", Prefix="results/")["Contents"]]
    assert len(written) == 3
    for name in written:
        head = s3.head_object(Bucket="logs", Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_without_a_key_the_bucket_decides(logs: Yard, database: Engine) -> None:
    logs.capture("abalone", records(1, NOON))
    Watch(logs, database).fine(logs.endpoint(results=f"{logs.uri}/results"), NOON + 10 * MINUTE)
    s3 = boto3.client("s3")
    (first, *_) = s3.list_objects_v2(Bucket="logs", Prefix="results/")["Contents"]
    assert "SSEKMSKeyId" not in s3.head_object(Bucket="logs", Key=first["Key"])
