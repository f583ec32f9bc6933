"""One SQS queue: receiving, holding and deleting messages, and what is wrong with it in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from objects import aws_client, aws_told

log = structlog.get_logger(__name__)

LONG_POLL = 20
"""Seconds for which SQS may hold a request back until there is a message."""
VISIBILITY = 120
"""Seconds for which nobody else is given a message that was received here."""
_BATCH = 10
"""Messages to a request, which is the most that SQS takes."""
_REGION = re.compile(r"https?://(?:(?:[\w-]+\.)?sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(?:amazonaws|api)\.")
_MEANWHILE = "captures are listed meanwhile"


class QueueError(Exception):
    """Why a queue can't be used, in one sentence that names it and says what to do."""


class SqsClient(Protocol):
    """What is used of a boto3 SQS client."""

    receive_message: Callable[..., Any]
    delete_message_batch: Callable[..., Any]
    change_message_visibility_batch: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received: `receipt` is what it is held and deleted by, for this time alone."""

    id: str
    receipt: str
    body: str


def sqs_client(url: str, region: str | None = None, role: str | None = None) -> SqsClient:
    """A client for the queue of this URL, in the queue's own region where the URL names one.

    Raises:
        QueueError: where the settings give none.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(connect_timeout=5, read_timeout=LONG_POLL + 10, retries=retries)
    named = _REGION.match(url)
    try:
        client: SqsClient = aws_client("sqs", (named[1] or named[2]) if named else region, role, config)
    except BotoCoreError as error:
        raise QueueError(f"the queue {url} can't be asked: {aws_told(error)}; {_MEANWHILE}") from error
    return client


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue at its URL. Every method may raise `QueueError`; `visibility` is in seconds."""

    url: str
    client: SqsClient
    visibility: int = VISIBILITY

    def receive(self, wait_seconds: int = LONG_POLL) -> tuple[Message, ...]:
        """Up to ten messages; none after `wait_seconds` without one."""
        with faults(self.url):
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_BATCH,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=self.visibility,
            )
        received = answer.get("Messages", ())
        return tuple(Message(each["MessageId"], each["ReceiptHandle"], each["Body"]) for each in received)

    def delete(self, receipts: Sequence[str]) -> None:
        """Take messages off the queue. One that SQS does not let go of comes back, and is found known."""
        self._in_batches(self.client.delete_message_batch, receipts, {})

    def hold(self, receipts: Sequence[str]) -> None:
        """Keep messages from being given to anybody else for another `visibility`."""
        timeout = {"VisibilityTimeout": self.visibility}
        self._in_batches(self.client.change_message_visibility_batch, receipts, timeout)

    def _in_batches(self, call: Callable[..., Any], receipts: Sequence[str], more: dict[str, int]) -> None:
        for at in range(0, len(receipts), _BATCH):
            entries = [
                {"Id": str(index), "ReceiptHandle": receipt, **more}
                for index, receipt in enumerate(receipts[at : at + _BATCH])
            ]
            with faults(self.url):
                answer = call(QueueUrl=self.url, Entries=entries)
            for failed in answer.get("Failed", ()):
                log.info("message_not_taken", queue=self.url, code=failed.get("Code"))


_ABSENT = ("NonExistentQueue", "QueueDoesNotExist", "InvalidAddress")
_DENIED = (
    "AccessDenied",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
    "NotAuthorized",
)


@contextmanager
def faults(url: str) -> Iterator[None]:
    """Turn what boto3 raises into `QueueError`."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise QueueError(f"{_refused(code, url)}; {_MEANWHILE}") from error
    except boto.BotoCoreError as error:
        raise QueueError(f"the queue {url} can't be asked: {aws_told(error)}; {_MEANWHILE}") from error


def _refused(code: str, url: str) -> str:
    if any(word in code for word in _ABSENT):
        return f"there is no queue {url}: check notifications, its region and its account"
    if any(word in code for word in _DENIED):
        advice = "allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on it"
        return f"access to the queue {url} is denied ({code}): {advice}"
    return f"SQS answered {code or 'an error'} for the queue {url}: check it, or wait"
