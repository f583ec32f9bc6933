"""The spelling of classes: one class has one name, however predictions and labels write it."""

from __future__ import annotations

from typing import Final

import polars as pl

LONGEST: Final = 256
"""Characters that the name of a class may have: a longer text is an answer of another kind."""
_EXACT = 2.0**53


def number(column: pl.Expr) -> pl.Expr:
    """The values as finite numbers, null where they are none. Float64."""
    known = column.cast(pl.Float64, strict=False)
    return pl.when(known.is_finite()).then(known)


def name(column: pl.Expr) -> pl.Expr:
    """The values as names of classes, null where they name none. String.

    `1`, `1.0` and `01` are one class, which a file of labels and a model's answer often write differently.
    NUL, which no database takes, is shown as a sign.
    """
    text = column.cast(pl.String).str.strip_chars()
    known = number(text)
    whole = known.is_not_null() & (known == known.floor()) & (known.abs() < _EXACT)
    said = text.str.replace_all("\0", "\u2400", literal=True)
    fits = (said.str.len_chars() > 0) & (said.str.len_chars() <= LONGEST)
    return (
        pl.when(whole)
        .then(known.cast(pl.Int64, strict=False).cast(pl.String))
        .when(known.is_not_null())
        .then(known.cast(pl.String))
        .when(fits)
        .then(said)
    )


def text_only(column: pl.Expr) -> pl.Expr:
    """The names of those that are no numbers, null for the others. String."""
    return pl.when(number(column).is_null()).then(name(column))


def binary_name(column: pl.Expr) -> pl.Expr:
    """The same for two classes: true and false, in any case, are 1 and 0."""
    named = name(column)
    lower = named.str.to_lowercase()
    return (
        pl.when(lower == "true").then(pl.lit("1")).when(lower == "false").then(pl.lit("0")).otherwise(named)
    )
