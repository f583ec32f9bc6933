"""Whose a message is, how long it is held, and when it may be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from config.model import Endpoint
from monitor.notifications.events import Notice
from monitor.notifications.inbox import Fate, Inbox, Letters
from monitor.notifications.queue import Message
from objects import ObjectRef
from tests.clock import NOON


def endpoint(name: str = "abalone", capture: str = "s3://logs/capture", **given: Any) -> Endpoint:
    return Endpoint(name=name, capture=capture, **given)


def ref(key: str, bucket: str = "logs") -> ObjectRef:
    return ObjectRef(bucket, key, "e", 1, NOON)


def arrive(inbox: Inbox, number: int, *keys: str, bucket: str = "logs", now: float = 0.0) -> Fate:
    message = Message(f"id-{number}", f"receipt-{number}-{now}", "")
    return inbox.put(message, Notice(tuple(ref(key, bucket) for key in keys)), now)


@pytest.fixture
def inbox() -> Inbox:
    made = Inbox(visibility=120, most=5)
    made.follow([endpoint(), endpoint("churn"), endpoint("jobs", batch=True), endpoint("root", "s3://other")])
    return made


@pytest.mark.parametrize(
    ("bucket", "key", "whose"),
    [
        ("logs", "capture/abalone/AllTraffic/2026/05/04/12/a.jsonl", ["abalone"]),
        ("logs", "capture/churn/x", ["churn"]),
        ("logs", "capture/churned/AllTraffic/x", []),
        ("logs", "capture/abalone", []),
        ("logs", "capture/output/2026/05/04/12/m.manifest", ["jobs"]),
        ("logs", "capture/input/2026/05/04/12/m.manifest", []),
        ("other", "root/AllTraffic/2026/05/04/12/a.jsonl", ["root"]),
        ("other", "capture/abalone/AllTraffic/a.jsonl", []),
    ],
)
def test_a_message_is_his_whose_folder_its_key_lies_in(
    inbox: Inbox, bucket: str, key: str, whose: list[str]
) -> None:
    assert arrive(inbox, 1, key, bucket=bucket) is (Fate.HELD if whose else Fate.ELSEWHERE)
    assert inbox.waiting() == frozenset(whose)
    for name in whose:
        assert [found.key for found in inbox.letters(name).objects] == [key]


def test_a_message_of_two_is_deleted_when_both_have_counted_it(inbox: Inbox) -> None:
    arrive(inbox, 1, "capture/abalone/A/x", "capture/churn/A/y")
    mine, others = inbox.letters("abalone"), inbox.letters("churn")
    assert ([found.key for found in mine.objects], [found.key for found in others.objects]) == (
        ["capture/abalone/A/x"],
        ["capture/churn/A/y"],
    )
    assert inbox.settle("abalone", mine) == ()
    assert inbox.settle("abalone", mine) == ()
    assert inbox.settle("churn", others) == ("receipt-1-0.0",)
    assert inbox.waiting() == frozenset()


def test_what_comes_again_is_deleted_by_its_last_receipt(inbox: Inbox) -> None:
    arrive(inbox, 1, "capture/abalone/A/x")
    told = inbox.letters("abalone")
    arrive(inbox, 1, "capture/abalone/A/x", now=130.0)
    assert inbox.settle("abalone", told) == ("receipt-1-130.0",)
    assert inbox.letters("abalone") == Letters()


def test_a_message_that_is_partly_malformed_is_told_and_not_deleted(inbox: Inbox) -> None:
    notice = Notice((ref("capture/abalone/A/x"),), "a record in it is not of S3")
    assert inbox.put(Message("id", "receipt", ""), notice, 0.0) is Fate.MALFORMED
    told = inbox.letters("abalone")
    assert len(told.objects) == 1
    assert inbox.settle("abalone", told) == ()


def test_beyond_what_is_held_an_endpoint_is_to_be_listed(inbox: Inbox) -> None:
    fates = [arrive(inbox, number, f"capture/abalone/A/{number}") for number in range(7)]
    assert fates == [Fate.HELD] * 5 + [Fate.OVERFLOWED] * 2
    told = inbox.letters("abalone")
    assert told.overflowed
    assert arrive(inbox, 8, "capture/churn/A/x") is Fate.HELD, "one endpoint's flood is no other's"
    assert len(inbox.settle("abalone", told)) == 5
    assert not inbox.letters("abalone").overflowed
    assert not inbox.letters("churn").overflowed


def test_messages_are_held_anew_before_their_time_is_over_but_not_for_ever(inbox: Inbox) -> None:
    arrive(inbox, 1, "capture/abalone/A/x")
    assert inbox.to_hold(30.0) == ()
    held = [at for at in range(0, 900, 20) if inbox.to_hold(float(at))]
    assert all(later - sooner < 120 for sooner, later in zip([0, *held], held, strict=False))
    told = inbox.letters("abalone")
    assert inbox.to_hold(901.0) == ()
    assert inbox.letters("abalone") == Letters()
    assert inbox.settle("abalone", told) == (), "its receipt may be another's by now"


def test_an_endpoint_that_left_holds_nothing(inbox: Inbox) -> None:
    arrive(inbox, 1, "capture/abalone/A/x", "capture/churn/A/y")
    inbox.follow([endpoint("churn")])
    assert inbox.waiting() == {"churn"}
    assert inbox.settle("churn", inbox.letters("churn")) == ("receipt-1-0.0",)
    assert arrive(inbox, 2, "capture/abalone/A/z") is Fate.ELSEWHERE
    inbox.follow([endpoint("churn"), endpoint()])
    assert inbox.letters("abalone").overflowed, "what went elsewhere meanwhile is found by listing"
    assert not inbox.letters("churn").overflowed


def test_what_comes_again_is_no_news(inbox: Inbox) -> None:
    arrive(inbox, 1, "capture/abalone/A/x")
    first = inbox.news()
    arrive(inbox, 1, "capture/abalone/A/x", now=130.0)
    inbox.to_hold(1100.0)
    arrive(inbox, 1, "capture/abalone/A/x", now=1200.0)
    assert inbox.news() == first
    for number in range(2, 7):
        arrive(inbox, number, "capture/abalone/A/x")
    overflowed = inbox.news()
    assert overflowed["abalone"] > first["abalone"]
    arrive(inbox, 7, "capture/abalone/A/x")
    assert inbox.news() == overflowed, "it is listed already"


def test_a_queue_that_is_full_of_some_endpoints_messages_still_takes_those_of_others() -> None:
    full = Inbox(visibility=120, most=10, most_in_all=20)
    full.follow([endpoint(f"e{at}") for at in range(4)])
    for number in range(20):
        assert arrive(full, number, f"capture/e{number % 2}/A/{number}") is Fate.HELD
    fates = [arrive(full, number, f"capture/e2/A/{number}") for number in range(20, 26)]
    assert fates == [Fate.HELD] * 5 + [Fate.OVERFLOWED]
    assert arrive(full, 30, "capture/e3/A/x") is Fate.HELD
    assert arrive(full, 31, "capture/e0/A/x") is Fate.OVERFLOWED
    assert not full.letters("e3").overflowed
