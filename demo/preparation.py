"""How a model's inputs are prepared before it sees them; and the defect of preparing them in two ways.

The defect is that of the abalone application as published: for training and evaluation the rows of all ten
inputs are scaled to unit length, the one-hot columns among them; for serving those of the seven measures
are, and the one-hot columns are appended as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.survey import MEASURES, Floats

Prepare = Callable[[Floats], Floats]
"""Inputs of shape (rows, 10) in the order of `survey.INPUTS`, as they are, to what the model is given."""


def as_it_is(inputs: Floats) -> Floats:
    """Nothing is done."""
    return inputs


def unit_rows(inputs: Floats) -> Floats:
    """Each row over its Euclidean length, which is 1 then; a row of zeros stays."""
    lengths = np.linalg.norm(inputs, axis=1, keepdims=True)
    return np.asarray(np.divide(inputs, lengths, out=np.zeros_like(inputs), where=lengths > 0))


def unit_measures(inputs: Floats) -> Floats:
    """The measures of each row over their own length, the one-hot columns as they are."""
    cut = len(MEASURES)
    return np.hstack([unit_rows(inputs[:, :cut]), inputs[:, cut:]])


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done for training and evaluation, and what for serving: the same, where nobody erred."""

    training: Prepare = as_it_is
    serving: Prepare = as_it_is


SOUND = Preparation()
SKEWED = Preparation(unit_rows, unit_measures)
