"""The summary of many records: a value that adds up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import polars as pl

from baselines.profile.categories import BOUND, Categories, count_texts
from baselines.profile.column import ColumnProfile
from baselines.profile.distinct import Registers
from baselines.profile.kll import extended
from baselines.profile.moments import Floats
from baselines.profile.sample import RowSample
from baselines.profile.types import (
    NumberForm,
    TypeCounts,
    classify,
    is_boolean,
    is_integral,
    is_numeric,
    type_counts,
)

_NO_DOMAINS: Mapping[str, Collection[str]] = MappingProxyType({})
_NOTHING_KNOWN: Mapping[str, NumberForm] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """`rows` records, column by column in order.

    `widths` says how many records had how many columns. Records of a wrong width are counted there alone:
    they are not in `rows`, nor in any column.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    widths: Mapping[int, int] = field(default_factory=dict)
    sample: RowSample = field(default_factory=RowSample.empty)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def empty(cls, names: Iterable[str] = ()) -> Profile:
        """The profile of no records, with these columns."""
        return cls(0, {name: ColumnProfile() for name in names})

    def __add__(self, other: Profile) -> Profile:
        """Both as one; a column that only one of them has is missing in the rows of the other."""
        names = dict.fromkeys((*self.columns, *other.columns))
        return Profile(
            rows=self.rows + other.rows,
            columns={name: self.column(name) + other.column(name) for name in names},
            widths=_sum_counts(self.widths, other.widths),
            sample=self.sample + other.sample,
        )

    def column(self, name: str) -> ColumnProfile:
        """The profile of a column; where there is none, that of a column whose every value is missing."""
        return self.columns.get(name) or ColumnProfile(TypeCounts(missing=self.rows))


def profile_frame(
    frame: pl.DataFrame,
    *,
    text: Collection[str] = (),
    domains: Mapping[str, Collection[str]] = _NO_DOMAINS,
    ids: pl.Series | None = None,
    sample_rows: int = 0,
    widths: Mapping[int, int] | None = None,
    exact: bool = False,
    onto: Profile | None = None,
    forms: Mapping[str, NumberForm] = _NOTHING_KNOWN,
) -> Profile:
    """The profile of a frame of String columns, in which null is a missing value.

    Columns of numbers may be Float64 where `forms` says of which one form all of them are.

    `text` names the columns whose categories are wanted; the others are taken for numbers. `domains` lists
    values of text columns that are counted however many others there are. `ids` are the event ids of the
    rows, for a sample of `sample_rows` of them. `widths` counts records of other widths, which are not in the
    frame. `onto` is what was profiled before: the result is then its sum with this frame, except that
    sketches, and with `exact` all digits, are those of one stream read in order. `forms` tells of columns
    what their present values are, where that was seen before: it saves looking at them.
    """
    before = onto or Profile.empty(frame.columns)
    # polars takes a name such as `^a$` for a pattern, even in a method of a series: each gets a plain one.
    columns = {each.name: each.alias("values") for each in frame.get_columns()}
    fresh = {
        **_numeric_columns(
            {name: columns[name] for name in columns if name not in text}, before, exact, forms
        ),
        **{
            name: _text_column(columns[name], before.column(name), domains.get(name, ()))
            for name in columns
            if name in text
        },
    }
    absent = ColumnProfile(TypeCounts(missing=frame.height))
    own = {frame.width: frame.height} if frame.height else {}
    return Profile(
        rows=before.rows + frame.height,
        columns={
            name: fresh.get(name) or before.column(name) + absent
            for name in dict.fromkeys((*before.columns, *frame.columns))
        },
        widths=_sum_counts(before.widths, _sum_counts(own, widths or {})),
        sample=before.sample + _sample(frame, ids, sample_rows),
    )


def _sample(frame: pl.DataFrame, ids: pl.Series | None, rows: int) -> RowSample:
    return RowSample.empty(rows) if ids is None else RowSample.of(frame, ids, rows)


def _numeric_columns(
    columns: Mapping[str, pl.Series], before: Profile, exact: bool, forms: Mapping[str, NumberForm]
) -> dict[str, ColumnProfile]:
    """All columns are scanned in one query, so that polars spreads them over the cores."""
    frame = pl.DataFrame([values.alias(f"values{i}") for i, values in enumerate(columns.values())])
    scanned = frame.select(
        each for i, name in enumerate(columns) for each in _scan(i, frame.dtypes[i], forms.get(name))
    )
    scans = [
        _Scan.of(values, scanned, i, forms.get(name)) for i, (name, values) in enumerate(columns.items())
    ]
    numbers = [scan.finite() for scan in scans]
    earlier = [before.column(name) for name in columns]
    sketches = extended([column.sketch for column in earlier], numbers)
    return {
        name: replace(
            column + _without_numbers(scan), moments=column.moments.extend(values, exact=exact), sketch=sketch
        )
        for name, column, scan, values, sketch in zip(columns, earlier, scans, numbers, sketches, strict=True)
    }


def _scan(i: int, dtype: pl.DataType, form: NumberForm | None) -> Iterator[pl.Expr]:
    """What is asked of column `i` of a frame, as far as it is not known."""
    values = pl.nth(i)
    if dtype != pl.Float64:
        yield values.cast(pl.Float64, strict=False).alias(f"number{i}")
    if form is None:
        yield is_numeric(values).alias(f"numeric{i}")
        yield is_integral(values).alias(f"integral{i}")
    elif form is NumberForm.MIXED:
        yield (~values.str.contains_any([".", "e", "E"])).alias(f"integral{i}")


@dataclass(frozen=True, slots=True)
class _Scan:
    """A column as text, as far as polars reads it as numbers, and which and how much of it is numeric.

    Plain numbers may be Float64 already. polars reads more than deequ's patterns (`.5`, `inf`) and less
    (`- 5`). `numeric` is None where every present value is.
    """

    values: pl.Series
    numbers: pl.Series
    numeric: pl.Series | None
    integral: int

    @classmethod
    def of(cls, values: pl.Series, scanned: pl.DataFrame, i: int, form: NumberForm | None) -> _Scan:
        """The scan of column `i` from the answers of `_scan`."""
        numbers = values if values.dtype == pl.Float64 else scanned[f"number{i}"]
        present = len(values) - values.null_count()
        if form is NumberForm.WHOLE or form is NumberForm.FRACTIONAL:
            return cls(values, numbers, None, present if form is NumberForm.WHOLE else 0)
        integral = int(scanned[f"integral{i}"].sum())
        numeric = None if form else scanned[f"numeric{i}"]
        return cls(values, numbers, None if numeric is None or numeric.all() else numeric, integral)

    @property
    def count(self) -> int:
        """How many values are numeric."""
        present = len(self.values) - self.values.null_count()
        return present if self.numeric is None else int(self.numeric.sum())

    def finite(self) -> Floats:
        """The finite numbers in order; `1e400` is a number by its pattern but has no value."""
        values, numbers = self.values, self.numbers
        if self.numeric is not None:
            values, numbers = values.filter(self.numeric), numbers.filter(self.numeric)
        elif values.null_count():
            present = values.is_not_null()
            values, numbers = values.filter(present), numbers.filter(present)
        if numbers.null_count():  # the patterns allow one space before the digits
            numbers = values.str.replace(" ", "", literal=True).cast(pl.Float64)
        array = numbers.to_numpy()
        finite = np.isfinite(array)
        return np.asarray(array if finite.all() else array[finite])


def _without_numbers(scan: _Scan) -> ColumnProfile:
    """The types and the stray values of a numeric column."""
    rows, missing, numeric = len(scan.values), scan.values.null_count(), scan.count
    if scan.numeric is None or numeric + missing == rows:  # the ordinary case, and counting texts is dear
        return ColumnProfile(TypeCounts(scan.integral, numeric - scan.integral, missing=missing))
    stray = count_texts(scan.values.filter(~scan.numeric))
    boolean = int(stray.filter(is_boolean(pl.col("text")))["count"].sum())
    return _of_texts(type_counts(rows, missing, numeric, scan.integral, boolean), stray)


def _text_column(values: pl.Series, before: ColumnProfile, domain: Collection[str]) -> ColumnProfile:
    return before + _of_texts(classify(values), count_texts(values), domain)


def _of_texts(types: TypeCounts, texts: pl.DataFrame, domain: Collection[str] = ()) -> ColumnProfile:
    found = texts.filter(pl.col("text").is_in(list(domain))) if domain else texts.clear()
    listed = dict.fromkeys(sorted(domain), 0) | dict(found.iter_rows())
    if texts.height > BOUND:
        overflow = Categories(overflowed=True, listed=listed)
        return ColumnProfile(types, categories=overflow, registers=Registers.of(texts["text"]))
    return ColumnProfile(types, categories=Categories(dict(texts.iter_rows()), listed=listed))


def _sum_counts(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}
