"""What the labelled windows of an era show of its model's quality, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import inf, isfinite, nan
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from baselines.quality.pairs import LABEL
from baselines.quality.problem import QualityError
from config.model import Endpoint
from config.problem import ProblemType
from monitor.capture.answers import answer_columns, are_read, choices, sides
from retrain import early_readings, judging_classes, watching
from retrain.bench import Bench
from retrain.judging import SEED
from retrain.readings import FEWEST_LABELLED
from retrain.watching import Pooled
from store import ledger, series
from store.engine import reading
from store.retraining import Run
from store.series import QualityPoint

_EVER_MEASURED = "accuracy"
"""Of every labelled window of a classifier; another metric is not known where a class is missing."""
_MOST = 200
"""So many windows are looked at for records of a rare class."""


def realised(
    run: Run, bench: Bench, metric: str, deployment_id: int | None, *, newest_first: bool = False
) -> Pooled | None:
    """The metric over the windows of an era that count (`watching.first`); None where none was measured.

    Only the run's variant is looked at, and windows in each of which one model answered; the oldest count
    first, unless said otherwise. Numbers are pooled from what was measured. A metric of classes has no sum
    over windows: their labelled records are measured together, of as many windows more as it takes to have
    some of the rarest class; once, until another window is measured.
    """
    is_of_numbers = bench.endpoint.problem is ProblemType.REGRESSION
    wanted, fewest = bench.retrain.watch.windows, bench.retrain.training.judging
    era = bench.era(deployment_id or 0)
    most = watching.most(wanted, fewest)
    with reading(bench.world.engine) as connection:
        points = series.measured(
            connection,
            run.monitor_id,
            run.variant,
            era.id,
            metric if is_of_numbers else _EVER_MEASURED,
            fewest=FEWEST_LABELLED,
            limit=most if is_of_numbers else max(most, _MOST),
            since=early_readings.unmixed_since(era, bench.endpoint.window),
            newest_first=newest_first,
        )
    counted = watching.first([point.metric for point in points], wanted, fewest)
    if is_of_numbers or not counted:
        return watching.pool(metric, counted)
    newest = max(point.execution_id for point in points)

    def measure(_: object) -> dict[str, float | None]:
        with reading(bench.world.engine) as connection:
            pooled = _of_classes(connection, run, bench.endpoint, metric, points, len(counted), era.id)
        values = {} if pooled is None else asdict(pooled)
        return {name: value if value is None or isfinite(value) else None for name, value in values.items()}

    found = bench.effects.once(f"realised_{era.id}_{newest}_{len(counted)}_{metric}", dict, measure)
    return _pooled(found) if found else None


def _pooled(found: dict[str, Any]) -> Pooled:
    """As it was written down, where what is not known or has no end is null."""
    value, low, high = (found[name] for name in ("value", "low", "high"))
    return Pooled(
        nan if value is None else value,
        -inf if low is None else low,
        inf if high is None else high,
        found["count"],
        found["windows"],
        found["members"],
    )


def _of_classes(
    connection: Connection,
    run: Run,
    endpoint: Endpoint,
    metric: str,
    points: Sequence[QualityPoint],
    counted: int,
    deployment_id: int,
) -> Pooled | None:
    """Of the first `counted` windows, and of others while a class that the metric is of is rare in them."""
    parts: list[pl.DataFrame] = []
    for number, point in enumerate(points, start=1):
        found = ledger.labelled(connection, run.monitor_id, point.start, run.variant, deployment_id)
        both = sides(found, endpoint)
        known = are_read(both, (LABEL, *answer_columns(endpoint)), endpoint)
        parts.append(both.with_columns(found["join_hash"]).filter(known))
        if number < counted:
            continue
        whole = pl.concat(parts)
        try:
            answered = choices(whole, endpoint)
        except QualityError:
            return None  # whoever observes tells it
        if judging_classes.members(answered, metric) >= FEWEST_LABELLED or number == len(points):
            requests = whole["join_hash"].to_numpy().astype(np.str_)
            level = judging_classes.level(answered, metric, SEED, requests)
            return Pooled(level.value, level.low, level.high, answered.size, number, level.members)
    return None
