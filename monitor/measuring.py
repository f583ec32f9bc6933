"""Measuring a window's realised quality: read what is labelled, measure it, and store what changed."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from config.model import Endpoint
from monitor import quality
from store import executions, ledger, windows
from store.records import Execution, ExecutionKind, ExecutionStatus, MetricRow, NewExecution, Window


def labelled(connection: Connection, window: Window) -> pl.DataFrame:
    """The window's labelled records, in an order that does not depend on when they came."""
    return ledger.labelled(connection, window.monitor_id, window.start, window.variant, window.deployment_id)


def measure(found: pl.DataFrame, window: Window) -> tuple[MetricRow, ...]:
    """The metrics of what is labelled; the same records have the same intervals."""
    seed = abs(int(window.start.timestamp()))
    return quality.regression(found["prediction"].to_numpy(), found["label"].to_numpy(), seed=seed)


def record(
    connection: Connection,
    window: Window,
    found: pl.DataFrame,
    metrics: tuple[MetricRow, ...],
    endpoint: Endpoint,
    now: datetime,
) -> Execution | None:
    """Store what was measured; None when it changes nothing, or when the window changed since it was read.

    A window that changed is measured in the next round. Labels and predictions change under the lease alone,
    which the caller's transaction still holds.
    """
    if windows.by_id(connection, window.id) != window:
        return None
    windows.quality_measured(connection, window.id)
    message = f"{found.height} of {window.records} records are labelled."
    last = executions.latest_of(connection, window.id, ExecutionKind.MODEL_QUALITY)
    before = executions.metric_rows(connection, last.id) if last else ()
    if metrics == before and (last is None or message == last.message):
        return None
    return executions.record(
        connection,
        window,
        NewExecution(
            kind=ExecutionKind.MODEL_QUALITY,
            status=ExecutionStatus.COMPLETED,
            baseline_id=None,
            distance_mode=endpoint.distance,
            records=found.height,
            rejected=0,
            message=message,
            config_digest=endpoint.digest,
            metrics=metrics,
        ),
        now,
    )
