"""A small real trainer: least squares on a CSV, in a tar of its own."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence

import numpy as np
import polars as pl

from retrain.workflows.worker import Trained


class Linear:
    """Fits label = features · weights + constant; the archive holds the columns and the weights."""

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        table = pl.read_csv(io.BytesIO(csv))
        inputs, truth = _with_one(table.select(features)), table[label].to_numpy()
        weights = np.linalg.lstsq(inputs, truth, rcond=None)[0]
        rmse = float(np.sqrt(np.mean((inputs @ weights - truth) ** 2)))
        model = pl.DataFrame({"column": [*features, ""], "weight": weights}).write_csv().encode()
        evaluation = {"regression_metrics": {"rmse": {"value": rmse, "standard_deviation": "NaN"}}}
        return Trained(_packed(model), "registry/linear:1", evaluation)

    def score(self, archive: bytes, csv: bytes) -> Sequence[float]:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.extractfile("model.csv")
            assert member is not None
            model = pl.read_csv(member.read(), schema={"column": pl.String, "weight": pl.Float64})
        columns = [name for name in model["column"].to_list() if name]
        table = pl.read_csv(io.BytesIO(csv)).select(columns)
        scores: list[float] = (_with_one(table) @ model["weight"].to_numpy()).tolist()
        return scores


def _with_one(table: pl.DataFrame) -> np.ndarray:
    return np.column_stack([table.to_numpy(), np.ones(table.height)])


def _packed(model: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("model.csv")
        info.size = len(model)
        tar.addfile(info, io.BytesIO(model))
    return packed.getvalue()
