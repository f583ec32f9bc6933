"""A feature's distribution in a window beside its baseline's, as shares that can be drawn or tabled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baselines.profile.column import ColumnProfile

_BINS = 24
_CATEGORIES = 20
# Outside of these shares of either side a heavy tail would squeeze all the rest into one bin.
_TAILS = (0.005, 0.995)


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch or category, with its share in the window and in the baseline; None: that side is empty."""

    label: str
    lower: float | None
    upper: float | None
    now: float | None
    baseline: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Bars over the values that are present; `note` says what the picture leaves out."""

    numeric: bool
    bars: tuple[Bar, ...]
    note: str


def compare(now: ColumnProfile, baseline: ColumnProfile) -> Comparison | None:
    """The two side by side, or None where neither has values to show."""
    if now.sketch.count + baseline.sketch.count and baseline.inferred_type.numeric:
        return _numbers(now, baseline)
    if now.categories.counts or baseline.categories.counts:
        return _texts(now.categories.counts, baseline.categories.counts)
    return _numbers(now, baseline) if now.sketch.count + baseline.sketch.count else None


def _numbers(now: ColumnProfile, baseline: ColumnProfile) -> Comparison:
    sides = [side for side in (now, baseline) if side.sketch.count]
    inner = np.array([side.sketch.quantiles(_TAILS) for side in sides])
    lower, upper = float(inner[:, 0].min()), float(inner[:, 1].max())
    if lower == upper:
        lower, upper = lower - 0.5, upper + 0.5
    edges = _edges(lower, upper, _whole(now, baseline))
    shares = [_shares(side, edges) for side in (now, baseline)]
    bars = tuple(
        Bar(f"{low:.4g} – {high:.4g}", low, high, mine, base)
        for low, high, mine, base in zip(
            edges[:-1].tolist(), edges[1:].tolist(), shares[0], shares[1], strict=True
        )
    )
    return Comparison(True, bars, "The first and the last bar hold everything beyond them as well.")


def _whole(now: ColumnProfile, baseline: ColumnProfile) -> bool:
    return not (now.types.fractional or baseline.types.fractional)


def _edges(lower: float, upper: float, whole: bool) -> NDArray[np.float64]:
    """Equal stretches; of whole numbers each holds as many of them, so that none sticks out."""
    if not whole:
        return np.linspace(lower, upper, _BINS + 1)
    step = max(1, int(np.ceil((upper - lower + 1) / _BINS)))
    count = int(np.ceil((np.floor(upper) - np.floor(lower) + 1) / step))
    return np.linspace(np.floor(lower) - 0.5, np.floor(lower) - 0.5 + step * count, count + 1)


def _shares(side: ColumnProfile, edges: NDArray[np.float64]) -> list[float | None]:
    if not side.sketch.count:
        return [None] * (edges.size - 1)
    below = np.concatenate(([0.0], side.sketch.cdf(edges[1:-1]), [1.0]))
    return [float(share) for share in np.diff(below)]


def _texts(now: Mapping[str, int], baseline: Mapping[str, int]) -> Comparison:
    totals = sum(now.values()), sum(baseline.values())

    def bar(label: str, mine: int, base: int) -> Bar:
        shares = [part / total if total else None for part, total in zip((mine, base), totals, strict=True)]
        return Bar(label, None, None, shares[0], shares[1])

    every = sorted({*now, *baseline}, key=lambda text: (-baseline.get(text, 0), -now.get(text, 0), text))
    # Half of the room for the baseline's commonest, the rest for what is common now: new ones must be seen.
    common = every[: _CATEGORIES // 2]
    fresh = sorted(
        set(every) - set(common), key=lambda text: (-now.get(text, 0), -baseline.get(text, 0), text)
    )
    shown = common + fresh[: _CATEGORIES - len(common)]
    bars = [bar(text, now.get(text, 0), baseline.get(text, 0)) for text in shown]
    hidden = set(every) - set(shown)
    if not hidden:
        return Comparison(False, tuple(bars), "")
    rest = sum(now.get(t, 0) for t in hidden), sum(baseline.get(t, 0) for t in hidden)
    note = f"The last bar is of the {len(hidden)} categories that are rarer."
    return Comparison(False, (*bars, bar(f"({len(hidden)} others)", *rest)), note)
