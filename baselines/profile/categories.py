"""How often each text occurs, up to a bound on how many different ones there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import polars as pl

BOUND = 1000


@dataclass(frozen=True, slots=True)
class Categories:
    """Occurrences by text; once more than 1000 texts differ, none are kept and `overflowed` stays true.

    `listed` are the occurrences, none among them, of texts that are wanted however many others there are.
    """

    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    overflowed: bool = False
    listed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def bounded(cls, counts: Mapping[str, int]) -> Categories:
        """These counts, or an overflow where they are more than the bound."""
        return cls(counts) if len(counts) <= BOUND else cls(overflowed=True)

    def __add__(self, other: Categories) -> Categories:
        listed = self._listed_with(other)
        if self.overflowed or other.overflowed:
            return Categories(overflowed=True, listed=listed)
        both = dict(self.counts)
        for text, count in other.counts.items():
            both[text] = both.get(text, 0) + count
        return replace(Categories.bounded(both), listed=listed)

    def count(self, text: str) -> int | None:
        """How often a text occurs; None where nobody knows any more."""
        return self.listed.get(text) if self.overflowed else self.counts.get(text, 0)

    def _listed_with(self, other: Categories) -> dict[str, int]:
        """The sums for the texts that either lists and both know, in the order of texts."""
        counts = (
            (text, self.count(text), other.count(text)) for text in sorted({*self.listed, *other.listed})
        )
        return {text: one + more for text, one, more in counts if one is not None and more is not None}

    def ranked(self) -> list[tuple[str, int]]:
        """Texts and their counts, the most frequent first, equally frequent ones by text."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))


def count_texts(texts: pl.Series) -> pl.DataFrame:
    """The different texts of a series and how often each occurs: `text`, `count`, as they first occur.

    Missing values are not texts.
    """
    frame = texts.alias("text").drop_nulls().to_frame()
    return frame.group_by("text", maintain_order=True).agg(pl.len().alias("count"))
