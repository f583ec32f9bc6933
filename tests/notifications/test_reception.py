"""One queue, whoever uses it: what is received is everybody's, and nothing that a message holds ends it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from config.model import Endpoint
from monitor.notifications import reception as receiving
from monitor.notifications.events import Notice, read_notice
from monitor.notifications.queue import QueueError
from monitor.notifications.reception import Reception
from tests.observing.replica import until

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/captures"
ROLES = tuple(f"arn:aws:iam::123456789012:role/{name}" for name in ("first", "second"))


class Sqs:
    """A queue in memory, which gives what lies on it once."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.deleted: list[str] = []

    def receive_message(self, **_: Any) -> dict[str, Any]:
        time.sleep(0.01)
        given = list(self.messages)[:10]
        return {
            "Messages": [
                {"MessageId": each, "ReceiptHandle": each, "Body": self.messages.pop(each)} for each in given
            ]
        }

    def delete_message_batch(self, **given: Any) -> dict[str, Any]:
        self.deleted += [entry["ReceiptHandle"] for entry in given["Entries"]]
        return {}

    def change_message_visibility_batch(self, **_: Any) -> dict[str, Any]:
        return {}


def entry(name: str, role: str | None = None) -> Endpoint:
    return Endpoint(name=name, capture="s3://logs/capture", notifications=URL, role=role)


def written(name: str, number: int = 0) -> str:
    stored = {"key": f"capture/{name}/AllTraffic/2026/05/04/12/{number}.jsonl", "size": 5, "eTag": "0" * 32}
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-05-04T12:00:00Z",
        "s3": {"bucket": {"name": "logs"}, "object": stored},
    }
    return json.dumps({"Records": [record]})


@contextmanager
def listening(
    client: Callable[[str, str | None], Any], *entries: Endpoint
) -> Iterator[tuple[Reception, Counter[str]]]:
    fates: Counter[str] = Counter()
    reception = Reception(client, lambda fate: fates.update([str(fate)]))
    reception.follow(entries)
    try:
        yield reception, fates
    finally:
        reception.stop()


def test_entries_with_roles_of_their_own_share_a_queue_and_lose_nothing() -> None:
    sqs, entries = Sqs(), (entry("a", ROLES[0]), entry("b", ROLES[1]), entry("c"))
    for number in range(40):
        sqs.messages |= {f"{each.name}{number}": written(each.name, number) for each in entries}
    with listening(lambda _url, _role: sqs, *entries) as (reception, fates):
        assert until(lambda: fates.total() == 120)
        assert [len(reception.letters(each).ids) for each in entries] == [40, 40, 40]
        assert fates == {"held": 120}
        reception.settle(entries[1], reception.letters(entries[1]))
    assert sorted(sqs.deleted) == sorted(f"b{number}" for number in range(40))


def test_where_one_entrys_role_may_not_use_the_queue_anothers_is_used() -> None:
    sqs, entries = Sqs(), (entry("a", ROLES[0]), entry("b", ROLES[1]))
    sqs.messages["m"] = written("a")

    def client(url: str, role: str | None) -> Sqs:
        if role == ROLES[0]:
            raise QueueError(f"access to the queue {url} is denied")
        return sqs

    with listening(client, *entries) as (reception, _):
        assert until(lambda: len(reception.letters(entries[0]).ids) == 1)
        assert until(lambda: not reception.is_deaf(entries[0]))
        assert reception.problem(entries[1]) is None


def test_what_can_not_be_read_costs_nothing_that_came_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(body: str) -> Notice:
        if "fault" in body:
            raise RuntimeError("a fault of Kedge's own")
        return read_notice(body)

    monkeypatch.setattr(receiving, "read_notice", read)
    sqs, mine = Sqs(), entry("a")
    sqs.messages = {"m1": written("a", 1), "m2": "a fault", "m3": written("a", 3)}
    with listening(lambda _url, _role: sqs, mine) as (reception, fates):
        assert until(lambda: fates.total() == 3)
        assert reception.letters(mine).ids == ("m1", "m3")
        assert reception.problem(mine) is None
    assert fates == {"held": 2, "malformed": 1}
    assert sqs.deleted == []
