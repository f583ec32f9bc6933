"""Captures of every shape, and what a database holds of them, to hold one engine against another."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, select

from baselines.profile import codec
from baselines.profile.profile import Profile
from store.engine import reading
from store.schema import executions, objects, predictions, rejects, segments, windows
from tests.capture.events import captured, csv_line, json_line
from tests.clock import HOUR, MINUTE
from tests.observing.yard import Record, Yard, body, capture_key, records

BAD = (
    b"no JSON at all",
    b'{"captureData":{},"eventMetadata":{"eventId":"x","inferenceTime":"2026-03-02T12:00:30Z"}}',
    csv_line("1,2,3,4", "1", event_id="wide", time="2026-03-02T12:00:10Z"),
    csv_line("0.5,F", "9.5", event_id="when", time="the day before"),
)


def as_json(given: Sequence[Record]) -> bytes:
    """The same records with JSON on both sides."""
    return captured(
        *(
            json_line(
                {"length": one.length, "sex": one.sex},
                {"rings": one.rings},
                event_id=one.event_id,
                time=one.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            for one in given
        )
    )


@dataclass(frozen=True)
class Shape:
    """One object: what its records are, and how they are written."""

    seed: int
    variant: str = "AllTraffic"
    minutes: int = 0
    """After the start."""
    spread: timedelta = MINUTE
    count: int = 30
    form: str = "csv"
    bad: int = 0

    def put(self, yard: Yard, endpoint: str, start: datetime) -> str:
        """Write the object; returns its key."""
        at = start + self.minutes * MINUTE
        given = records(self.seed, at, self.count, self.spread)
        data = (
            as_json(given) + captured(*BAD[: self.bad])
            if self.form == "json"
            else body(given, bad=BAD[: self.bad])
        )
        if self.form == "gzip":
            data = gzip.compress(data)
        if self.form == "cut":
            data = gzip.compress(data)[:-20]
        if self.form == "empty":
            data = b""
        key = capture_key(self.variant, at, f"{self.seed:04}") + (
            ".gz" if self.form in {"gzip", "cut"} else ""
        )
        return yard.put("capture", f"{endpoint}/{key}", data)


SHAPES = (
    Shape(1),
    Shape(2, form="json"),
    Shape(3, form="gzip"),
    Shape(4, bad=4),
    Shape(5, form="json", bad=2),
    Shape(6, form="cut"),
    Shape(7, form="empty"),
    Shape(8, variant="Canary"),
    Shape(9, variant="Canary", form="json"),
    Shape(10, minutes=58, spread=5 * MINUTE),  # over the hour
    Shape(11, minutes=70, count=3000, spread=20 * MINUTE),
    Shape(12, minutes=75, count=3000, spread=20 * MINUTE),
    Shape(13, minutes=-60, spread=2 * HOUR),
)


def rows(engine: Engine, table: Table, *names: str, key: bool = True) -> list[tuple[Any, ...]]:
    """The rows of a table without their own numbers, each with the key of its object where it has one."""
    columns = [table.c[name] for name in names]
    query = select(*columns)
    if key:
        query = select(objects.c.key, *columns).join(table, table.c.object_id == objects.c.id)
    with reading(engine) as connection:
        found = connection.execute(query).all()
    return sorted((tuple(row) for row in found), key=repr)


def counted(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All that a database says of the objects it counted and of the windows they gave, but for profiles."""
    window = ("window_start", "variant", "deployment_id")
    whole = ("bucket", "key", "etag", "size", "variant", "records", "rejected")
    return {
        "objects": rows(engine, objects, *whole, key=False),
        "rejects": rows(engine, rejects, "kind", "count", "examples"),
        "segments": rows(
            engine, segments, *window, "window_end", "records", "first_at", "last_at", "rejected", "columns"
        ),
        "predictions": rows(engine, predictions, *window, "join_hash", "row", "prediction"),
        "windows": rows(
            engine, windows, "start", "end", "variant", "records", "rejected", "revision", "dirty", key=False
        ),
        "executions": rows(
            engine, executions, "kind", "revision", "status", "records", "rejected", key=False
        ),
    }


def profiles(engine: Engine) -> dict[tuple[Any, ...], Profile]:
    """The merged profile of each judged window."""
    columns = (windows.c.start, windows.c.variant, windows.c.deployment_id, windows.c.profile)
    with reading(engine) as connection:
        found = connection.execute(select(*columns)).all()
    return {tuple(row[:3]): codec.decode(row[3]) for row in found if row[3] is not None}
