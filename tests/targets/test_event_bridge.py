"""An event as the target: what listeners hear, and what is heard twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from retrain.targets.base import Awaited, TargetError
from retrain.targets.event_bridge import MAX_ENTRY_BYTES, EventBridgeTarget
from tests.faults import Fault, FaultyAws
from tests.targets.stands import BUS, RUN, listener

INPUT = json.dumps({"run": RUN, "output": "s3://models/é"}, ensure_ascii=False)


@pytest.fixture
def heard(faulty_aws: FaultyAws) -> Callable[[], list[dict[str, Any]]]:
    return listener(faulty_aws, BUS)


def target(aws: FaultyAws, bus: str = BUS) -> EventBridgeTarget:
    return EventBridgeTarget(aws.client("events"), bus, "kedge", "Please Train")


def test_a_listener_hears_the_run_with_its_input(
    faulty_aws: FaultyAws, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    handle = target(faulty_aws).start(RUN, INPUT)
    (event,) = heard()
    assert (event["source"], event["detail-type"], event["detail"]) == (
        "kedge",
        "Please Train",
        json.loads(INPUT),
    )
    assert handle.startswith(f"{RUN}@")
    assert target(faulty_aws).status(handle) == Awaited()


@pytest.mark.parametrize("fault", list(Fault))
def test_an_event_that_may_have_come_is_put_again_with_the_same_words(
    faulty_aws: FaultyAws, heard: Callable[[], list[dict[str, Any]]], fault: Fault
) -> None:
    faulty_aws.meets("PutEvents", fault)
    with pytest.raises(TargetError, match="cannot put the event of run kedge-abalone-1") as told:
        target(faulty_aws).start(RUN, INPUT)
    assert told.value.retryable
    target(faulty_aws).start(RUN, INPUT)
    details = [each["detail"] for each in heard()]
    assert len(details) == (2 if fault in (Fault.DROP, Fault.LATE_FAIL, Fault.CUT) else 1)
    assert all(each == json.loads(INPUT) for each in details)


def test_that_a_run_is_not_wanted_any_more_is_an_event_too(
    faulty_aws: FaultyAws, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    target(faulty_aws).cancel(f"{RUN}@1", "by hand")
    (event,) = heard()
    assert event["detail-type"] == "Kedge Retraining Cancelled"
    assert event["detail"] == {"run": RUN, "reason": "by hand"}


def test_an_event_of_the_largest_size_comes_and_a_larger_one_says_its_size(faulty_aws: FaultyAws) -> None:
    room = MAX_ENTRY_BYTES - len("kedge") - len("Please Train")
    largest = json.dumps({"a": "x" * (room - 9)})
    assert len(largest) == room
    faulty_aws.direct.client("events").create_event_bus(Name=BUS)
    target(faulty_aws).start(RUN, largest)
    with pytest.raises(TargetError, match="has 262145 bytes and EventBridge takes 262144") as told:
        target(faulty_aws).start(RUN, largest.replace("x", "xx", 1))
    assert not told.value.retryable


@pytest.mark.parametrize(
    ("code", "retryable"), [("ThrottlingException", True), ("NotAuthorizedForSource", False)]
)
def test_an_event_that_is_refused_within_the_answer_is_no_start(
    faulty_aws: FaultyAws, code: str, retryable: bool
) -> None:
    client = faulty_aws.client("events")
    # moto refuses no event that is whole: the answer's entry is made a refusal
    client.meta.events.register_last(
        "after-call.events.PutEvents",
        lambda parsed, **_: parsed.update(FailedEntryCount=1, Entries=[{"ErrorCode": code}]),
    )
    faulty_aws.direct.client("events").create_event_bus(Name=BUS)
    with pytest.raises(TargetError, match=f"EventBridge answered {code}") as told:
        EventBridgeTarget(client, BUS, "kedge", "Please Train").start(RUN, INPUT)
    assert told.value.retryable is retryable
