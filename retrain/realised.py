"""What the labelled windows of an era show of its model's quality, together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from sqlalchemy import Connection

from baselines.quality.pairs import LABEL
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
"""So many windows are looked at for records of a rare class …"""
_MANY = 200_000
"""… and no more of them once there are so many records."""


def realised(
    run: Run, bench: Bench, metric: str, deployment_id: int | None, *, newest_first: bool = False
) -> Pooled | None:
    """The metric over the windows of an era that count (`watching.first`); None where none was measured.

    Only the run's variant is looked at, and windows in each of which one model answered; the oldest count
    first, unless said otherwise. Numbers are pooled from what was measured. A metric of classes has no sum
    over windows: their labelled records are measured together, of as many windows more as it takes to have
    some of the rarest class; once, until another window is measured.

    Raises:
        QualityError: where labels and answers don't fit the kind of model.
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
    key = (bench.endpoint.digest, metric, len(counted), max(point.execution_id for point in points))
    known = bench.world.realised.get((run.id, era.id))
    if known is None or known[0] != key:
        with reading(bench.world.engine) as connection:
            pooled = _of_classes(connection, run, bench, metric, points, len(counted), era.id)
        known = bench.world.realised[run.id, era.id] = key, pooled
    return known[1]


def _of_classes(
    connection: Connection,
    run: Run,
    bench: Bench,
    metric: str,
    points: Sequence[QualityPoint],
    counted: int,
    deployment_id: int,
) -> Pooled | None:
    """Of the first `counted` windows, and of others while records, or those of a rare class, are few in them.

    Windows whose labels are not kept any more are passed over.
    """
    endpoint, fewest = bench.endpoint, bench.retrain.training.judging
    parts: list[pl.DataFrame] = []
    records = rarest = 0
    for point in points:
        found = ledger.labelled(connection, run.monitor_id, point.start, run.variant, deployment_id)
        both = sides(found, endpoint)
        part = both.with_columns(found["join_hash"])
        part = part.filter(are_read(both, (LABEL, *answer_columns(endpoint)), endpoint))
        if part.is_empty():
            continue
        parts.append(part)
        records += part.height
        rarest += judging_classes.members(choices(part, endpoint), metric)
        is_enough = records >= fewest and rarest >= FEWEST_LABELLED
        if len(parts) >= counted and (is_enough or records >= _MANY):
            break
    if not parts:
        return None
    whole = pl.concat(parts)
    requests = whole["join_hash"].to_numpy().astype(np.str_)
    level = judging_classes.level(choices(whole, endpoint), metric, SEED, requests)
    return Pooled(level.value, level.low, level.high, records, len(parts), level.members)
