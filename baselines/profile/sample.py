"""A bounded sample of rows that merges: the rows whose identity has the smallest hashes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from baselines.profile.hashing import Hashes, hash_texts, mix

_NO_HASHES: Hashes = np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """The `k` rows with the smallest hashes, ascending; `rows` has String columns. k = 0 keeps nothing."""

    k: int
    hashes: Hashes
    rows: pl.DataFrame

    @classmethod
    def empty(cls, k: int = 0) -> RowSample:
        """A sample of no rows."""
        return cls(k, _NO_HASHES, pl.DataFrame())

    @classmethod
    def of(cls, frame: pl.DataFrame, ids: pl.Series, k: int) -> RowSample:
        """The sample of a frame whose rows belong to events `ids` (String, no nulls; one may have many)."""
        if not (k and frame.height):
            return cls.empty(k)
        return _smallest(k, _hash_rows(ids), frame)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, RowSample)
            and self.k == other.k
            and np.array_equal(self.hashes, other.hashes)
            and self.rows.equals(other.rows)
        )

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: RowSample) -> RowSample:
        k = max(self.k, other.k)
        hashes = np.concatenate((self.hashes, other.hashes))
        if not hashes.size:
            return RowSample.empty(k)
        return _smallest(k, hashes, pl.concat((self.rows, other.rows), how="diagonal"))


def _smallest(k: int, hashes: Hashes, rows: pl.DataFrame) -> RowSample:
    order = np.argsort(hashes, kind="stable")[:k]
    return RowSample(k, hashes[order], rows[order])


def _hash_rows(ids: pl.Series) -> Hashes:
    """A hash of each row: of its event's id, and of its place among the rows of that event."""
    events = ids.alias("id").to_frame()
    place = events.select(pl.int_range(pl.len(), dtype=pl.UInt64).over("id")).to_series().to_numpy()
    return mix(hash_texts(ids) + mix(place))
