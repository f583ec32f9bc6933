"""What kind of value a text is, by deequ's patterns, and what type a column of them has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

import polars as pl

# deequ's Integral and Fractional patterns (DataType analyzer, 1.1 and later). `[0-9]` where deequ has `\d`,
# since Java's `\d` is ASCII and polars' is not.
_INTEGRAL = r"^[-+]? ?[0-9]+$"
_NUMERIC = r"^[-+]? ?[0-9]+(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?$"
_BOOLEANS = ("true", "false")


class DataType(StrEnum):
    """The type of a value or a column, in Model Monitor's spelling."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    BOOLEAN = "Boolean"
    STRING = "String"
    UNKNOWN = "Unknown"

    @property
    def numeric(self) -> bool:
        """Whether values of this type have moments and a sketch."""
        return self in (DataType.INTEGRAL, DataType.FRACTIONAL)

    @property
    def in_files(self) -> DataType:
        """The type in the vocabulary of Model Monitor's files, where booleans are strings."""
        return DataType.STRING if self is DataType.BOOLEAN else self


class NumberForm(Enum):
    """What is known of the present values of a column of texts: each is a number by deequ's patterns."""

    WHOLE = "whole"
    """Each is integral."""
    FRACTIONAL = "fractional"
    """Each is fractional: it has a point, or a power."""
    MIXED = "mixed"
    """Some are the one, some the other."""

    def or_else(self, other: NumberForm) -> NumberForm:
        """What is known of the values of two such columns together."""
        return self if self is other else NumberForm.MIXED


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """How many values of a column are of each type; `missing` counts the nulls."""

    integral: int = 0
    fractional: int = 0
    boolean: int = 0
    string: int = 0
    missing: int = 0

    def __add__(self, other: TypeCounts) -> TypeCounts:
        return TypeCounts(
            self.integral + other.integral,
            self.fractional + other.fractional,
            self.boolean + other.boolean,
            self.string + other.string,
            self.missing + other.missing,
        )

    @property
    def numeric(self) -> int:
        """Values that are numbers."""
        return self.integral + self.fractional

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return self.numeric + self.boolean + self.string

    @property
    def rows(self) -> int:
        """All values, missing ones included."""
        return self.present + self.missing

    @property
    def inferred(self) -> DataType:
        """The column's type: any text, or booleans among numbers, make it String (deequ's rule)."""
        if not self.present:
            return DataType.UNKNOWN
        if self.string or (self.boolean and self.numeric):
            return DataType.STRING
        if self.boolean:
            return DataType.BOOLEAN
        return DataType.FRACTIONAL if self.fractional else DataType.INTEGRAL

    def matching(self, expected: DataType) -> int:
        """Present values that satisfy an expected type: Integrals are Fractional too, anything a String."""
        match expected:
            case DataType.INTEGRAL:
                return self.integral
            case DataType.FRACTIONAL:
                return self.numeric
            case DataType.BOOLEAN:
                return self.boolean
            case _:
                return self.present


def is_integral(values: pl.Expr) -> pl.Expr:
    """True where a text is a whole number; null where it is missing."""
    return values.str.contains(_INTEGRAL)


def is_numeric(values: pl.Expr) -> pl.Expr:
    """True where a text is a number, whole or fractional; null where it is missing."""
    return values.str.contains(_NUMERIC)


def is_boolean(values: pl.Expr) -> pl.Expr:
    """True where a text is `true` or `false`; null where it is missing."""
    return values.is_in(_BOOLEANS)


def classify_columns(frame: pl.DataFrame) -> tuple[TypeCounts, ...]:
    """The type counts of each column of a frame of String columns, in its order."""
    every = range(frame.width)
    sums = frame.select(
        *(is_integral(pl.nth(i)).sum().alias(f"i{i}") for i in every),
        *(is_numeric(pl.nth(i)).sum().alias(f"n{i}") for i in every),
        *(is_boolean(pl.nth(i)).sum().alias(f"b{i}") for i in every),
        *(pl.nth(i).null_count().alias(f"m{i}") for i in every),
    ).row(0, named=True)
    return tuple(
        type_counts(frame.height, sums[f"m{i}"], sums[f"n{i}"], sums[f"i{i}"], sums[f"b{i}"]) for i in every
    )


def type_counts(rows: int, missing: int, numeric: int, integral: int, boolean: int) -> TypeCounts:
    """Type counts from how many of `rows` values fall under each of the patterns."""
    return TypeCounts(
        integral=integral,
        fractional=numeric - integral,
        boolean=boolean,
        string=rows - missing - numeric - boolean,
        missing=missing,
    )


def classify(values: pl.Series) -> TypeCounts:
    """The type counts of a String series; null is a missing value."""
    return classify_columns(values.to_frame())[0]
