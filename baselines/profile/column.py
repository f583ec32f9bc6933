"""The summary of one column, mergeable."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from baselines.profile.categories import Categories
from baselines.profile.distinct import Registers
from baselines.profile.kll import Sketch
from baselines.profile.moments import Moments
from baselines.profile.types import DataType, TypeCounts


class NotAppendableError(TypeError):
    """A profile that came from a statistics.json lacks what adding to it would take."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What the values of one column look like.

    Of a numeric column, `moments` and `sketch` are of the finite numbers and `categories` of the stray
    values, which are no numbers; of a text column, `categories` are of every present value. `registers` are
    there once the categories overflowed. `distinct_estimate` is set where a file says it and the values are
    gone.
    """

    types: TypeCounts = field(default_factory=TypeCounts)
    moments: Moments = field(default_factory=Moments)
    sketch: Sketch = field(default_factory=Sketch.empty)
    categories: Categories = field(default_factory=Categories)
    registers: Registers | None = None
    distinct_estimate: float | None = None
    appendable: bool = True

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        self._check_appendable()
        other._check_appendable()
        categories = self.categories + other.categories
        return ColumnProfile(
            types=self.types + other.types,
            moments=self.moments + other.moments,
            sketch=self.sketch.merge(other.sketch),
            categories=categories,
            registers=self._all_registers() + other._all_registers() if categories.overflowed else None,
        )

    @property
    def num_present(self) -> int:
        """Values that are not missing."""
        return self.types.present

    @property
    def num_missing(self) -> int:
        """Values that are missing."""
        return self.types.missing

    @property
    def completeness(self) -> float:
        """The share of values that are present; 1 for a column of no rows, which lacks nothing."""
        return self.types.present / self.types.rows if self.types.rows else 1.0

    @property
    def inferred_type(self) -> DataType:
        """The column's type by deequ's rule."""
        return self.types.inferred

    @property
    def distinct_count(self) -> float | None:
        """How many different texts there are, exact up to 1000, else estimated.

        None where numbers were summarised as numbers: their texts are gone.
        """
        if self.distinct_estimate is not None:
            return self.distinct_estimate
        if self.moments.count:
            return None
        if self.registers is None:
            return float(len(self.categories.counts))
        return float(round(self.registers.estimate()))

    @property
    def std_dev(self) -> float:
        """The population standard deviation of the numbers."""
        return self.moments.std_dev

    def _check_appendable(self) -> None:
        if not self.appendable:
            raise NotAppendableError(
                "a profile read from a statistics.json can be compared but not added to; "
                "profile the data itself to add more"
            )

    def _all_registers(self) -> Registers:
        return self.registers or Registers.of(pl.Series(list(self.categories.counts), dtype=pl.String))
