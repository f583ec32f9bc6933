"""Where `kedge check` spends its time: processor seconds a million records, by stage, in one thread.

`python -m benchmarks.stages CAPTURE BASELINE` takes a folder of captured objects and one with a baseline,
such as `make bench` leaves in `.bench/data`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from baselines import folder
from baselines.profile.profile import Profile, profile_frame
from config.distance import Distance
from monitor.capture.decode import decode
from monitor.capture.schema import schema_of_baseline
from monitor.judge import judge
from objects import open_place

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Stages:
    """Processor seconds: of a start without work, of three stages for a million records, of judging."""

    start: float
    read: float
    decode: float
    profile: float
    judge: float


def stages(capture: Path, baseline: Path) -> Stages:
    """Measure each stage object by object; the medians, so that what else the machine does counts little."""
    known, constraints = folder.parse(folder.read_files(open_place(str(baseline))))
    schema = schema_of_baseline(constraints, str(baseline))
    taken: dict[str, list[float]] = {"read": [], "decode": [], "profile": []}
    profile = Profile.empty(schema.names)
    profiling = partial(profile_frame, text=schema.text, domains=schema.domains)
    for path in sorted(capture.iterdir()):
        data, read = timed(path.read_bytes)
        found, decoded = timed(partial(decode, data, schema, bare=True))
        records = found.records.select(schema.names)
        profile, profiled = timed(partial(profiling, records, forms=found.forms, onto=profile))
        for name, seconds in (("read", read), ("decode", decoded), ("profile", profiled)):
            taken[name].append(seconds / records.height * 1e6)
    _, judged = timed(lambda: judge(profile, known, constraints, Distance.CORRECT, len(schema.names)))
    middle = {name: median(seconds) for name, seconds in taken.items()}
    return Stages(started(), middle["read"], middle["decode"], middle["profile"], judged)


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What a piece of work gives, and the processor seconds that it takes."""
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun


def started() -> float:
    """Processor seconds until a process has imported what `kedge check` needs; the median of five."""
    program = "import monitor.comparison, commands, time; print(time.process_time())"
    found = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return median(found)


def main() -> None:
    """Print a line for each stage."""
    capture, baseline = map(Path, sys.argv[1:])
    found = stages(capture, baseline)
    print(f"start    {found.start:.2f} s")
    for name, seconds in (("read", found.read), ("decode", found.decode), ("profile", found.profile)):
        print(f"{name:8} {seconds:.2f} s a million records")
    print(f"judge    {found.judge:.2f} s")


if __name__ == "__main__":
    main()
