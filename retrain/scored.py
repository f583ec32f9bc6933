"""The predictions that a workflow wrote: one column, a row for each row it was given."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.bench import Bench, RunFailedError
from store.retraining import RunReason


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
