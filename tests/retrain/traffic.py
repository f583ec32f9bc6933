"""An endpoint whose captures and labels lie in a folder and were counted, as the service counts them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

import config.model
from monitor import ingest
from monitor.capture.columns import Schema
from monitor.digest import Recipe
from objects import Place, open_place
from retrain.captured import Captured, Chosen, Truth, captured_rows, fresh_truth, labelled
from store import retention, windows
from store.engine import reading, writing
from store.records import Deployment, Monitor
from tests.capture.events import ABC, captured, csv_line
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world

ENDPOINT, VARIANT = "abalone-prod", "AllTraffic"
SINCE = NOON - 48 * HOUR


@dataclass(frozen=True, slots=True)
class Inferred:
    """One request of one record: features `a` and `b` as they were sent, and what the champion answered."""

    name: str
    at: datetime
    a: str = "1.5"
    b: str = "2"
    answer: str = "9.0"


def inferred(count: int, start: datetime, prefix: str = "r") -> list[Inferred]:
    """So many requests, a minute apart, each with features and an answer of its own."""
    return [Inferred(f"{prefix}-{n}", start + n * MINUTE, f"{n}.5", str(n), f"{n}.25") for n in range(count)]


class Endpoint:
    """The folders, and the database that knows what lies in them."""

    def __init__(self, engine: Engine, folder: Path, schema: Schema = ABC) -> None:
        self.engine = engine
        self.schema = schema
        self.entry = config.model.Endpoint(name=ENDPOINT, capture=f"file://{folder}", prediction="p")
        self.folder = folder
        self.captures = self._place("captures")
        self.labels = self._place("labels")
        with world.began(engine) as (connection, monitor, era):
            self.monitor: Monitor = monitor
            self.eras: list[Deployment] = [era]
            assert connection

    def _place(self, name: str) -> Place:
        (self.folder / name).mkdir()
        return open_place(str(self.folder / name))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with writing(self.engine) as connection:
            yield connection

    def begin_era(self, at: datetime) -> Deployment:
        with writing(self.engine) as connection:
            self.eras.append(world.era(connection, self.monitor, at, "config-2"))
        return self.eras[-1]

    def capture(self, requests: Sequence[Inferred], name: str = "00-00-000-a", variant: str = VARIANT) -> str:
        """Write one capture file of the first request's hour; its key."""
        key = f"{ENDPOINT}/{variant}/{requests[0].at:%Y/%m/%d/%H}/{name}.jsonl"
        lines = [
            csv_line(
                f"{each.a},{each.b}", each.answer, event_id=each.name, time=f"{each.at:%Y-%m-%dT%H:%M:%SZ}"
            )
            for each in requests
        ]
        self.captures.objects.write(key, captured(*lines))
        return key

    def label(self, truth: Iterable[tuple[str, float]], name: str = "a", collected: datetime = NOON) -> None:
        """Write one file of labels: event id and label."""
        lines = (
            json.dumps(
                {
                    "groundTruthData": {"data": str(label), "encoding": "CSV"},
                    "eventMetadata": {"eventId": event_id},
                    "eventVersion": "0",
                }
            )
            for event_id, label in truth
        )
        self.labels.objects.write(f"{collected:%Y/%m/%d/%H}/{name}.jsonl", "\n".join(lines).encode())

    def ingest(self) -> None:
        """Count what is new, as the service does."""
        recipe = Recipe(self.schema, HOUR, self.eras, 0, "p")
        found = list(ingest.list_captures(self.captures, ENDPOINT, None, SINCE))
        work = ingest.Work(self.captures, recipe, NOON, limit_bytes=1 << 30)
        ingest.consume_captures(work, found, monitor_id=self.monitor.id, transaction=self.transaction)
        ingest.consume_labels(
            self.labels,
            list(ingest.list_labels(self.labels, SINCE)),
            monitor_id=self.monitor.id,
            transaction=self.transaction,
            now=NOON,
            limit_bytes=1 << 30,
        )

    def settle(self, before: datetime) -> None:
        """Judge every window, and let go of what gave those before, as the service's daily sweep does."""
        with writing(self.engine) as connection:
            period = windows.span(connection, self.monitor.id)
            for window in windows.between(connection, self.monitor.id, *period) if period else ():
                world.judge(connection, window)
            retention.forget(
                connection,
                self.monitor.id,
                segments_before=before,
                predictions_before=SINCE,
                profiles_before=SINCE,
                metrics_before=SINCE,
            )

    def rows(self, start: datetime, end: datetime, era: Deployment | None = None) -> Captured:
        chosen = Chosen(self.monitor.id, VARIANT, (era or self.eras[0]).id, start, end)
        with reading(self.engine) as connection:
            known = labelled(connection, chosen, self.entry)
        return captured_rows(self.captures, known, self.schema)

    def truth(self, start: datetime, end: datetime, ids: bytes) -> Truth:
        with reading(self.engine) as connection:
            chosen = Chosen(self.monitor.id, VARIANT, self.eras[0].id, start, end)
            return fresh_truth(connection, chosen, ids, self.entry)
