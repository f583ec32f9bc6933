"""How the story went, read from the service's database."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from demo.script import Plot
from monitor.checks.names import Check
from store import executions, fleet, monitors
from store.records import Execution, ExecutionKind, Outcome, QualityPoint


@dataclass(frozen=True, slots=True)
class Summary:
    """Every key is always there, null where nothing happened. Errors are in rings."""

    seed: int
    rows_per_window: int
    shift_sd: float
    windows: int
    quiet_windows_before_drift: int
    false_alarms: int
    windows_to_detect: int | None
    """Windows from the shift to the first that drifted, 1 being the first of them."""
    drifted_features: list[str]
    champion_rmse_before: float | None
    champion_rmse_after: float | None
    retraining_runs: int | None
    outcome: str | None
    challenger_rmse: float | None
    model_package: str | None
    endpoint_config: str | None
    baseline_version: int | None
    quiet_after: bool | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def summarise(
    connection: Connection, endpoint: str, endpoint_config: str, plot: Plot, seconds: float
) -> Summary:
    """Read what the service found; the story took so many seconds."""
    row = next(row for row in fleet.overview(connection) if row.monitor.name == endpoint)
    monitor_id = row.monitor.id
    judged = executions.latest(connection, monitor_id, ExecutionKind.DATA_QUALITY)
    ordered = sorted(judged, key=lambda execution: execution.start)
    quiet = [execution for execution in ordered if execution.start < plot.shift_at]
    after = [execution for execution in ordered if execution.start >= plot.shift_at]
    drifted = [_drifted(connection, execution) for execution in after]
    quality = executions.quality_series(connection, monitor_id)
    return Summary(
        seed=plot.seed,
        rows_per_window=plot.rows,
        shift_sd=plot.shift,
        windows=len(ordered),
        quiet_windows_before_drift=sum(execution.violations == 0 for execution in quiet),
        false_alarms=sum(execution.violations > 0 for execution in quiet),
        windows_to_detect=next((at for at, names in enumerate(drifted, start=1) if names), None),
        drifted_features=list(dict.fromkeys(name for names in drifted for name in names)),
        champion_rmse_before=_pooled_rmse(quality, None, plot.shift_at),
        champion_rmse_after=_pooled_rmse(quality, plot.shift_at, None),
        retraining_runs=None,
        outcome=None,
        challenger_rmse=None,
        model_package=None,
        endpoint_config=endpoint_config,
        baseline_version=row.baseline_version,
        quiet_after=None,
        seconds=round(seconds, 1),
    )


def _drifted(connection: Connection, execution: Execution) -> list[str]:
    return [
        check.feature
        for check in executions.checks(connection, execution.id)
        if check.check == Check.DRIFT and check.outcome is Outcome.VIOLATED
    ]


def _pooled_rmse(
    points: Sequence[QualityPoint], start: datetime | None, end: datetime | None
) -> float | None:
    """The error over all labelled records of a period, from its windows' errors and counts."""
    squares, count = 0.0, 0
    for point in points:
        inside = (start is None or point.start >= start) and (end is None or point.start < end)
        if point.metric.name == "rmse" and point.metric.value is not None and inside:
            squares += point.metric.value**2 * point.metric.count
            count += point.metric.count
    return math.sqrt(squares / count) if count else None


def windows_judged(connection: Connection, endpoint: str) -> tuple[int, int]:
    """(windows judged, windows whose quality is measured) so far."""
    monitor = monitors.by_name(connection, endpoint)
    if monitor is None:
        return 0, 0
    judged, measured = (
        executions.latest(connection, monitor.id, kind)
        for kind in (ExecutionKind.DATA_QUALITY, ExecutionKind.MODEL_QUALITY)
    )
    return len(judged), sum(execution.records > 0 for execution in measured)
