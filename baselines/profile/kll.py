"""The quantile sketch of deequ: a deterministic KLL (QuantileNonSample), in numpy.

k is 2048 and each level shrinks by 0.64. Unlike the KLL of the literature, the bottom level is the largest, a
full level is sorted and every second item kept, and which of the two halves is kept alternates; nothing is
random. Up to 2050 values the sketch holds every value in the order in which they came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

K = 2048
C = 0.64
_BUCKETS = 10
_NOTHING: Floats = np.empty(0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a distribution and the weight inside it."""

    lower: float
    upper: float
    count: float


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Values by level; an item of level i stands for 2**i values.

    `levels` are unsorted, in storage order; `compactions` counts how often each level was compacted, which
    decides the half that its next compaction keeps.
    """

    levels: tuple[Floats, ...]
    compactions: tuple[int, ...]

    @classmethod
    def empty(cls) -> Sketch:
        """The sketch of no values."""
        return cls((_NOTHING,), (0,))

    @classmethod
    def of(cls, values: Floats) -> Sketch:
        """The sketch of finite values, in their order."""
        return cls.empty().extend(values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sketch):
            return NotImplemented
        return (
            self.compactions == other.compactions
            and len(self.levels) == len(other.levels)
            and all(map(np.array_equal, self.levels, other.levels))
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def count(self) -> int:
        """How many values the sketch stands for."""
        return sum(level.size << height for height, level in enumerate(self.levels))

    def extend(self, values: Floats) -> Sketch:
        """This sketch with more finite values after those it has seen."""
        return extended([self], [values])[0]

    def merge(self, other: Sketch) -> Sketch:
        """Both sketches as one: level by level, then condensed as long as it is full."""
        if not (self.count and other.count):
            return self if self.count else other
        building = _Building([self])
        building.take_in(other)
        return building.done()[0]

    def items(self) -> tuple[Floats, NDArray[np.int64]]:
        """The stored values in ascending order, and the weight of each; a value may occur more than once."""
        values = np.concatenate(self.levels)
        weights = np.repeat(1 << np.arange(len(self.levels)), [level.size for level in self.levels])
        order = np.argsort(values, kind="stable")
        return values[order], weights[order]

    def cdf(self, points: Floats | Sequence[float]) -> Floats:
        """The share of values that are at most each of the points; 0 where the sketch is empty."""
        values, weights = self.items()
        return _rank(values, weights, points, "right") / max(1, int(weights.sum()))

    def quantiles(self, shares: Floats | Sequence[float]) -> Floats:
        """For each share in [0, 1] the smallest stored value with at least that share at or below it.

        NaN where the sketch is empty.
        """
        values, weights = self.items()
        if not values.size:
            return np.full(len(shares), np.nan)
        cumulated = np.cumsum(weights)
        wanted = np.asarray(shares) * cumulated[-1]
        found = np.minimum(np.searchsorted(cumulated, wanted, side="left"), values.size - 1)
        return np.asarray(values[found])

    def buckets(self, minimum: float, maximum: float) -> tuple[Bucket, ...]:
        """Ten equal stretches from minimum to maximum with the sketch's weight in each.

        A bucket has its lower bound and not its upper one, the last has both (deequ's KLLSketch metric).
        """
        span = maximum - minimum
        edges = [minimum + span * i / _BUCKETS for i in range(_BUCKETS + 1)]
        values, weights = self.items()
        below = _rank(values, weights, edges, "left")
        below[-1] = _rank(values, weights, edges[-1:], "right")[0]
        return tuple(
            Bucket(edges[i], edges[i + 1], float(count)) for i, count in enumerate(np.diff(below).tolist())
        )


def _rank(
    values: Floats, weights: NDArray[np.int64], points: Floats | Sequence[float], side: str
) -> NDArray[np.int64]:
    """The weight of the values below each point (`left`), or at or below it (`right`)."""
    cumulated = np.concatenate(([0], np.cumsum(weights)))
    found = np.searchsorted(values, points, side="left" if side == "left" else "right")
    return np.asarray(cumulated[found])


def capacity(height: int) -> int:
    """How many items level `height`, counted from the bottom, holds before it may be compacted."""
    return 2 * (math.ceil(K * C**height / 2) + 1)


# Levels double in weight: forty of them would stand for 2**40 times 2050 values.
_CAPACITIES = tuple(map(capacity, range(64)))
_TOTALS = tuple(accumulate(_CAPACITIES))


def extended(sketches: Sequence[Sketch], values: Sequence[Floats]) -> tuple[Sketch, ...]:
    """Each sketch with the finite values of its own after those it has seen.

    Sketches of columns without gaps are in step, compacting at the same time: those are worked on as one.
    """
    in_step: dict[tuple[object, ...], list[int]] = {}
    for at, (sketch, more) in enumerate(zip(sketches, values, strict=True)):
        sizes = tuple(level.size for level in sketch.levels)
        in_step.setdefault((sizes, sketch.compactions, len(more)), []).append(at)
    found: dict[int, Sketch] = {}
    for group in in_step.values():
        building = _Building([sketches[at] for at in group])
        building.fill(np.stack([np.asarray(values[at], dtype=np.float64) for at in group]))
        found |= zip(group, building.done(), strict=True)
    return tuple(found[at] for at in range(len(sketches)))


class _Building:
    """Sketches in step while values go into them, shape (sketches, items); lives inside one call only."""

    def __init__(self, sketches: Sequence[Sketch]) -> None:
        self.levels = [np.stack(level) for level in zip(*(each.levels for each in sketches), strict=True)]
        self.compactions = list(sketches[0].compactions)

    @property
    def total_capacity(self) -> int:
        return _TOTALS[len(self.levels) - 1]

    @property
    def stored(self) -> int:
        """Items that each of them stores."""
        return sum([level.shape[1] for level in self.levels])

    def fill(self, values: Floats) -> None:
        """Adds values one after the other: as many as fit and one more, then condenses once, and so on."""
        position, stored = 0, self.stored
        while position < values.shape[1]:
            room = self.total_capacity - stored + 1
            chunk = values[:, position : position + room]
            self.append(0, chunk)
            position += room
            stored += chunk.shape[1]
            if stored > self.total_capacity:
                self.condense()
                stored = self.stored

    def take_in(self, other: Sketch) -> None:
        """Adds the items of another sketch to the one that is built."""
        while len(self.levels) < len(other.levels):
            self.add_level()
        for height, level in enumerate(other.levels):
            self.append(height, level[None, :])
        while self.stored >= self.total_capacity:
            self.condense()

    def condense(self) -> None:
        """Compacts the lowest level that is full."""
        height = next(h for h, level in enumerate(self.levels) if level.shape[1] >= _CAPACITIES[h])
        if height + 1 == len(self.levels):
            self.add_level()
        self.append(height + 1, self.compact(height))

    def compact(self, height: int) -> Floats:
        level = self.levels[height]
        even = level.shape[1] - level.shape[1] % 2
        earlier = self.compactions[height]
        # The half to keep flips before a compaction that has an odd number of earlier ones: 0, 1, 1, 0, 0, 1.
        offset = (earlier + 1) // 2 % 2
        self.levels[height] = level[:, even:]
        self.compactions[height] = earlier + 1
        kept = level[:, :even].copy()
        kept.sort(axis=1)
        return kept[:, offset::2]

    def add_level(self) -> None:
        self.levels.append(np.empty((len(self.levels[0]), 0)))
        self.compactions.append(0)

    def append(self, height: int, values: Floats) -> None:
        self.levels[height] = np.concatenate((self.levels[height], values), axis=1)

    def done(self) -> tuple[Sketch, ...]:
        """The sketches, which share no memory with each other's rows."""
        compactions = tuple(self.compactions)
        return tuple(
            Sketch(tuple(level[at].copy() for level in self.levels), compactions)
            for at in range(len(self.levels[0]))
        )
