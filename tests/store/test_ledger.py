"""The ledger takes whole columns: what comes out is what went in, on both databases alike."""

from __future__ import annotations

import math
import time

import polars as pl
import pytest
from sqlalchemy import Engine, select

from store import captures, ledger
from store.engine import StoreError, writing
from store.records import ObjectKind
from store.schema import predictions
from tests.clock import HOUR, NOON
from tests.store import world

MANY = 200_000


def _rows(count: int, deployment_id: int) -> pl.DataFrame:
    return pl.select(
        pl.int_range(count).cast(pl.String).str.zfill(32).alias("join_hash"),
        pl.lit(0, pl.Int64).alias("row"),
        pl.lit(NOON, ledger.PREDICTIONS["window_start"]).alias("window_start"),
        pl.lit(world.VARIANT).alias("variant"),
        pl.lit(deployment_id).alias("deployment_id"),
        pl.int_range(count).cast(pl.Float64).alias("prediction"),
    )


def test_what_is_written_is_what_is_read(database: Engine) -> None:
    odd = [1e308, -0.1, math.inf, math.nan, None, 5e-324]
    with world.began(database) as (connection, monitor, deployment):
        rows: list[world.PredictionRow] = [
            (f'h"{at},\n', at, NOON + at * HOUR, "", deployment.id, value) for at, value in enumerate(odd)
        ]
        world.capture(connection, monitor, "a", predictions=rows)
        columns = [predictions.c[name] for name in ledger.PREDICTIONS]
        read = connection.execute(select(*columns).order_by(predictions.c.row)).all()
    assert [tuple(row) for row in read] == [
        (*row[:5], None if row[5] is None or math.isnan(row[5]) else row[5]) for row in rows
    ]


def test_what_the_tables_refuse_is_no_silent_loss(database: Engine) -> None:
    long = [("x" * 33, 0, NOON, "y" * 500, 1, 1.0)]
    with world.began(database) as (connection, monitor, _):
        frame = pl.DataFrame(long, schema=ledger.PREDICTIONS, orient="row")
        with pytest.raises(Exception, match=r"(?i)foreign key|too long|row"):
            ledger.add_predictions(
                connection, monitor.id, 10**9, frame.with_columns(row=pl.lit(None, pl.Int64))
            )
        connection.rollback()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # a file has no connection to lose
def test_a_lost_connection_is_told_as_any_other(database: Engine) -> None:
    def write() -> None:
        with world.began(database) as (connection, monitor, _):
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.close()
            ledger.add_predictions(connection, monitor.id, 1, _rows(1, 1))

    with pytest.raises(StoreError, match="did not answer"):
        write()


def test_many_predictions_are_written_and_matched_in_seconds(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "a", world.segment(deployment))
        began = time.process_time()
        captures.replace(
            connection,
            monitor.id,
            world.consumed("b"),
            predictions_given=_rows(MANY, deployment.id),
            now=NOON,
        )
        assert time.process_time() - began < 15
    with writing(database) as connection:
        labels = _rows(MANY, deployment.id).select("join_hash", "row", pl.col("prediction").alias("label"))
        captures.replace(
            connection,
            monitor.id,
            world.consumed("labels", kind=ObjectKind.GROUND_TRUTH),
            labels_given=labels,
            now=NOON,
        )
        found = ledger.labelled(connection, monitor.id, NOON, world.VARIANT, deployment.id)
    assert found.height == MANY
    assert (found["prediction"] == found["label"]).all()
    assert found["join_hash"].is_sorted()
