"""Metrics of numbers: of residuals, which are answers less labels, and of the labels, along the last axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from baselines.quality.pairs import Floats


def mae(residuals: Floats, labels: Floats) -> Floats:
    """Mean absolute error."""
    with np.errstate(over="ignore"):  # what is too large for a number is infinite
        return np.asarray(np.mean(np.abs(residuals), axis=-1))


def mse(residuals: Floats, labels: Floats) -> Floats:
    """Mean squared error."""
    with np.errstate(over="ignore"):
        return np.asarray(np.mean(residuals**2, axis=-1))


def rmse(residuals: Floats, labels: Floats) -> Floats:
    """Root mean squared error."""
    return np.asarray(np.sqrt(mse(residuals, labels)))


def r2(residuals: Floats, labels: Floats) -> Floats:
    """1 − Σ residual² / Σ (label − mean)²; NaN where all labels are the same."""
    differ = labels.max(axis=-1) > labels.min(axis=-1)  # the spread of equal labels is seldom exactly 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        spread = np.sum((labels - labels.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
        return np.asarray(np.where(differ, 1 - np.sum(residuals**2, axis=-1) / spread, np.nan))


REGRESSION: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "mae": mae,
    "mse": mse,
    "rmse": rmse,
    "r2": r2,
}
"""The metrics of a regression, in the order of Model Monitor's files."""
