"""Simple: the largest gap between two distribution functions (Kolmogorov and Smirnov's D)."""

from __future__ import annotations

import numpy as np

from monitor.distances.step import StepCdf


def simple(current: StepCdf, baseline: StepCdf) -> float:
    """max |F₁ − F₂| over all stored values, in [0, 1]; NaN where either side is empty.

    >>> import numpy as np
    >>> a = StepCdf(np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    >>> b = StepCdf(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    >>> simple(a, b)
    0.5
    """
    if current.values.size == 0 or baseline.values.size == 0:
        return float("nan")
    points = np.union1d(current.values, baseline.values)
    return float(np.max(np.abs(current.at(points) - baseline.at(points))))
