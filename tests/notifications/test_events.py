"""What messages say, whoever wrote them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.notifications.events import Notice, read_notice
from objects import ObjectRef

KEY = "capture/abalone/All Traffic/2026/05/04/12/00-1+ü.jsonl"
AT = datetime(2026, 5, 4, 12, 0, 1, 500000, UTC)
REF = ObjectRef("logs", KEY, "9dd4e461268c8034f5c8564e155c67a6", 12, AT)


def record(name: str = "ObjectCreated:Put", key: str = KEY, **changed: Any) -> dict[str, Any]:
    stored = {"key": quote_plus(key), "size": 12, "eTag": REF.etag, "sequencer": "0055AED6DCD90281E5"}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-05-04T12:00:01.500Z",
        "eventName": name,
        "s3": {"bucket": {"name": "logs"}, "object": {**stored, **changed}},
    }


def message(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


def bridged(kind: str = "Object Created", **changed: Any) -> str:
    stored = {"key": KEY, "size": 12, "etag": REF.etag, **changed}
    event = {"source": "aws.s3", "detail-type": kind, "time": "2026-05-04T12:00:01.5Z"}
    return json.dumps({**event, "detail": {"bucket": {"name": "logs"}, "object": stored}})


def enveloped(body: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": body})


@pytest.mark.parametrize(
    "body",
    [
        message(record()),
        message(record("ObjectCreated:CompleteMultipartUpload")),
        message(record("s3:ObjectCreated:Copy")),
        bridged(),
        enveloped(message(record())),
        enveloped(bridged()),
        enveloped(enveloped(message(record()))),
    ],
)
def test_each_way_says_the_same(body: str) -> None:
    assert read_notice(body) == Notice((REF,))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"}),
        enveloped(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"})),
        message(record("ObjectRemoved:Delete")),
        bridged("Object Deleted"),
        bridged("Object Tags Added"),
        message(),
    ],
)
def test_what_is_of_no_concern_is_not_malformed(body: str) -> None:
    assert read_notice(body) == Notice()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("not JSON", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", "neither"),
        ('{"Type": "Notification", "Message": 5}', "no text"),
        ('{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x"}', "neither"),
        (message({"eventSource": "aws:sqs"}), "not of S3"),
        ('{"Records": [5]}', "not of S3"),
        (message(record(key="")), "a key"),
        (message(record(size="12")), "size"),
        (message(record(size=-1)), "size"),
        (message(record(eTag=None)), "ETag"),
        (message({**record(), "s3": None}), "a bucket"),
        (message({**record(), "eventTime": "soon"}), "time"),
        (message({**record(), "eventTime": "0001-01-01T00:00:00+14:00"}), "time"),
        (message(record(size=2**63)), "size"),
        (message(record(key="a\0b")), "a key that S3"),
        (message(record(eTag="a\0b")), "a key that S3"),
        (message(record(key="ü" * 513)), "a key that S3"),
        (bridged(key=None), "a key"),
        ('{"source": "aws.s3", "detail-type": "Object Created"}', "a bucket"),
    ],
)
def test_what_is_malformed_says_why(body: str, wrong: str) -> None:
    notice = read_notice(body)
    assert notice.objects == ()
    assert notice.wrong is not None
    assert wrong in notice.wrong


def changed(arn: object, kind: str = "SageMaker Model Package State Change") -> str:
    """A change of a model package, as EventBridge writes it."""
    detail = {"ModelPackageArn": arn, "ModelPackageGroupName": "abalone", "ModelApprovalStatus": "Approved"}
    return json.dumps({"source": "aws.sagemaker", "detail-type": kind, "detail": detail})


PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3"


@pytest.mark.parametrize("body", [changed(PACKAGE), enveloped(changed(PACKAGE))])
def test_a_model_package_that_changed_is_named(body: str) -> None:
    assert read_notice(body) == Notice(package=PACKAGE)


def test_what_else_sagemaker_tells_is_of_no_concern() -> None:
    assert read_notice(changed(PACKAGE, "SageMaker Endpoint State Change")) == Notice()


@pytest.mark.parametrize(
    "arn", [None, 3, "", "abalone/3", PACKAGE + "\n", PACKAGE.replace("package/", "card/")]
)
def test_a_package_without_its_arn_is_malformed(arn: object) -> None:
    notice = read_notice(changed(arn))
    assert (notice.package, notice.wrong) == (None, "it lacks the ARN of a model package")


def test_a_bad_record_costs_no_good_one() -> None:
    other = record(key="other")
    notice = read_notice(message(record(), {"eventSource": "aws:sqs"}, other))
    assert [found.key for found in notice.objects] == [KEY, "other"]
    assert notice.wrong is not None


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=256))
def test_any_key_is_found_again(key: str) -> None:
    (found,) = read_notice(message(record(key=key))).objects
    assert found.key == key


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "s3", "bucket", "object", "key", "Type", "Message", "detail", "source"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.text() | ANYTHING.map(json.dumps) | ANYTHING.map(lambda part: message({**record(), "s3": part})))
@example(message({**record(), "eventTime": "9999-12-31T23:59:59-14:00"}))
def test_nothing_in_a_message_makes_it_raise(body: str) -> None:
    assert not read_notice(body).objects
