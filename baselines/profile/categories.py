"""How often each text occurs, up to a bound on how many different ones there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

BOUND = 1000


@dataclass(frozen=True, slots=True)
class Categories:
    """Occurrences by text; once more than 1000 texts differ, none are kept and `overflowed` stays true."""

    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    overflowed: bool = False

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def bounded(cls, counts: Mapping[str, int]) -> Categories:
        """These counts, or an overflow where they are more than the bound."""
        return cls(counts) if len(counts) <= BOUND else cls(overflowed=True)

    def __add__(self, other: Categories) -> Categories:
        if self.overflowed or other.overflowed:
            return Categories(overflowed=True)
        if not other.counts:
            return self
        both = dict(self.counts)
        for text, count in other.counts.items():
            both[text] = both.get(text, 0) + count
        return Categories.bounded(both)

    def ranked(self) -> list[tuple[str, int]]:
        """Texts and their counts, the most frequent first, equally frequent ones by text."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))


def count_texts(texts: pl.Series) -> pl.DataFrame:
    """The different texts of a series and how often each occurs: `text`, `count`, as they first occur.

    Missing values are not texts.
    """
    frame = texts.alias("text").drop_nulls().to_frame()
    return frame.group_by("text", maintain_order=True).agg(pl.len().alias("count"))
