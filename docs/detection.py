"""How small a shift is found: the demo's windows, judged as the service judges them: `make detection`."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from baselines.checks.names import Check
from baselines.create import create
from baselines.profile import codec
from config.distance import Distance
from demo.endpoint import baseline_dataset
from demo.script import HOUR, Cast, Plot, cast, hours
from demo.traffic import Destination
from monitor.capture.decode import decode
from monitor.capture.schema import schema_of_baseline
from monitor.digest import Recipe, digest
from monitor.judge import judge
from monitor.windows import EPOCH
from store.records import Deployment

SEEDS = range(1, 11)
SHIFTS = (0.0, 0.3, 0.5, 1.0)
DESTINATION = Destination("bucket", "capture", "endpoint", "AllTraffic")
ERA = Deployment(1, 1, None, None, EPOCH, None, None, None)


def found(plot: Plot, played: Cast) -> tuple[int, list[int]]:
    """False alarms among the quiet windows, and for each shifted window how many features drifted."""
    profile, constraints = create(baseline_dataset(played.training, played.champion), where="baseline.csv")
    schema = schema_of_baseline(constraints, "the demo's baseline")
    recipe = Recipe(schema, HOUR, (ERA,), 0, None)
    alarms, drifted = 0, []
    for hour in hours(plot, played, lambda rows, _: played.champion.predict(rows), DESTINATION, "labels"):
        if not hour.captured:
            continue
        parts = [digest(decode(one.body, schema), "v", recipe) for one in hour.captured]
        profiles = [codec.decode(segment.profile) for part in parts for segment in part.segments]
        current = profiles[0]
        for other in profiles[1:]:
            current = current + other
        violations = judge(current, profile, constraints, Distance.CORRECT).violations
        if hour.start < plot.shift_at:
            alarms += bool(violations)
        else:
            drifted.append(sum(check.check == Check.DRIFT for check in violations))
    return alarms, drifted


def told(firsts: list[int], stories: int) -> str:
    """When the shift was found first, over the stories in which it was."""
    if not firsts:
        return "never"
    median = f"window {statistics.median(firsts):g}"
    return median if len(firsts) == stories else f"{median}, in {len(firsts)} of {stories} stories"


def rows() -> Iterator[str]:
    """The table, row by row."""
    yield "| shift (sd) | false alarms | windows with drift | first found, median | features drifted, mean |"
    yield "|---|---|---|---|---|"
    casts = {seed: cast(Plot(seed=seed)) for seed in SEEDS}
    for shift in SHIFTS:
        alarms, windows, firsts, features = 0, [], [], []
        for seed, played in casts.items():
            plot = replace(Plot(seed=seed), shift=shift)
            false, drifted = found(plot, played)
            alarms += false
            windows += drifted
            features += drifted
            firsts.append(next((at for at, count in enumerate(drifted, start=1) if count), None))
        seen = [first for first in firsts if first is not None]
        hits = sum(count > 0 for count in windows)
        yield (
            f"| {shift:g} | {alarms} of {len(casts) * Plot().quiet_windows} | {hits} of {len(windows)} "
            f"| {told(seen, len(firsts))} | {statistics.mean(features):.1f} of 11 |"
        )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for row in rows():
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
    sys.stdout.write(f"\nMeasured on {datetime.now(UTC):%Y-%m-%d}, seeds 1 to 10.\n")
