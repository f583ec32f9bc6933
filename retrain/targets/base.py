"""What a target is: it starts a run's training, says how it stands, and ends it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Running:
    """It has not ended yet."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """It ended well; `output` is the JSON it answered, exactly as it wrote it."""

    output: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It ended well and has no answer of its own: that lies in the run's folder, or elsewhere."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """Nobody can be asked: that it ended, and how, is told by a file in the run's folder."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended badly: `error` is a name for programs, `cause` a sentence (it may be empty)."""

    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The target ended it for taking too long."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody ended it."""


Status = Running | Awaited | Succeeded | Unanswered | Failed | TimedOut | Cancelled


class TargetError(Exception):
    """A call to a target that did not do what was asked, in one sentence.

    Where it is `retryable` the call may have taken effect; calling again with the same name and the same
    bytes is safe and does nothing twice.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class ElsewhereError(TargetError):
    """The run is on a machine that another replica sees to: here nothing is to be done but to wait."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class Target(Protocol):
    """What can run a training. Every method may raise `TargetError`."""

    def place(self) -> str | None:
        """What tells this replica's runs from another's, where they can't see each other's; else None.

        A start that was meant for one place must not be made good in another.
        """

    def look(self) -> str:
        """See that it is there, and say what it is; nothing is started by it."""

    def start(self, name: str, input: str) -> str:
        """Start the run called `name` on this JSON and give its handle; starting twice is starting once.

        A run of that name with another input is an error. Where AWS has no means for either, the target says
        so and whoever acts on it has to see to it.
        """

    def status(self, handle: str) -> Status:
        """How the run of that handle stands."""

    def cancel(self, handle: str, reason: str) -> None:
        """Have the run end; one that has ended stays as it is."""


def same_json(one: str, other: str) -> bool:
    """Whether two texts hold the same JSON value; text that is no JSON is like nothing."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False
