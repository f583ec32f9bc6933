"""The ledger of predictions and the labels that come for them: whole columns in, whole columns out."""

from __future__ import annotations

from datetime import datetime

import polars as pl
from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select
from sqlalchemy.exc import DBAPIError

from store import windows
from store.schema import labels, objects, predictions

PREDICTIONS = pl.Schema(
    {
        "join_hash": pl.String(),
        "row": pl.Int64(),
        "window_start": pl.Datetime("us", "UTC"),
        "variant": pl.String(),
        "deployment_id": pl.Int64(),
        "prediction": pl.Float64(),
    }
)
"""A prediction by what its label will be joined by (join hash, row in the request), and its window."""
ANSWERS = pl.Schema({"answer": pl.String(), "probability": pl.Float64()})
"""What a classifier's prediction may have besides: the class where it is no number, and a probability."""
LABELS = pl.Schema({"join_hash": pl.String(), "row": pl.Int64(), "label": pl.Float64()})
"""A label by what it is joined by; null where the label is missing."""
TRUTHS = pl.Schema({"truth": pl.String()})
"""What a label may have besides: the class where it is no number."""
_LABELLED = pl.Schema(
    {
        "join_hash": pl.String(),
        "row": pl.Int64(),
        "window_start": pl.Datetime("us", "UTC"),
        "prediction": pl.Float64(),
        "label": pl.Float64(),
        **ANSWERS,
        **TRUTHS,
    }
)

_AT_ONCE = 100_000
"""Rows that are made for the driver at a time, so that memory stays flat."""


def add_predictions(connection: Connection, monitor_id: int, object_id: int, given: pl.DataFrame) -> None:
    """Add an object's predictions (columns of PREDICTIONS, and where there are classes of ANSWERS)."""
    _insert(connection, predictions, _owned(given, PREDICTIONS, ANSWERS, monitor_id, object_id))


def add_labels(connection: Connection, monitor_id: int, object_id: int, given: pl.DataFrame) -> None:
    """Add an object's labels (columns of LABELS, and where there are classes of TRUTHS).

    The windows that they label are to be measured.
    """
    _insert(connection, labels, _owned(given, LABELS, TRUTHS, monitor_id, object_id))
    mark_labelled(connection, monitor_id, object_id)


def _owned(
    given: pl.DataFrame, schema: pl.Schema, besides: pl.Schema, monitor_id: int, object_id: int
) -> pl.DataFrame:
    """The rows with whose they are; a number that is none is null, as in every other table."""
    own = (pl.lit(object_id).alias("object_id"), pl.lit(monitor_id).alias("monitor_id"))
    every = pl.Schema({**schema, **{name: besides[name] for name in besides if name in given.columns}})
    return given.cast(every).select(*own, *every).with_columns(pl.col(pl.Float64).fill_nan(None))


def _insert(connection: Connection, table: Table, rows: pl.DataFrame) -> None:
    """Insert without a step for each row: COPY on PostgreSQL, one prepared statement on SQLite."""
    names = ", ".join(f'"{name}"' for name in rows.columns)
    for part in rows.iter_slices(_AT_ONCE):
        if connection.dialect.name == "postgresql":
            _copy(connection, f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)", part)
        else:
            # as SQLAlchemy writes times for SQLite
            plain = part.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%d %H:%M:%S%.6f"))
            marks = ", ".join("?" * part.width)
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", plain.rows())  # noqa: S608 (names of the schema)


def _copy(connection: Connection, statement: str, rows: pl.DataFrame) -> None:
    failed = connection.dialect.loaded_dbapi.Error
    try:
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
            copy.write(rows.write_csv(include_header=False))
    except failed as error:  # SQLAlchemy wraps what its own calls raise alone
        raise DBAPIError.instance(statement, None, error, failed, hide_parameters=True) from error


def mark_labelled(connection: Connection, monitor_id: int, object_id: int) -> None:
    """The windows in which the inferences were made that this object labels."""
    joined = and_(
        labels.c.object_id == object_id,
        # not the constant: without statistics SQLite would begin with every prediction of the monitor
        predictions.c.monitor_id == labels.c.monitor_id,
        predictions.c.join_hash == labels.c.join_hash,
        predictions.c.row == labels.c.row,
    )
    key = (predictions.c.window_start, predictions.c.variant, predictions.c.deployment_id)
    hit = connection.execute(select(*key).where(joined).distinct())
    windows.labelled(connection, monitor_id, [tuple(row) for row in hit])


def labelled(
    connection: Connection, monitor_id: int, start: datetime, variant: str, deployment_id: int
) -> pl.DataFrame:
    """A window's labelled records, in the order of "join_hash" and "row", with "prediction" and "label".

    A class that is no number stands in "answer" or "truth" instead, what is known of it in "probability".
    Of several labels for one record the one in the last key counts, of several answers the first counted.
    """
    period = predictions.c.window_start == start
    return _labelled(connection, monitor_id, period, variant, deployment_id).drop("window_start", "ways")


def labelled_between(
    connection: Connection, monitor_id: int, start: datetime, end: datetime, variant: str, deployment_id: int
) -> pl.DataFrame:
    """The same of all windows that begin in [start, end), with "window_start" (UTC).

    A record that lies in two windows is in the first of them. One that was answered in two ways under one id
    is left out: nobody can tell of which request its label is.
    """
    period = and_(predictions.c.window_start >= start, predictions.c.window_start < end)
    found = _labelled(connection, monitor_id, period, variant, deployment_id)
    return found.filter(pl.col("ways") <= 1).drop("ways")


def _labelled(
    connection: Connection, monitor_id: int, period: ColumnElement[bool], variant: str, deployment_id: int
) -> pl.DataFrame:
    """The labelled records of a period, with "ways": how many answers there are under one id.

    Of them the first counted is taken, of the first window; a request without an answer is none.
    """
    # first the windows' predictions, then their labels: without statistics a planner may go the long way
    mine = (
        select(
            predictions.c.id,
            predictions.c.monitor_id,
            predictions.c.join_hash,
            predictions.c.row,
            predictions.c.window_start,
            predictions.c.prediction,
            predictions.c.answer,
            predictions.c.probability,
        )
        .where(
            predictions.c.monitor_id == monitor_id,
            period,
            predictions.c.variant == variant,
            predictions.c.deployment_id == deployment_id,
        )
        .cte("mine")
        .prefix_with("MATERIALIZED")
    )
    theirs = and_(
        labels.c.monitor_id == mine.c.monitor_id,
        labels.c.join_hash == mine.c.join_hash,
        labels.c.row == mine.c.row,
    )
    is_answered = or_(
        mine.c.prediction.is_not(None), mine.c.answer.is_not(None), mine.c.probability.is_not(None)
    )
    rows = connection.execute(
        select(
            mine.c.join_hash,
            mine.c.row,
            mine.c.window_start,
            mine.c.prediction,
            labels.c.label,
            mine.c.answer,
            mine.c.probability,
            labels.c.truth,
        )
        .join(labels, theirs)
        .join(objects, objects.c.id == labels.c.object_id)
        .order_by(objects.c.key, labels.c.id, is_answered, mine.c.window_start.desc(), mine.c.id.desc())
    )
    found = pl.DataFrame(list(map(tuple, rows)), schema=_LABELLED, orient="row")
    record = ["join_hash", "row"]
    answer = ("prediction", "answer", "probability")
    known = pl.any_horizontal(pl.col(*answer).is_not_null())
    ways = pl.struct(*answer).filter(known).n_unique().over(record).alias("ways")
    return found.with_columns(ways).unique(record, keep="last", maintain_order=True).sort(record)
