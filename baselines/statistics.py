"""Model Monitor's statistics.json: a profile written as it would have written it, and read back."""

from __future__ import annotations

import math

import numpy as np

from baselines.fields import Fields, told_of
from baselines.jackson import Json, render
from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.kll import C, K, Sketch
from baselines.profile.moments import Moments
from baselines.profile.profile import Profile
from baselines.profile.types import DataType, TypeCounts

# deequ's default for low cardinality; Model Monitor's own bound is not known.
HISTOGRAM_BOUND = 120


class StatisticsError(ValueError):
    """A statistics.json that cannot be used, in one sentence."""


def write(profile: Profile, *, histogram_bound: int = HISTOGRAM_BOUND) -> str:
    """The text of a statistics.json.

    A text column of more than `histogram_bound` different values gets no histogram, as in Model Monitor.
    """
    features = [_feature(name, column, histogram_bound) for name, column in profile.columns.items()]
    return render({"version": 0.0, "dataset": {"item_count": profile.rows}, "features": features})


def file_type(column: ColumnProfile) -> DataType:
    """A column's type in the vocabulary of Model Monitor's files.

    Booleans are strings there; so are numbers that were profiled as text, which have no moments.
    """
    inferred = column.inferred_type
    as_text = column.categories.overflowed or column.categories.counts
    if inferred.numeric and as_text and not column.moments.count:
        return DataType.STRING
    return inferred.in_files


def _feature(name: str, column: ColumnProfile, bound: int) -> Json:
    kind = file_type(column)
    head = {"name": name, "inferred_type": str(kind)}
    if kind.numeric:
        return {**head, "numerical_statistics": _numerical(column)}
    return {**head, "string_statistics": _textual(column, bound)}


def _common(column: ColumnProfile) -> dict[str, Json]:
    return {"common": {"num_present": column.num_present, "num_missing": column.num_missing}}


def _numerical(column: ColumnProfile) -> Json:
    moments = column.moments
    if not moments.count:  # every number is beyond what a double holds
        return _common(column)
    return {
        **_common(column),
        "mean": moments.total / moments.count,
        "sum": moments.total,
        "std_dev": moments.std_dev,
        "min": moments.minimum,
        "max": moments.maximum,
        **({"distribution": {"kll": _kll(moments, column.sketch)}} if column.sketch.count else {}),
    }


def _kll(moments: Moments, sketch: Sketch) -> Json:
    return {
        "buckets": [
            {"lower_bound": bucket.lower, "upper_bound": bucket.upper, "count": bucket.count}
            for bucket in sketch.buckets(moments.minimum, moments.maximum)
        ],
        "sketch": {
            "parameters": {"c": C, "k": float(K)},
            "data": [level.tolist() for level in sketch.levels],
        },
    }


def _textual(column: ColumnProfile, bound: int) -> Json:
    counts = column.categories.counts
    if column.distinct_count is None:  # text among numbers that were profiled as numbers
        return _common(column)
    statistics = {**_common(column), "distinct_count": column.distinct_count}
    if column.categories.overflowed or len(counts) > bound:
        return statistics
    buckets: list[Json] = [{"value": text, "count": count} for text, count in column.categories.ranked()]
    return {**statistics, "distribution": {"categorical": {"buckets": buckets}}}


def read(text: str | bytes, where: str) -> Profile:
    """The profile that a statistics.json describes: it can be compared with others, but not added to.

    `where` names the file in errors. What a file leaves out (sketches, histograms, moments) is left out of
    the profile; what it does not say is taken at its plainest: the values of a Fractional column are all
    fractional, those of a String column all text. Raises StatisticsError.
    """
    with told_of(
        where, "statistics.json", "data-quality", StatisticsError, "give the file that baselining wrote"
    ):
        return _profile(Fields.parsed(text))


def _profile(document: Fields) -> Profile:
    columns: dict[str, ColumnProfile] = {}
    for feature in document.objects("features"):
        columns[feature.text("name")] = _column(feature)
    rows = document.inner("dataset").integer("item_count")
    return Profile(rows, columns, {len(columns): rows} if rows else {})


def _column(feature: Fields) -> ColumnProfile:
    kind = feature.choice("inferred_type", DataType)
    numerical, textual = feature.optional("numerical_statistics"), feature.optional("string_statistics")
    if numerical is not None:
        return _numeric_column(kind, numerical)
    if textual is not None:
        return _text_column(kind, textual)
    return ColumnProfile(appendable=False)


def _types(kind: DataType, statistics: Fields) -> TypeCounts:
    common = statistics.inner("common")
    present, missing = common.integer("num_present"), common.integer("num_missing")
    match kind:
        case DataType.INTEGRAL:
            return TypeCounts(integral=present, missing=missing)
        case DataType.FRACTIONAL:
            return TypeCounts(fractional=present, missing=missing)
        case DataType.BOOLEAN:
            return TypeCounts(boolean=present, missing=missing)
        case _:
            return TypeCounts(string=present, missing=missing)


def _numeric_column(kind: DataType, statistics: Fields) -> ColumnProfile:
    types = _types(kind, statistics)
    sketch = _sketch(statistics)
    return ColumnProfile(
        types=types,
        moments=_moments(statistics, sketch.count or types.present),
        sketch=sketch,
        appendable=False,
    )


def _moments(statistics: Fields, count: int) -> Moments:
    if not statistics.has("mean"):
        return Moments()
    return Moments(
        count=count,
        mean=statistics.number("mean"),
        m2=squared_distances(statistics.number("std_dev"), count),
        total=statistics.number("sum"),
        minimum=statistics.number("min"),
        maximum=statistics.number("max"),
    )


def squared_distances(std_dev: float, count: int) -> float:
    """The m2 that gives this standard deviation again, to its last digit where a double can."""
    if not count or not math.isfinite(std_dev):
        return std_dev
    middle = std_dev * std_dev * count
    around = (middle, *_neighbours(middle, -math.inf), *_neighbours(middle, math.inf))
    return min((m2 for m2 in around if m2 >= 0), key=lambda m2: abs(math.sqrt(m2 / count) - std_dev))


def _neighbours(number: float, direction: float) -> list[float]:
    found = [number]
    for _ in range(4):
        found.append(math.nextafter(found[-1], direction))
    return found[1:]


def _sketch(statistics: Fields) -> Sketch:
    kll = statistics.optional("distribution", "kll", "sketch")
    if kll is None:
        return Sketch.empty()
    levels = tuple(np.asarray(level, dtype=np.float64) for level in kll.number_lists("data"))
    return Sketch(levels, (0,) * len(levels)) if levels else Sketch.empty()


def _text_column(kind: DataType, statistics: Fields) -> ColumnProfile:
    histogram = statistics.optional("distribution", "categorical")
    buckets = () if histogram is None else histogram.objects("buckets")
    counts = {bucket.text("value"): bucket.integer("count") for bucket in buckets}
    return ColumnProfile(
        types=_types(kind, statistics),
        categories=Categories(overflowed=True) if histogram is None else Categories(counts),
        distinct_estimate=statistics.number("distinct_count") if statistics.has("distinct_count") else None,
        appendable=False,
    )
