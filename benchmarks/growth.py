"""What one more object costs a window that holds few or many, and what judging a month again costs.

    .venv/bin/python -m benchmarks.growth --objects 1000 --records 200 --windows 720

CPU seconds and SQL statements of whole rounds, and of their parts; the first and the last rows are measured
in one run, so their ratio holds on a machine that others use.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from sqlalchemy import Engine, event

import objects
from baselines import constraints, statistics
from baselines.create import create
from baselines.folder import BaselineFiles
from baselines.versions import import_files
from benchmarks import data
from commands.logs import quiet
from config.model import Endpoint
from monitor import evidence, executions, ingest
from monitor.observer import Observer
from monitor.rejudging import past, rejudge
from monitor.rounds import LEASE, World
from store import monitors
from store.engine import open_engine, reading, writing
from store.lease import leased
from store.migrate import upgrade

ENDPOINT = "growth"
HOUR = timedelta(hours=1)
PARTS = ("round", "consume", "judge", "merge")
COUNTS = ("statements", "objects", "bytes")
FEW = 10
"""Objects that are consumed one by one at each stage."""


@dataclass(slots=True)
class Clock:
    """Stands where it was put."""

    at: datetime

    def now(self) -> datetime:
        """The business time."""
        return self.at


@dataclass(slots=True)
class Meter:
    """CPU seconds by part, SQL statements, and objects and bytes read, since it was last emptied."""

    cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its CPU seconds added to a part."""

        def timing(*given: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever the call takes and gives)
            began = time.process_time()
            try:
                return call(*given, **named)
            finally:
                self.cpu[part] += time.process_time() - began

        return timing

    def empty(self) -> None:
        """Begin anew."""
        self.cpu.clear()
        self.counts.clear()


@contextmanager
def metered(engine: Engine) -> Iterator[Meter]:
    """A meter on the parts of a round."""
    meter = Meter()

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        meter.counts["statements"] += not statement.startswith(("BEGIN", "PRAGMA"))

    whole_read = objects.FolderObjects.read_with_etag

    def read(place: objects.FolderObjects, key: str) -> tuple[bytes, str]:
        found = whole_read(place, key)
        meter.counts["objects"] += 1
        meter.counts["bytes"] += len(found[0])
        return found

    event.listen(engine, "before_cursor_execute", note)
    with ExitStack() as patched:
        for part, module, name in (
            ("consume", ingest, "consume_captures"),
            ("judge", executions, "judge_window"),
            ("merge", evidence, "gather"),
        ):
            patched.enter_context(patch.object(module, name, meter.timed(part, getattr(module, name))))
        patched.enter_context(patch.object(objects.FolderObjects, "read_with_etag", read))
        yield meter
    event.remove(engine, "before_cursor_execute", note)


@dataclass(slots=True)
class Yard:
    """A folder of captures, an observer of it, and what it costs."""

    folder: Path
    plan: data.Plan
    engine: Engine
    clock: Clock
    observer: Observer
    random: np.random.Generator

    @property
    def endpoint(self) -> Endpoint:
        """The entry: windows of an hour."""
        return Endpoint.model_validate(
            {
                "name": ENDPOINT,
                "capture": f"file://{self.folder}/capture",
                "baseline": f"file://{self.folder}/baseline",
                "window": "1h",
                "grace": "0s",
                "lateness": "1000h",
            }
        )

    def put(self, at: datetime, name: str) -> int:
        """An object whose records are of a moment; returns its bytes."""
        index = int((at - data.START).total_seconds())
        body = data.captured(self.plan, self.random, self.plan.records, index)
        path = self.folder / "capture" / ENDPOINT / f"AllTraffic/{at:%Y/%m/%d/%H/%M-%S}-{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return len(body)

    def round(self) -> None:
        """One round; raises where something was wrong."""
        done = self.observer.observe(self.endpoint)
        if done is None or done.problem:
            raise SystemExit(f"the round failed: {done}")


def prepared(folder: Path, records: int, database: str | None) -> Yard:
    """A baseline, a database with tables, and no captures."""
    plan = data.Plan(records=records, files=1, reference=20_000)
    data.write(plan, folder / "made")
    profile, suggested = create((folder / "made" / "training.csv").read_bytes(), where="training.csv")
    (folder / "baseline").mkdir()
    (folder / "baseline" / "statistics.json").write_text(statistics.write(profile))
    (folder / "baseline" / "constraints.json").write_text(constraints.write(suggested))
    engine = open_engine(database or f"sqlite:///{folder}/growth.db")
    upgrade(engine)
    clock = Clock(data.START + 2 * HOUR)
    world = World(engine, clock, lambda _: objects.s3_client(), lambda _, __: None, "growth")
    return Yard(folder, plan, engine, clock, Observer(world), np.random.default_rng(11))


def one_by_one(yard: Yard, meter: Meter, given: Sequence[tuple[datetime, str]]) -> list[Meter]:
    """Consume objects in a round each; what each cost."""
    costs = []
    for at, name in given:
        yard.put(at, name)
        meter.empty()
        meter.timed("round", yard.round)()
        costs.append(replace(meter, cpu=meter.cpu.copy(), counts=meter.counts.copy()))
    return costs


def grow(yard: Yard, count: int) -> None:
    """Objects 2 to 11 of a window, then those after the `count`th: newer ones, and late ones in between."""

    def moment(second: float) -> datetime:
        return data.START + timedelta(seconds=second)

    step = 3000 / count
    with metered(yard.engine) as meter:
        one_by_one(yard, meter, [(moment(0), "000-first")])
        early = one_by_one(yard, meter, [(moment(1 + at * step), f"001-{at:05}") for at in range(FEW)])
        for at in range(FEW + 1, count):
            yard.put(moment(1 + at * step), f"002-{at:05}")
        yard.round()
        yard.round()
        newer = one_by_one(yard, meter, [(moment(3100 + at), f"003-{at:05}") for at in range(FEW)])
        chosen = np.random.default_rng(3).uniform(10, 3000, FEW)
        late = one_by_one(yard, meter, [(moment(at), f"004-{n:05}") for n, at in enumerate(chosen)])
    print(f"\nobjects of {yard.plan.records} records in one window, a verdict after each; medians of {FEW}\n")
    print(f"| object | {' | '.join(PARTS)} | {' | '.join(COUNTS)} |")
    print("|---|" + "---:|" * (len(PARTS) + len(COUNTS)))
    _print_costs(f"2 to {FEW + 1}", early)
    _print_costs(f"{count + 1} to {count + FEW}, newer", newer)
    _print_costs(f"{count + FEW + 1} to {count + 2 * FEW}, late", late)


def _print_costs(name: str, costs: Sequence[Meter]) -> None:
    """CPU milliseconds by part, then counts."""
    parts = [median(1000 * cost.cpu[part] for cost in costs) for part in PARTS]
    counts = [median(cost.counts[what] for cost in costs) for what in COUNTS]
    print(
        "|", " | ".join([name, *(f"{each:.1f}" for each in parts), *(f"{each:.0f}" for each in counts)]), "|"
    )


def month(yard: Yard, hours: int) -> None:
    """Hourly windows, judged as they come, then held against another version."""
    begun = data.START + 10 * HOUR
    for hour in range(hours):
        for part in range(2):
            yard.put(begun + hour * HOUR + part * timedelta(minutes=20), f"000-{part}")
    yard.clock.at = begun + (hours + 1) * HOUR
    began = time.process_time()
    yard.round()
    first = time.process_time() - began
    engine, endpoint = yard.engine, yard.endpoint
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
    assert monitor is not None
    files = [
        (yard.folder / "baseline" / name).read_text() for name in ("statistics.json", "constraints.json")
    ]
    with writing(engine) as connection:
        asked = files[1].replace('"comparison_threshold": 0.1', '"comparison_threshold": 0.3')
        version = import_files(
            connection, monitor.id, BaselineFiles(files[0], asked, "another", "another"), yard.clock.at
        )
    with metered(engine) as meter:
        began, wall = time.process_time(), time.perf_counter()
        given = past(engine, monitor.id, endpoint, version.version, start=begun, end=None, now=yard.clock.at)
        with leased(engine, monitors, monitor.id, "growth", LEASE, lambda: False) as lease:
            assert lease is not None
            judged = list(rejudge(engine, lease.transaction, given, yard.clock.at))
        again, wall = time.process_time() - began, time.perf_counter() - wall
        read = meter.counts
    print(
        f"\n{len(judged)} hourly windows of {2 * yard.plan.records} records, {yard.plan.features} features\n"
    )
    print("| what | CPU s | wall s | objects read | statements |\n|---|---:|---:|---:|---:|")
    print(f"| reading the captures and judging | {first:.1f} | | {2 * hours} | |")
    counts = f"{read['objects']} | {read['statements']}"
    print(f"| held against another version | {again:.1f} | {wall:.1f} | {counts} |")


def main() -> None:
    """Measure both and print their tables."""
    parser = argparse.ArgumentParser(description="Measure what one more object costs.")
    parser.add_argument("--objects", type=int, default=1000, help="objects in the window (default 1000)")
    parser.add_argument("--records", type=int, default=200, help="records in an object (default 200)")
    parser.add_argument("--windows", type=int, default=720, help="hourly windows to judge again; 0 for none")
    parser.add_argument("--database", help="address of an empty database (default: SQLite in a folder)")
    asked = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        yard = prepared(Path(folder), asked.records, asked.database)
        grow(yard, asked.objects)
        if asked.windows:
            month(yard, asked.windows)
        yard.engine.dispose()


if __name__ == "__main__":
    main()
