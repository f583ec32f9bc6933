"""What a message says: S3's notifications, from S3, EventBridge or SNS, and SageMaker's from EventBridge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import orjson

from objects import ObjectRef

_ENVELOPES = 3
"""So many envelopes of SNS are opened, one within the other."""
_LONGEST_KEY = 1024
"""Bytes of a key, of which S3 takes no more."""
_PACKAGE = re.compile(
    r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]{1,32}:\d{12}:model-package/[\w./-]{1,256}", re.ASCII
)
_LARGEST = 2**63 - 1
"""Bytes of an object, of which a database takes no more."""


class MalformedError(ValueError):
    """Why a message is no notification of S3's, in a clause that shows none of it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The objects that a message says were written, and what is wrong with the rest of it, if anything.

    `package` is the ARN of a model package that changed, as SageMaker tells EventBridge. None of them means
    that the message is of no concern: a test, or an object that was deleted.
    """

    objects: tuple[ObjectRef, ...] = ()
    wrong: str | None = None
    package: str | None = None


def read_notice(body: str) -> Notice:
    """What a message's body says; where it makes no sense, that is what it says."""
    try:
        return _notice(body, _ENVELOPES)
    except MalformedError as error:
        return Notice(wrong=str(error))


def _notice(body: object, envelopes: int) -> Notice:
    if not isinstance(body, str):
        raise MalformedError("its envelope holds no text")
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedError("it is no JSON") from None
    if not isinstance(event, dict):
        raise MalformedError("it is no JSON object")
    if event.get("Type") == "Notification" and envelopes:
        return _notice(event.get("Message"), envelopes - 1)
    if event.get("Event") == "s3:TestEvent":
        return Notice()
    if event.get("source") == "aws.s3" and "detail-type" in event:
        return _of_event_bridge(event)
    if event.get("source") == "aws.sagemaker" and "detail-type" in event:
        return _of_sagemaker(event)
    if isinstance(event.get("Records"), list):
        return _of_records(event["Records"])
    raise MalformedError("it is neither S3's, EventBridge's nor SNS's")


def _of_event_bridge(event: dict[str, Any]) -> Notice:
    if event["detail-type"] != "Object Created":
        return Notice()
    # EventBridge leaves keys as they are
    return Notice((_object(event.get("detail"), event.get("time"), quoted=False),))


def _of_sagemaker(event: dict[str, Any]) -> Notice:
    """That a model package changed; what it is now is asked of the registry, since events may overtake."""
    if event["detail-type"] != "SageMaker Model Package State Change":
        return Notice()
    arn = _part(event.get("detail"), "ModelPackageArn")
    if not isinstance(arn, str) or not _PACKAGE.fullmatch(arn):
        raise MalformedError("it lacks the ARN of a model package")
    return Notice(package=arn)


def _of_records(records: list[Any]) -> Notice:
    """A good record is none the worse for a bad one beside it."""
    found: list[ObjectRef] = []
    wrong: str | None = None
    for record in records:
        try:
            if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
                raise MalformedError("a record in it is not of S3")
            if str(record.get("eventName")).removeprefix("s3:").startswith("ObjectCreated:"):
                found.append(_object(record.get("s3"), record.get("eventTime"), quoted=True))
        except MalformedError as error:
            wrong = str(error)
    return Notice(tuple(found), wrong)


def _object(said: object, time: object, *, quoted: bool) -> ObjectRef:
    bucket, stored = _part(_part(said, "bucket"), "name"), _part(said, "object")
    key, size = _part(stored, "key"), _part(stored, "size")
    etag = _part(stored, "eTag") or _part(stored, "etag")  # as S3 and as EventBridge write it
    if not (isinstance(bucket, str) and bucket and isinstance(key, str) and key and isinstance(etag, str)):
        raise MalformedError("it lacks a bucket, a key or an ETag")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST:
        raise MalformedError("it lacks the object's size")
    name = unquote_plus(key) if quoted else key
    if len(name.encode()) > _LONGEST_KEY or any("\0" in part for part in (bucket, name, etag)):
        raise MalformedError("it has a key that S3 does not have")
    return ObjectRef(bucket, name, etag.strip('"'), size, _moment(time))


def _part(of: object, name: str) -> object:
    return of.get(name) if isinstance(of, dict) else None


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError("its time is none") from None
