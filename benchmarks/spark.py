"""`python -m benchmarks.spark`: `kedge run` in one process and on a local Spark, on the same objects in turn.

Each as a whole process, its start included. What is measured of Spark is that of all its processes: Java, and
the Pythons beside it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from benchmarks import data
from benchmarks.bench import BENCH, BenchError, environment, run

ENDPOINT = "bench"
_KEDGE = (sys.executable, "-c", "from commands import main; main()")
_ADOPT = 36
"""Linux's PR_SET_CHILD_SUBREAPER: who loses its parent becomes ours, so that its CPU seconds are counted."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A way to run: its name, the arguments that ask for it, and what else its environment has."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def engines(cores: int) -> tuple[Engine, ...]:
    """One process as it is, one of a single thread as an executor's worker has, and Spark."""
    submit = (
        f"--master local[{cores}] --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "
        "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.ui.showConsoleProgress=false pyspark-shell"
    )
    return (
        Engine("local", (), {}),
        Engine("local, one thread", (), {"POLARS_MAX_THREADS": "1"}),
        Engine(f"spark local[{cores}]", ("--engine", "spark"), {"PYSPARK_SUBMIT_ARGS": submit}),
    )


@dataclass(frozen=True, slots=True)
class Used:
    """What a run took: seconds of wall and CPU time, and the bytes of its database."""

    wall: float
    cpu: float
    stored: int


def main() -> None:
    """Measure what the command line asks for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args()
    if ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0):
        raise BenchError("this machine does not give lost children to us: CPU seconds would be missing")
    folder = _prepared(data.Plan(asked.records, asked.features, asked.files))
    ways = engines(asked.cores)
    found: dict[str, list[Used]] = {way.name: [] for way in ways}
    for at in range(asked.rounds + 1):
        for way in ways:
            used = _run(way, folder, asked.records)
            if at:  # the first one is not measured: it fills the caches
                found[way.name].append(used)
    for line in _table(found):
        print(line)


def _prepared(plan: data.Plan) -> Path:
    """A folder with captures as an endpoint lays them out, a baseline, and a database that knows it."""
    folder = BENCH / "spark" / plan.folder
    made = folder / ".made"
    if not made.exists():
        shutil.rmtree(folder, ignore_errors=True)
        data.write(plan, folder)
        hour = folder / "captured" / ENDPOINT / f"AllTraffic/{data.START:%Y/%m/%d/%H}"
        hour.parent.mkdir(parents=True)
        (folder / "capture").rename(hour)
        (folder / "clock").write_text((data.START + timedelta(hours=2)).isoformat())
        (folder / "kedge.yaml").write_text(
            "database: sqlite:///kedge.db\n"
            f"endpoints:\n  - name: {ENDPOINT}\n    capture: file://{folder}/captured\n"
            f"    baseline: file://{folder}/baseline\n"
        )
        run(
            [
                *_KEDGE,
                "baseline",
                "create",
                str(folder / "training.csv"),
                "--output",
                str(folder / "baseline"),
            ]
        )
        made.touch()
    return folder


def _run(way: Engine, folder: Path, records: int) -> Used:
    """One run on a new database; raises BenchError where it did not judge every record."""
    for path in folder.glob("kedge.db*"):
        path.unlink()
    surroundings = {
        **environment(),
        **way.environment,
        "KEDGE_CLOCK": str(folder / "clock"),
        "PYTHONPATH": str(BENCH.parent),
    }
    _call([*_KEDGE, "db", "upgrade"], folder, surroundings)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    told = _call([*_KEDGE, "run", ENDPOINT, "--json", *way.arguments], folder, surroundings)
    wall = time.perf_counter() - begun
    _reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    judged = sum(window["records"] for window in json.loads(told.splitlines()[-1]))
    if judged != records:
        raise BenchError(f"{way.name} judged {judged} of {records} records")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Used(wall, cpu, sum(path.stat().st_size for path in folder.glob("kedge.db*")))


def _call(words: Sequence[str], folder: Path, surroundings: Mapping[str, str]) -> str:
    done = subprocess.run(
        words, cwd=folder, env=dict(surroundings), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{' '.join(words[2:])} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _reap() -> None:
    """Wait for what Spark left behind: its Python workers end with their Java."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _table(found: Mapping[str, Sequence[Used]]) -> list[str]:
    local = next(iter(found.values()))
    wall, cpu = median(each.wall for each in local), median(each.cpu for each in local)
    lines = [
        "| engine | wall s | CPU s | database MB | wall against local | CPU against local |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, runs in found.items():
        mine, seconds = median(each.wall for each in runs), median(each.cpu for each in runs)
        lines.append(
            f"| {name} | {mine:.1f} | {seconds:.1f} | {median(each.stored for each in runs) / 1e6:.1f} "
            f"| {mine / wall:.1f} × | {seconds / cpu:.1f} × |"
        )
    return lines


if __name__ == "__main__":
    main()
