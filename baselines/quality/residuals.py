"""Metrics of numbers, along the last axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from baselines.quality.pairs import Floats


def mae(predictions: Floats, labels: Floats) -> Floats:
    """Mean absolute error."""
    return np.asarray(np.mean(np.abs(predictions - labels), axis=-1))


def mse(predictions: Floats, labels: Floats) -> Floats:
    """Mean squared error."""
    return np.asarray(np.mean((predictions - labels) ** 2, axis=-1))


def rmse(predictions: Floats, labels: Floats) -> Floats:
    """Root mean squared error."""
    return np.asarray(np.sqrt(mse(predictions, labels)))


def r2(predictions: Floats, labels: Floats) -> Floats:
    """1 − Σ residual² / Σ (label − mean)²; NaN where all labels are the same."""
    spread = np.sum((labels - labels.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
    differ = labels.max(axis=-1) > labels.min(axis=-1)  # the spread of equal labels is seldom exactly 0
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = np.sum((predictions - labels) ** 2, axis=-1) / spread
        return np.asarray(np.where(differ, 1 - unexplained, np.nan))


REGRESSION: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "mae": mae,
    "mse": mse,
    "rmse": rmse,
    "r2": r2,
}
"""The metrics of a regression, in the order of Model Monitor's files."""
