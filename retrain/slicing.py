"""Which of the judged records are in which slice: the training set says where a feature is cut.

The slices of a run are so the same whatever is judged, and none is chosen after the answers are known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from config.slices import Slice, SlicedBy

Places = NDArray[np.bool_]

MOST_VALUES: Final = 20
"""So many values of a feature are slices, the most frequent ones of the training set."""
FEW_VALUES: Final = 10
"""A numeric feature of no more different values is sliced by them, where the owner says nothing."""
LONGEST_NAME: Final = 120
_DIGEST: Final = 8


class SlicingError(ValueError):
    """A slice that can't be cut, in one sentence."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One slice: how it is called, as ``sex_F=1`` or ``length>0.55``, and which records are in it.

    `inside` has shape (records,).
    """

    name: str
    wanted: Slice
    inside: Places


def require_features(slices: Sequence[Slice], features: Sequence[str]) -> None:
    """Raises SlicingError where a slice is of no feature that the model takes."""
    for each in slices:
        if each.feature not in features:
            raise SlicingError(
                f"slices of kedge.yaml names {each.feature}, which is none of the model's inputs: "
                f"{', '.join(features)}"
            )


def cut(training: pl.DataFrame, judged: pl.DataFrame, slices: Sequence[Slice]) -> tuple[Cut, ...]:
    """The slices of the judged records, feature by feature.

    Args:
        training: the training set, String columns.
        judged: the judged records' features in their order, String columns. A missing value is in no slice,
            nor is one that the training set does not have among its most frequent.
        slices: what the owner wants.

    Raises:
        SlicingError: where a feature is not there, or is to be cut at quantiles and is no number.
    """
    require_features(slices, judged.columns)
    found: dict[str, Cut] = {}
    seen: set[str] = set()
    for wanted in slices:
        for part in _cut(training[wanted.feature], judged, wanted):
            if part.exact not in seen:
                seen.add(part.exact)
                name = _named(part, taken=found.keys())
                found[name] = Cut(name, wanted, part.inside)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class _Part:
    """A slice by a short name, and by one that no other has."""

    short: str
    exact: str
    inside: Places


def _cut(training: pl.Series, judged: pl.DataFrame, wanted: Slice) -> Iterator[_Part]:
    learnt, seen = training.drop_nulls(), judged[wanted.feature]
    numbers = _numbers(learnt)
    numeric = not numbers.null_count() and bool(numbers.is_finite().all())
    by = wanted.by
    if by is None:
        by = SlicedBy.QUANTILES if numeric and numbers.n_unique() > FEW_VALUES else SlicedBy.VALUES
    if by is SlicedBy.QUANTILES and not numeric:
        raise SlicingError(
            f"slices of kedge.yaml cuts {wanted.feature} at quantiles, and it is no number: write by: values"
        )
    if by is SlicedBy.QUANTILES:
        yield from _quantiles(numbers, _numbers(seen), wanted)
    elif numeric:
        yield from _values(numbers, _numbers(seen), wanted)
    else:
        yield from _values(learnt, seen, wanted)


def _numbers(texts: pl.Series) -> pl.Series:
    """Their numbers, null where one is none; a CSV payload may have spaces behind its commas."""
    return texts.str.strip_chars().cast(pl.Float64, strict=False)


def _quantiles(learnt: pl.Series, seen: pl.Series, wanted: Slice) -> Iterator[_Part]:
    if learnt.is_empty():
        return
    shares = np.arange(1, wanted.parts) / wanted.parts
    edges: list[float] = np.unique(np.quantile(learnt.to_numpy(), shares)).tolist()
    values = seen.fill_null(np.nan).to_numpy()
    for low, high in zip((None, *edges), (*edges, None), strict=True):
        above = ~np.isnan(values) if low is None else values > low
        inside = above if high is None else above & (values <= high)
        yield _Part(_range(wanted.feature, low, high), f"{wanted.feature}({low!r},{high!r}]", inside)


def _range(feature: str, low: float | None, high: float | None) -> str:
    if low is None:
        return f"{feature}<={high:.6g}"
    return f"{feature}>{low:.6g}" if high is None else f"{low:.6g}<{feature}<={high:.6g}"


def _values(learnt: pl.Series, seen: pl.Series, wanted: Slice) -> Iterator[_Part]:
    counts = learnt.alias("value").to_frame().group_by("value").len()
    frequent = counts.sort(["len", "value"], descending=[True, False]).head(MOST_VALUES)["value"].sort()
    for value in frequent:
        shown = f"{value:.6g}" if isinstance(value, float) else value
        inside = (seen == value).fill_null(value=False).to_numpy()
        yield _Part(f"{wanted.feature}={shown}", f"{wanted.feature}={value!r}", inside)


def _named(part: _Part, taken: Collection[str]) -> str:
    """At most `LONGEST_NAME` printable characters, told from others that read alike by a digest."""
    name = "".join(each if each.isprintable() else "\ufffd" for each in part.short)
    if name == part.short and len(name) <= LONGEST_NAME and name not in taken:
        return name
    digest = hashlib.sha256(part.exact.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{name[: LONGEST_NAME - _DIGEST - 1]}~{digest}"
