"""The stretch of windows that a page shows, as its address says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, BeforeValidator
from sqlalchemy import Connection

from store import executions
from store.records import Execution, ExecutionKind

CHOICES = (24, 72, 168, 720)
"""Numbers of last windows that pages offer."""
DEFAULT = 72
MOST = 2000


def _utc(value: datetime | None) -> datetime | None:
    """A time without an offset is UTC: that is what a form's field sends."""
    if value is None:
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of all calendars") from None


def _blank(value: object) -> object:
    return None if value == "" else value


Moment = Annotated[datetime | None, BeforeValidator(_blank), AfterValidator(_utc)]


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to `end` where they are given, else the last `last` windows."""

    start: datetime | None
    end: datetime | None
    last: int

    @property
    def limit(self) -> int:
        """The most windows to show."""
        return self.last if self.start is None and self.end is None else MOST

    def as_query(self) -> dict[str, str]:
        """The parameters that give this period again."""
        bounds = {"start": self.start, "end": self.end}
        given = {name: f"{value:%Y-%m-%dT%H:%M:%SZ}" for name, value in bounds.items() if value is not None}
        return given or ({} if self.last == DEFAULT else {"last": str(self.last)})


def of_query(
    start: Annotated[Moment, Query(description="first window's start; UTC where it has no offset")] = None,
    end: Annotated[Moment, Query(description="last window's end; UTC where it has no offset")] = None,
    last: Annotated[int, Query(ge=1, le=MOST, description="or that many last windows")] = DEFAULT,
) -> Period:
    """The period that an address names."""
    return Period(start, end, last)


Asked = Annotated[Period, Depends(of_query)]


def judged(
    connection: Connection, monitor_id: int, kind: ExecutionKind, period: Period
) -> tuple[Execution, ...]:
    """The last judgements of the period's windows, newest window first."""
    return executions.latest(
        connection, monitor_id, kind, start=period.start, end=period.end, limit=period.limit
    )
