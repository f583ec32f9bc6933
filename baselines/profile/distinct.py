"""About how many different texts there are: HyperLogLog with 4096 registers, a standard error of 1.6 %."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.profile.hashing import hash_texts

_INDEX_BITS = 12
_REST_BITS = 64 - _INDEX_BITS
_SIZE = 1 << _INDEX_BITS


@dataclass(frozen=True, slots=True, eq=False)
class Registers:
    """HyperLogLog's registers, uint8 of shape (4096,): the union of two sets is the larger of each."""

    ranks: NDArray[np.uint8]

    @classmethod
    def of(cls, texts: pl.Series) -> Registers:
        """The registers of a String series without nulls."""
        hashes = hash_texts(texts)
        index = hashes >> np.uint64(_REST_BITS)
        rest = (hashes & np.uint64((1 << _REST_BITS) - 1)).astype(np.float64)
        # The exponent of a whole number under 2**53 is the position of its highest bit.
        rank = _REST_BITS + 1 - np.frexp(rest)[1]
        ranks = np.zeros(_SIZE, dtype=np.uint8)
        np.maximum.at(ranks, index.astype(np.int64), rank.astype(np.uint8))
        return cls(ranks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Registers) and np.array_equal(self.ranks, other.ranks)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Registers) -> Registers:
        return Registers(np.maximum(self.ranks, other.ranks))

    def estimate(self) -> float:
        """The number of different texts, by Ertl's improved raw estimator (arXiv:1702.01284, algorithm 6)."""
        counts = np.bincount(self.ranks, minlength=_REST_BITS + 2)
        z = _SIZE * _tau(1 - counts[_REST_BITS + 1] / _SIZE)
        for rank in range(_REST_BITS, 0, -1):
            z = 0.5 * (z + counts[rank])
        z += _SIZE * _sigma(counts[0] / _SIZE)
        return float(_SIZE * _SIZE / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x, before, y = math.sqrt(x), z, y / 2
        z -= (1 - x) ** 2 * y
    return z / 3
