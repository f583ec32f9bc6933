"""What the windows of an era measured, as the readings that conditions are held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from config.expressions import Metrics, Reading
from config.metrics import DRIFT_CHECK, METRICS
from retrain.chi_squared import tested_features
from store import executions
from store.records import (
    CheckRow,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    MetricRow,
    Outcome,
)

_Row = TypeVar("_Row")
FEWEST_LABELLED = 20
"""Quality measured on fewer labelled records says nothing: a bootstrap of so few is too narrow."""
LOOKED_AT = 50
"""The newest windows of an era that every decision is given at least, none between them left out."""


@dataclass(frozen=True, slots=True)
class WindowReadings:
    """A window and what was measured in it: the metrics of config.metrics, None for what was not.

    What lies in a data fault says nothing of the model: `at_fault`. Between one that is `apart` and the newer
    ones there are windows that were not labelled and are not given: only what labels tell goes on there.
    """

    start: datetime
    metrics: Metrics
    length: timedelta = timedelta(hours=1)
    at_fault: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """The rows of one window's last executions; `data` is None where its data was not judged."""

    data: Execution | None = None
    features: Mapping[str, FeatureResult] = field(default_factory=dict)
    checks: tuple[CheckRow, ...] = ()
    quality: Mapping[str, MetricRow] = field(default_factory=dict)
    reference: Mapping[str, float] = field(default_factory=dict)
    tested: frozenset[str] = frozenset()
    """The features whose drift is a test's p-value or statistic, and no distance."""


def of_windows(
    connection: Connection,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    limit: int,
    reference: Mapping[str, float],
    before: datetime | None = None,
) -> tuple[WindowReadings, ...]:
    """The readings of a variant's windows in an era, newest first, or of those that begin before a time.

    They are the newest `limit` windows and the newest `limit` labelled ones: labels may come weeks later, and
    both kinds of condition find as many windows as they ask for. Those of the labelled ones that lie behind
    the others are `apart`. `reference` is the quality (by metric) that
    ``baseline`` stands for.
    """

    def recent(kind: ExecutionKind) -> tuple[Execution, ...]:
        return executions.recent(connection, monitor_id, kind, variant, deployment_id, limit, before)

    judged, labelled = recent(ExecutionKind.DATA_QUALITY), recent(ExecutionKind.MODEL_QUALITY)
    ids = {execution.window_id for execution in (*judged, *labelled)}
    data = _latest(connection, ids, ExecutionKind.DATA_QUALITY)
    quality = _latest(connection, ids, ExecutionKind.MODEL_QUALITY)
    found = assemble(data, quality, rows_of(connection, data.values(), quality.values()), reference)
    return with_gap(found, judged[-1].start if len(judged) == limit else None)


def with_gap(windows: Iterable[WindowReadings], reach: datetime | None) -> tuple[WindowReadings, ...]:
    """The windows, those behind `reach` marked as apart; None where all that were judged are given."""
    return tuple(
        replace(window, apart=True) if reach is not None and window.start < reach else window
        for window in windows
    )


Stretch = tuple[datetime, datetime]
"""The starts of the first and the last window of a data fault."""


def with_faults(windows: Iterable[WindowReadings], faults: Sequence[Stretch]) -> tuple[WindowReadings, ...]:
    """The windows, those from the first to the last of a data fault marked as such."""
    return tuple(
        replace(window, at_fault=True)
        if any(first <= window.start <= last for first, last in faults)
        else window
        for window in windows
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """What executions measured, by execution."""

    features: Mapping[int, tuple[FeatureResult, ...]]
    checks: Mapping[int, tuple[CheckRow, ...]]
    metrics: Mapping[int, tuple[MetricRow, ...]]
    tested: Mapping[int, frozenset[str]] = field(default_factory=dict)


def rows_of(connection: Connection, data: Iterable[Execution], quality: Iterable[Execution]) -> Rows:
    """The rows of executions of either kind."""
    data = tuple(data)
    ids, labelled = [execution.id for execution in data], [execution.id for execution in quality]
    return Rows(
        executions.features_of(connection, ids),
        executions.checks_of(connection, ids),
        executions.metrics_of(connection, labelled),
        tested_features(connection, data),
    )


def assemble(
    data: Mapping[int, Execution],
    quality: Mapping[int, Execution],
    rows: Rows,
    reference: Mapping[str, float],
) -> tuple[WindowReadings, ...]:
    """The readings of windows, newest first, from one execution of each kind by window."""

    def readings(window_id: int) -> WindowReadings:
        of_data, of_quality = data.get(window_id), quality.get(window_id)
        measured = Measured(
            of_data,
            {each.feature: each for each in _rows(rows.features, of_data)},
            tuple(_rows(rows.checks, of_data)),
            {each.name: each for each in _rows(rows.metrics, of_quality)},
            reference,
            rows.tested.get(of_data.id, frozenset()) if of_data else frozenset(),
        )
        either = of_data or of_quality
        assert either is not None  # noqa: S101 (a key of one of the two)
        return WindowReadings(either.start, partial(reading, measured), either.end - either.start)

    found = map(readings, {**data, **quality})
    return tuple(sorted(found, key=lambda window: window.start, reverse=True))


def _latest(connection: Connection, windows: Iterable[int], kind: ExecutionKind) -> dict[int, Execution]:
    found = executions.of_windows(connection, list(windows), kind)
    return {execution.window_id: execution for execution in found}


def _rows(by_execution: Mapping[int, tuple[_Row, ...]], execution: Execution | None) -> tuple[_Row, ...]:
    return () if execution is None else by_execution.get(execution.id, ())


def reading(measured: Measured, metric: str, argument: str | None) -> Reading | None:
    """One metric of a window; None where it was not measured, or by too few labelled records to say.

    Raises KeyError for a name that is no metric, which kedge.yaml refuses.
    """
    if METRICS[metric].is_quality:
        return _quality(measured.quality.get(metric), measured.reference.get(metric))
    if measured.data is None or measured.data.status is ExecutionStatus.FAILED:
        return None
    value = _of_data(measured, measured.data, metric, argument)
    return None if value is None else Reading(float(value))


def _quality(row: MetricRow | None, reference: float | None) -> Reading | None:
    if row is None or row.value is None or row.low is None or row.high is None:
        return None
    if row.count < FEWEST_LABELLED:
        return None
    return Reading(row.value, row.low, row.high, baseline=reference)


def _of_data(measured: Measured, data: Execution, metric: str, argument: str | None) -> float | None:
    match metric:
        case "volume":
            return data.records
        case "rejected_share":
            sent = data.records + data.rejected
            return data.rejected / sent if sent else None
        case "violations":
            return sum(_is_violation(row, argument) for row in measured.checks)
        case "drift" if argument in measured.tested:
            # a p-value is the smaller the more has moved: held against a threshold it would say the opposite
            return None
        case "drift" | "missing":
            return _of_feature(measured.features.get(argument or ""), metric)
    compared = [row for row in measured.checks if row.check == DRIFT_CHECK and row.outcome.is_compared]
    drifted = sum(row.outcome is Outcome.VIOLATED for row in compared)
    if not compared:
        return None
    return drifted / len(compared) if metric == "drifted_features_share" else drifted


def _is_violation(row: CheckRow, check: str | None) -> bool:
    return row.outcome is Outcome.VIOLATED and check in (None, row.check)


def _of_feature(found: FeatureResult | None, metric: str) -> float | None:
    if found is None:
        return None
    if metric == "drift":
        return found.drift
    return None if found.completeness is None else 1.0 - found.completeness
