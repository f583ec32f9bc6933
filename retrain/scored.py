"""What a workflow scored: its predictions, a row for each row it was given, and the truth about them."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.bench import Bench, RunFailedError
from retrain.captured import Truth, fresh_truth
from retrain.handed import folder
from store.engine import reading
from store.retraining import Run, RunReason


def predictions(bench: Bench, uri: str) -> NDArray[np.float64]:
    """The column "prediction" of a CSV; raises RunFailedError where it is none."""
    data = bench.read_named(uri, RunReason.BAD_OUTPUT)
    try:
        frame = pl.read_csv(io.BytesIO(data), infer_schema=False)
        column = frame["prediction"].cast(pl.Float64)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise RunFailedError(
            RunReason.BAD_OUTPUT,
            f"{uri} is no CSV with a column of numbers called prediction ({type(error).__name__})",
        ) from error
    if column.null_count():
        raise RunFailedError(RunReason.BAD_OUTPUT, f"{uri} has rows without a prediction: score every row")
    return column.to_numpy()


def fresh_labels(run: Run, bench: Bench) -> Truth:
    """The judging window's labels and the champion's predictions, as they are known now."""
    assert run.judged_start is not None  # noqa: S101 (set before the target was started)
    assert run.judged_end is not None  # noqa: S101
    ids = bench.read(f"{folder(run)}/judging_ids.csv")
    with reading(bench.world.engine) as connection:
        return fresh_truth(
            connection,
            monitor_id=run.monitor_id,
            variant=run.variant,
            deployment_id=run.deployment_id,
            start=run.judged_start,
            end=run.judged_end,
            ids=ids,
        )
