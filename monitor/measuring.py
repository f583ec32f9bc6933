"""Measuring a window's realised quality: read what is labelled, measure it, and store what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from baselines.quality import violations as violations_file
from baselines.quality.analysis import CONSTRAINTS, STATISTICS, VIOLATIONS, Analysis, analyze
from baselines.quality.constraints import QualityConstraints
from baselines.quality.problem import QualityError
from baselines.quality.violations import Checked, Violation, camel_case
from config.distance import Distance
from config.model import Endpoint
from config.problem import ProblemType
from monitor import quality, quality_loss
from monitor.capture.answers import choices, sides
from monitor.violations import completion_message
from store import executions, ledger, windows
from store.records import (
    CheckRow,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    MetricRow,
    NewExecution,
    Outcome,
    Window,
)

FEWEST: Final = 20
"""Labelled records below which a quality is no verdict."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the labels of a window say: metrics, the quality baseline's checks, and a sentence on both.

    `is_faulty` where there are answers and labels, and they don't fit the kind of model.
    """

    labelled: int
    message: str
    metrics: tuple[MetricRow, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    is_faulty: bool = False


def fit(bounds: QualityConstraints, endpoint: Endpoint) -> None:
    """Raises QualityError where a quality baseline is of another kind of model than the endpoint's."""
    if bounds.problem is not endpoint.problem:
        raise QualityError(
            f"endpoint {endpoint.name} has the problem_type {endpoint.problem} and its quality_baseline is "
            f"of a {bounds.problem}: give the baseline of this model"
        )


def labelled(connection: Connection, window: Window) -> pl.DataFrame:
    """The window's labelled records, in an order that does not depend on when they came."""
    return ledger.labelled(connection, window.monitor_id, window.start, window.variant, window.deployment_id)


def measure(
    found: pl.DataFrame, window: Window, endpoint: Endpoint, bounds: QualityConstraints | None = None
) -> Measurement:
    """The metrics of what is labelled, held against bounds; the same records have the same intervals."""
    told = f"{found.height} of {window.records} records are labelled."
    try:
        metrics = _metrics(found, _seed(window), endpoint)
        checks = () if bounds is None or not metrics else _checks(found, window, endpoint, bounds)
    except QualityError as error:
        said = f"{told} Their quality can't be told: {error}."
        return Measurement(found.height, said, is_faulty=True)
    violations = sum(row.outcome is Outcome.VIOLATED for row in checks)
    if bounds is not None and metrics:
        told = f"{told} {completion_message(violations)}"
    return Measurement(found.height, told, metrics, checks)


def _seed(window: Window | Execution) -> int:
    return abs(int(window.start.timestamp()))


def _metrics(found: pl.DataFrame, seed: int, endpoint: Endpoint) -> tuple[MetricRow, ...]:
    problem = endpoint.problem
    if problem is ProblemType.REGRESSION:
        return quality.regression(found["prediction"].to_numpy(), found["label"].to_numpy(), seed=seed)
    pairs = choices(sides(found, endpoint), endpoint)
    return quality.classification(pairs, problem, seed)


def _analysis(
    found: pl.DataFrame,
    judged: Window | Execution,
    endpoint: Endpoint,
    bounds: QualityConstraints | None = None,
    at: datetime | None = None,
) -> Analysis:
    return analyze(
        sides(found, endpoint),
        endpoint.problem,
        threshold=endpoint.probability_threshold,
        positive=endpoint.positive_class,
        constraints=bounds,
        compat=endpoint.distance is Distance.COMPAT,
        evaluation_time=at,
        seed=_seed(judged),
    )


def _checks(
    found: pl.DataFrame, window: Window, endpoint: Endpoint, bounds: QualityConstraints
) -> tuple[CheckRow, ...]:
    analysis = _analysis(found, window, endpoint, bounds)
    compared = analysis.statistics.item_count or 0
    enough = compared >= FEWEST or endpoint.distance is Distance.COMPAT
    return tuple(_row(each, compared, enough) for each in analysis.checks)


def _row(checked: Checked, compared: int, enough: bool) -> CheckRow:
    """A check as it is stored: named by its metric, violated in Model Monitor's words."""
    value, bound = checked.measured.value, checked.bound
    if not np.isfinite(value):
        outcome, told = Outcome.NOT_APPLICABLE, f"{checked.metric} is not known of these labels and answers."
    elif not enough:
        outcome = Outcome.INSUFFICIENT_DATA
        told = f"{compared} labelled records are too few for a verdict: {FEWEST} are wanted."
    elif checked.violated:
        outcome, told = Outcome.VIOLATED, checked.violation.description
    else:
        outcome, told = Outcome.OK, f"{checked.metric} is not beyond its threshold {bound.threshold:.6g}."
    return CheckRow(
        checked.metric,
        str(bound.operator),
        outcome,
        value if np.isfinite(value) else None,
        bound.threshold,
        told,
    )


def files(connection: Connection, execution: Execution, endpoint: Endpoint) -> dict[str, str]:
    """The three files of an execution that judged a model's quality, by name.

    What was violated is told as it was judged; the other two are measured again, while the labels are kept.
    """
    rows = executions.checks(connection, execution.id)
    violated = [
        Violation(row.check, row.detail, camel_case(row.feature))
        for row in rows
        if row.outcome is Outcome.VIOLATED
    ]
    written = {VIOLATIONS: violations_file.write(violated)}
    analysis = _again(connection, execution, endpoint)
    if analysis is None:
        return written
    measured = analysis.files()
    return {name: measured[name] for name in (STATISTICS, CONSTRAINTS)} | written


def cloudwatch(connection: Connection, execution: Execution, endpoint: Endpoint) -> dict[str, float]:
    """What CloudWatch has of an execution that judged a model's quality: Model Monitor's metrics, by name.

    They are measured again while the labels are kept; later they are those that the execution stored.
    """
    analysis = _again(connection, execution, endpoint)
    if analysis is not None:
        return analysis.statistics.cloudwatch
    rows = executions.metric_rows(connection, execution.id)
    return {row.name: row.value for row in rows if row.value is not None}


def _again(connection: Connection, execution: Execution, endpoint: Endpoint) -> Analysis | None:
    """The analysis of a judged window's labels; None where they are gone, or don't fit the kind of model."""
    window = windows.by_id(connection, execution.window_id)
    found = None if window is None else labelled(connection, window)
    if found is None or found.is_empty():
        return None
    try:
        return _analysis(found, execution, endpoint, at=execution.judged_at)
    except QualityError:
        return None


def record(
    connection: Connection, window: Window, measurement: Measurement, endpoint: Endpoint, now: datetime
) -> Execution | None:
    """Store what was measured, with the incident that follows from it.

    None when it changes nothing, or when the window changed since it was read.

    A window that changed is measured in the next round. Labels and predictions change under the lease alone,
    which the caller's transaction still holds.
    """
    if windows.by_id(connection, window.id) != window:
        return None
    windows.quality_measured(connection, window.id)
    last = executions.latest_of(connection, window.id, ExecutionKind.MODEL_QUALITY)
    if _is_known(connection, measurement, last):
        return None
    violated = any(row.outcome is Outcome.VIOLATED for row in measurement.checks)
    execution = executions.record(
        connection,
        window,
        NewExecution(
            kind=ExecutionKind.MODEL_QUALITY,
            status=ExecutionStatus.COMPLETED_WITH_VIOLATIONS if violated else ExecutionStatus.COMPLETED,
            baseline_id=None,
            distance_mode=endpoint.distance,
            records=measurement.labelled,
            rejected=0,
            message=measurement.message,
            config_digest=endpoint.digest,
            checks=measurement.checks,
            metrics=measurement.metrics,
        ),
        now,
    )
    quality_loss.follow(connection, execution, endpoint, now)
    return execution


def _is_known(connection: Connection, measurement: Measurement, last: Execution | None) -> bool:
    """Whether the last revision says the same, or where there is none, nothing was measured either."""
    if last is None:
        return not measurement.metrics and not measurement.is_faulty
    before = executions.metric_rows(connection, last.id), executions.checks(connection, last.id)
    return (*before, last.message) == (measurement.metrics, measurement.checks, measurement.message)
