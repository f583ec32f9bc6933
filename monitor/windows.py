"""Windows and eras, as pure functions of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from store.records import Deployment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The first era begins here: whatever was captured before Kedge came belongs to it."""
AHEAD = timedelta(days=1)
"""An inference can't lie further in the future than a clock goes wrong."""


def inference_times(now: datetime) -> tuple[datetime, datetime]:
    """The first and the last time that an inference can have."""
    return EPOCH, now + AHEAD


def window_start(at: datetime, length: timedelta) -> datetime:
    """The start of the window that holds a moment; `length` divides a day.

    >>> window_start(datetime(2026, 5, 1, 10, 59, tzinfo=UTC), timedelta(minutes=15)).isoformat()
    '2026-05-01T10:45:00+00:00'
    """
    return at - (at - EPOCH) % length


def place_in_time(records: pl.DataFrame, length: timedelta, eras: Sequence[Deployment]) -> pl.DataFrame:
    """The frame with "@window" (UTC) and "@era" (deployment id) for each record, by its "@time".

    `eras` are in the order of time; what is older than all of them belongs to the first.
    """
    starts = pl.DataFrame(
        {"@began": [era.started_at for era in eras], "@era": [era.id for era in eras]},
        schema={"@began": pl.Datetime("us", "UTC"), "@era": pl.Int64},
    )
    placed = records.with_columns(
        pl.col("@time").dt.truncate(f"{int(length.total_seconds())}s").alias("@window")
    )
    order = placed.with_row_index("@place").sort("@time", maintain_order=True)
    joined = order.join_asof(
        starts, left_on="@time", right_on="@began", strategy="backward", check_sortedness=False
    )
    # an inference time is a stranger's word: one before every era falls to the first, as in `era_of`
    first = pl.lit(eras[0].id, pl.Int64)
    return joined.with_columns(pl.col("@era").fill_null(first)).sort("@place").drop("@place", "@began")


def era_of(at: datetime, eras: Sequence[Deployment]) -> Deployment:
    """The era in force at a moment; `eras` are in the order of time."""
    return next((era for era in reversed(eras) if era.started_at <= at), eras[0])
