"""Chi-squared: how badly the categories' counts fit the baseline's shares, as deequ computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """The statistic, and its p-value at groups − 1 degrees of freedom; NaN with fewer than two groups."""

    statistic: float
    p_value: float


def chi_squared(current: Mapping[str, int], baseline: Mapping[str, int]) -> ChiSquared:
    """Pearson's test of the current counts against the baseline's shares.

    Only categories that the baseline has count. The expected counts are the baseline's, scaled to the total
    of the current ones; groups that expect too little are merged, the smallest into the next, until the rule
    holds: two groups both expect 10 or more, of more groups at most a fifth expect less than 5.

    >>> fit = chi_squared({"a": 60, "b": 40}, {"a": 50, "b": 50})
    >>> round(fit.statistic, 6), round(fit.p_value, 6)
    (4.0, 0.0455)
    """
    total, reference = sum(current.get(c, 0) for c in baseline), sum(baseline.values())
    if total == 0 or reference == 0:
        return ChiSquared(float("nan"), float("nan"))
    groups = sorted(
        (count * total / reference, float(current.get(c, 0))) for c, count in baseline.items() if count
    )
    while len(groups) > 1 and not _enough([expected for expected, _ in groups]):
        (least, seen), (next_least, next_seen), *rest = groups
        groups = sorted([(least + next_least, seen + next_seen), *rest])
    if len(groups) < 2:
        return ChiSquared(float("nan"), float("nan"))
    from scipy.special import chdtrc  # takes half a second to import, and few baselines ask for this test

    expected, observed = np.array(groups).T
    statistic = float(((observed - expected) ** 2 / expected).sum())
    return ChiSquared(statistic, float(chdtrc(len(groups) - 1, statistic)))


def _enough(expected: list[float]) -> bool:
    if len(expected) == 2:
        return min(expected) >= 10
    return sum(value < 5 for value in expected) <= 0.2 * len(expected)
