"""An observer in this process, at a time that the test tells it, on each kind of database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.model import Endpoint
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.rounds import Round, World
from objects import S3Client, s3_client
from store import captures, deployments, executions, incidents, monitors, windows
from store.engine import reading
from store.records import (
    CheckRow,
    Deployment,
    Execution,
    ExecutionKind,
    Incident,
    Monitor,
    RejectedObject,
    Window,
)
from tests.clock import HOUR, NOON
from tests.observing.yard import Yard


@dataclass(slots=True)
class Hands:
    """A clock that stands where it was put."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Watch:
    """A yard and an observer of it; what AWS says of the endpoints is in `in_force`."""

    yard: Yard
    engine: Engine
    clock: Hands = field(default_factory=Hands)
    in_force: InForce | None = None
    s3: S3Client | None = None

    def observer(self, replica: str = "one", **given: Any) -> Observer:
        world = World(
            self.engine,
            self.clock,
            lambda role: self.s3 or s3_client(),
            lambda _endpoint, _era: self.in_force,
            replica,
            **given,
        )
        return Observer(world)

    def round(self, endpoint: Endpoint, at: datetime | None = None) -> Round:
        """One round of a fresh process, at a time."""
        self.clock.at = at or self.clock.at
        done = self.observer().observe(endpoint)
        assert done is not None
        return done

    def fine(self, endpoint: Endpoint, at: datetime | None = None) -> Round:
        """A round in which nothing was wrong."""
        done = self.round(endpoint, at)
        assert done.problem is None, done.problem
        return done

    def monitor(self, name: str = "abalone") -> Monitor:
        with reading(self.engine) as connection:
            found = monitors.by_name(connection, name)
        assert found is not None
        return found

    def judged(
        self, kind: ExecutionKind = ExecutionKind.DATA_QUALITY, name: str = "abalone"
    ) -> list[Execution]:
        """The last revision of each window, oldest first."""
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return list(reversed(executions.latest(connection, monitor.id, kind)))

    def windows(self, name: str = "abalone") -> tuple[Window, ...]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return windows.between(connection, monitor.id, NOON - 10_000 * HOUR, NOON + 10_000 * HOUR)

    def profile(self, execution: Execution) -> bytes | None:
        with reading(self.engine) as connection:
            return windows.profile(connection, execution.window_id)

    def checks(self, execution: Execution) -> tuple[CheckRow, ...]:
        with reading(self.engine) as connection:
            return executions.checks(connection, execution.id)

    def incidents(self, name: str = "abalone") -> tuple[Incident, ...]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return incidents.history(connection, monitor.id)

    def eras(self, name: str = "abalone") -> tuple[Deployment, ...]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return deployments.eras(connection, monitor.id)

    def rejects(self, name: str = "abalone") -> dict[str, int]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return captures.reject_counts(connection, monitor.id)

    def rejected(self, name: str = "abalone") -> tuple[RejectedObject, ...]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return captures.recent_rejects(connection, monitor.id)

    def totals(self, name: str = "abalone") -> tuple[int, int]:
        monitor = self.monitor(name)
        with reading(self.engine) as connection:
            return captures.totals(connection, monitor.id)


@pytest.fixture
def watch(tmp_path: Path, database: Engine) -> Watch:
    """A folder with a baseline and an empty folder for captures."""
    yard = Yard(f"file://{tmp_path}/yard")
    yard.baseline()
    for name in ("capture", "labels", "results"):
        (tmp_path / "yard" / name).mkdir(parents=True)
    return Watch(yard, database)


@pytest.fixture
def files(watch: Watch) -> Callable[[str], list[str]]:
    """The keys in one of the yard's folders."""

    def listed(folder: str) -> list[str]:
        return [ref.key for ref in watch.yard.place(folder).objects.list("")]

    return listed
