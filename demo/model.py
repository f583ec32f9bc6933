"""The champion of the demo: a small network that tells an abalone's rings from its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from demo.survey import Floats


@dataclass(frozen=True, slots=True)
class Champion:
    """A trained model: the archive that goes to S3, and the same thing loaded."""

    archive: bytes
    network: Any

    def predict(self, features: npt.NDArray[np.floating[Any]]) -> Floats:
        """Rings, shape (rows,), for inputs of shape (rows, 10) in the order of `survey.INPUTS`."""
        raise NotImplementedError

    def save(self, folder: Path) -> Path:
        """Write `model.tar.gz` into `folder` and return its path."""
        raise NotImplementedError


def train(frame: pl.DataFrame, seed: int, epochs: int = 40) -> Champion:
    """Train on the animals of `frame`; the same frame, seed and epochs give the same predictions."""
    raise NotImplementedError


def load(folder: Path) -> Champion:
    """The champion whose `model.tar.gz` lies in `folder`."""
    raise NotImplementedError


def rmse(rings: Floats, predictions: Floats) -> float:
    """Root of the mean squared error, in rings."""
    return float(np.sqrt(np.mean((rings - predictions) ** 2)))
