"""What an examination of an endpoint finds, check by check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended. A note is fine, and worth knowing; what is skipped could not be looked at."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was seen, and what to change where it is wrong; never a captured value."""

    check: str
    state: State
    said: str
    change: str | None = None


def fine(check: str, said: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, said)


def noted(check: str, said: str, change: str | None = None) -> Finding:
    """Fine, and worth knowing."""
    return Finding(check, State.NOTE, said, change)


def wrong(check: str, said: str, change: str) -> Finding:
    """Something is to be changed."""
    return Finding(check, State.WRONG, said, change)


def skipped(check: str, said: str) -> Finding:
    """The check could not be made, or is not asked for."""
    return Finding(check, State.SKIPPED, said)


def refused(check: str, error: Exception) -> Finding:
    """What an error tells in a sentence whose advice stands behind the first colon outside of brackets."""
    sentence, depth = str(error), 0
    for at, character in enumerate(sentence):
        depth += (character == "(") - (character == ")")
        if depth <= 0 and sentence.startswith(": ", at):
            return wrong(check, sentence[:at], sentence[at + 2 :])
    return wrong(check, sentence, "see the message")
