"""L-infinity: the largest difference between the shares of one category."""

from __future__ import annotations

from collections.abc import Mapping


def l_infinity(current: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """max |pᵢ − qᵢ| over the union of categories, in [0, 1]; NaN where either side is empty.

    >>> l_infinity({"a": 11, "b": 20, "c": 45}, {"a": 10, "b": 20, "c": 40})
    0.022556390977443608
    """
    n, m = sum(current.values()), sum(baseline.values())
    if n == 0 or m == 0:
        return float("nan")
    categories = current.keys() | baseline.keys()
    return max(abs(current.get(c, 0) / n - baseline.get(c, 0) / m) for c in categories)
