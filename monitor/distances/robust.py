"""Robust: a distance less what so few records could show by chance."""

from __future__ import annotations

import math
from statistics import NormalDist

CRITICAL = 1.8
"""deequ's constant: the two-sample Kolmogorov-Smirnov critical value at α ≈ 0.003 (Knuth, TAOCP 2, 3.3.1)."""


def correction(n: float, m: float) -> float:
    """1.8·√((n + m) / (n·m)): the gap that n and m records of one distribution rarely exceed.

    >>> round(correction(200, 3342), 3)
    0.131
    """
    return CRITICAL * math.sqrt((n + m) / (n * m))


def robust(distance: float, n: float, m: float) -> float:
    """max(0, distance − correction(n, m)); NaN stays NaN.

    >>> robust(0.1, 200, 3342)
    0.0
    """
    return distance if math.isnan(distance) else max(0.0, distance - correction(n, m))


def shift_in_sd(distance: float) -> float:
    """The shift of a normal distribution, in standard deviations, that makes this gap: 2·Φ⁻¹((1 + D) / 2).

    >>> round(shift_in_sd(0.383), 2)
    1.0
    """
    return math.inf if distance >= 1 else 2 * NormalDist().inv_cdf((1 + distance) / 2)
