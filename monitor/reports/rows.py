"""Rows for reports: those that were sampled, and reference rows rebuilt from a baseline's distributions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from baselines.profile.profile import Profile

MAX_ROWS = 10_000
"""Reference rows at most: their distance from the baseline's own distribution is then below 0.0001."""

_SEED = 20_071_028  # any; the same report twice is the same report


def is_number(column: ColumnProfile) -> bool:
    """Whether the baseline takes the feature for a number."""
    return column.inferred_type.numeric and column.sketch.count > 0


def can_rebuild(column: ColumnProfile) -> bool:
    """Whether the baseline holds a distribution of the feature."""
    categories = column.categories
    return is_number(column) or (not categories.overflowed and sum(categories.counts.values()) > 0)


def reference_rows(baseline: Profile, names: list[str]) -> pl.DataFrame:
    """Rows whose columns are distributed as the baseline says, each by itself: their relations are lost.

    Numbers are Float64, texts String; as many values are missing as in the baseline. Each column is shuffled
    by itself, so that the order makes up no correlation. `names` are features that `can_rebuild`.
    """
    rows = max(1, min(MAX_ROWS, baseline.rows))
    chance = np.random.default_rng(_SEED)
    return pl.DataFrame({name: _values(baseline.columns[name], rows, chance) for name in names})


def _values(column: ColumnProfile, rows: int, chance: np.random.Generator) -> pl.Series:
    present = max(1, round(column.completeness * rows))
    places = chance.permutation(rows)
    if is_number(column):
        values = pl.Series(numbers_of(column.sketch, present), dtype=pl.Float64)
    else:
        values = pl.Series(texts_of(column.categories.counts, present), dtype=pl.String)
    return values.extend_constant(None, rows - present)[places]


def numbers_of(sketch: Sketch, count: int) -> NDArray[np.float64]:
    """`count` numbers, ascending, at even ranks of the sketch: the very ones where it stands for as many."""
    return sketch.quantiles((np.arange(count) + 0.5) / count)


def texts_of(counts: Mapping[str, int], count: int) -> list[str]:
    """`count` texts in these proportions, by largest remainders."""
    names = sorted(counts)
    exact = np.array([counts[name] for name in names]) * (count / sum(counts.values()))
    whole = np.floor(exact).astype(np.int64)
    short = count - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return list(np.repeat(np.array(names, dtype=object), whole))


def sampled_rows(current: Profile, baseline: Profile, names: list[str]) -> pl.DataFrame:
    """The sampled rows; where the baseline has numbers, what is no finite number is missing."""
    rows = current.sample.rows
    return pl.DataFrame(
        {
            name: _finite(rows[name]) if is_number(baseline.columns[name]) else rows[name]
            for name in names
            if name in rows.columns
        }
    )


def _finite(texts: pl.Series) -> pl.Series:
    number = pl.col("text").str.strip_chars().cast(pl.Float64, strict=False)
    named = texts.alias("text").to_frame()  # a column's own name may be one that polars takes for a pattern
    return named.select(pl.when(number.is_finite()).then(number)).to_series()
