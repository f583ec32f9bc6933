"""Business time, by which windows open and close; injected, so that days can be played in a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

VARIABLE = "KEDGE_CLOCK"


class ClockError(Exception):
    """The clock can't be read, in one sentence."""


class Clock(Protocol):
    """Whatever knows the business time."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FileClock:
    """Reads the time from a file that somebody else replaces atomically; an ISO 8601 time with an offset."""

    path: Path

    def now(self) -> datetime:
        """The time that stands in the file now, in UTC.

        Raises:
            ClockError: where the file can't be read or holds no time with an offset.
        """
        try:
            time = datetime.fromisoformat(self.path.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ClockError(
                f"{self.path}: the clock's file can't be read ({error.strerror}); "
                f"write a time into it or unset {VARIABLE}"
            ) from None
        except ValueError:
            raise ClockError(f"{self.path}: holds no time; write one such as 2026-01-31T12:00:00Z") from None
        if time.tzinfo is None:
            raise ClockError(f"{self.path}: the time has no offset; end it with Z for UTC")
        try:
            return time.astimezone(UTC)
        except OverflowError:
            raise ClockError(
                f"{self.path}: the time lies outside the calendar in UTC; write another"
            ) from None


def clock_from_environment(environment: Mapping[str, str]) -> Clock:
    """The clock in the file that ``KEDGE_CLOCK`` names, or the machine's where it names none."""
    path = environment.get(VARIABLE)
    return FileClock(Path(path)) if path else SystemClock()
