"""What a workflow scored: its predictions, a row for each row it was given, and the truth about them."""

from __future__ import annotations

import io

import polars as pl

from baselines.quality import classes
from baselines.quality.pairs import PREDICTION, PROBABILITY
from config.model import Endpoint
from config.problem import ProblemType
from monitor.capture.answers import answer_columns, column_in_file
from retrain.bench import Bench, RunFailedError
from retrain.captured import Chosen, Truth, fresh_truth
from retrain.handed import folder
from store.engine import reading
from store.retraining import Run, RunReason


def answers(bench: Bench, uri: str, *, whole: bool = True) -> pl.DataFrame:
    """What a model answered, out of a CSV: the `answer_columns`, classes as they stand there, else Float64.

    Raises:
        RunFailedError: where it is no such CSV, or (where it is to be `whole`) rows lack an answer.
    """
    data, endpoint = bench.read_named(uri, RunReason.BAD_OUTPUT), bench.endpoint
    wanted = {side: column_in_file(side, endpoint) for side in answer_columns(endpoint)}
    try:
        table = pl.read_csv(io.BytesIO(data), infer_schema=False)
        found = table.select(_cast(side, name, endpoint) for side, name in wanted.items())
    except (pl.exceptions.PolarsError, ValueError) as error:
        named = " and ".join(
            f"a column of {'classes' if _is_class(side, endpoint) else 'numbers'} called {name}"
            for side, name in wanted.items()
        )
        raise RunFailedError(
            RunReason.BAD_OUTPUT, f"{uri} is no CSV with {named} ({type(error).__name__})"
        ) from error
    for side, name in wanted.items():
        if whole:
            _require_values(found[side], name, uri)
    return found


def _require_values(column: pl.Series, name: str, uri: str) -> None:
    """Raise RunFailedError where rows hold none, or none of the kind, with the first of them."""
    faults = [(column.is_null(), f"no {name}", "score every row")]
    if column.dtype.is_numeric():
        told = f"a {name} that is no finite number"
        faults.append((column.is_finite().not_(), told, "see what the model makes of them"))
    if column.name == PROBABILITY:
        told = f"a {name} outside of 0 to 1"
        faults.append((column.is_between(0, 1).not_(), told, "write a probability, no margin and no percent"))
    for rows, what, advice in faults:
        if rows.any():
            first = rows.arg_true()[0] + 1
            told = f"{uri} has {what} in {rows.sum()} of {rows.len()} rows, first in row {first}: {advice}"
            raise RunFailedError(RunReason.BAD_OUTPUT, told)


def _is_class(side: str, endpoint: Endpoint) -> bool:
    return side == PREDICTION and endpoint.problem is not ProblemType.REGRESSION


def _cast(side: str, name: str, endpoint: Endpoint) -> pl.Expr:
    column = pl.col(name)
    if _is_class(side, endpoint):  # a new baseline has a class as the model spells it
        return pl.when(classes.name(column).is_not_null()).then(column).alias(side)
    return column.cast(pl.Float64).alias(side)


def fresh_labels(run: Run, bench: Bench) -> Truth:
    """The judging window's labels and the champion's answers, as they are known now."""
    assert run.judged_start is not None  # noqa: S101 (set before the target was started)
    assert run.judged_end is not None  # noqa: S101
    ids = bench.read(f"{folder(run)}/judging_ids.csv")
    with reading(bench.world.engine) as connection:
        return fresh_truth(
            connection,
            Chosen(run.monitor_id, run.variant, run.deployment_id, run.judged_start, run.judged_end),
            ids,
            bench.endpoint,
        )
