"""Step functions: the empirical distribution that a sketch stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.profile.kll import Sketch
from config.distance import Distance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepCdf:
    """`values` ascending and distinct, `weights` of each; `total` is the number of records they stand for."""

    values: Floats
    weights: Floats

    @property
    def total(self) -> float:
        """The records that the steps stand for."""
        return float(self.weights.sum())

    def at(self, points: Floats) -> Floats:
        """The share of records at or below each point."""
        cumulative = np.concatenate(([0.0], np.cumsum(self.weights)))
        return np.asarray(cumulative[np.searchsorted(self.values, points, side="right")] / self.total)


def step_cdf(sketch: Sketch, mode: Distance) -> StepCdf:
    """The steps of a sketch.

    `correct` gives each value the weight of all its items. `compat` repeats awslabs/deequ#392, which Model
    Monitor still has: a value that occurs more than once keeps one weight only, that of its highest level,
    so that n counts distinct values and a change of frequency alone is invisible.

    >>> import numpy as np
    >>> sketch = Sketch.empty().extend(np.array([1.0, 1.0, 1.0, 2.0]))
    >>> step_cdf(sketch, Distance.CORRECT).at(np.array([1.0])).tolist()
    [0.75]
    >>> step_cdf(sketch, Distance.COMPAT).at(np.array([1.0])).tolist()
    [0.5]
    """
    values, weights = sketch.items()
    distinct, first = np.unique(values, return_index=True)
    if distinct.size == 0:
        return StepCdf(distinct, np.zeros(0))
    combine = np.add if mode is Distance.CORRECT else np.maximum
    return StepCdf(distinct, np.asarray(combine.reduceat(weights.astype(np.float64), first)))
