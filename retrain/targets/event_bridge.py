"""An event as the target: whoever listens trains, and writes the answer into the run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from retrain.aws_calls import is_passing
from retrain.targets.aws import calling
from retrain.targets.base import Awaited, Status, TargetError

MAX_ENTRY_BYTES = 262_144  # of PutEvents: source, detail type and detail, as UTF-8
CANCELLED = "Kedge Retraining Cancelled"
"""The detail type of the event that says that a run is not wanted any more."""
_SERVICE = "EventBridge"
_CHECK = "the bus, the region and the IAM policy"


class Client(Protocol):
    """What is used of a boto3 EventBridge client."""

    put_events: Callable[..., Any]
    describe_event_bus: Callable[..., Any]


class EventBridgeTarget:
    """Runs are events on one bus.

    An event may come twice, as any of EventBridge's: when an answer is lost it is put again, and AWS knows
    no token for it. It carries the run's name, by which a listener knows it again.
    """

    def __init__(self, client: Client, bus: str, source: str, detail_type: str) -> None:
        """Take a client, the bus's name or ARN, and what the event is called."""
        self._client = client
        self._bus = bus
        self._source = source
        self._detail_type = detail_type

    def place(self) -> None:
        """See `Target.place`: every replica sees the same folder."""

    def look(self) -> str:
        """See `Target.look`; whether a rule listens is not Kedge's to know."""
        with calling(f"find the bus {self._bus}", _SERVICE, _CHECK):
            found = self._client.describe_event_bus(Name=self._bus)
            return f"the bus {found['Name']} is there"

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; the handle is the run's name and the event's id."""
        size = sum(len(text.encode()) for text in (self._source, self._detail_type, input))
        if size > MAX_ENTRY_BYTES:
            message = (
                f"the event of run {name} has {size} bytes and EventBridge takes {MAX_ENTRY_BYTES}: "
                "give the target an input of its own with {input}, where the whole of it lies"
            )
            raise TargetError(message, retryable=False)
        what = f"put the event of run {name} on the bus {self._bus}"
        return f"{name}@{self._put(what, self._detail_type, input)}"

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        return Awaited()

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`: another event tells whoever listens."""
        name = handle.rpartition("@")[0]
        self._put(
            f"put the event that run {name} is cancelled on the bus {self._bus}",
            CANCELLED,
            json.dumps({"run": name, "reason": reason}, ensure_ascii=False),
        )

    def _put(self, what: str, detail_type: str, detail: str) -> str:
        entry = {
            "EventBusName": self._bus,
            "Source": self._source,
            "DetailType": detail_type,
            "Detail": detail,
        }
        with calling(what, _SERVICE, _CHECK):
            answer = self._client.put_events(Entries=[entry])
            (found,) = answer["Entries"]
            if answer["FailedEntryCount"]:
                raise _refused(what, found)
            return str(found["EventId"])


def _refused(what: str, entry: dict[str, Any]) -> TargetError:
    code = entry.get("ErrorCode") or "an error"
    passing = is_passing(code)
    advice = "it is tried again" if passing else f"check {_CHECK}"
    return TargetError(f"cannot {what}, {_SERVICE} answered {code}: {advice}", retryable=passing)
