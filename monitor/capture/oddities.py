"""Values that are kept though they are not what the baseline knows: counted, and shown by line and column."""

from __future__ import annotations

import re
from collections.abc import Container

import polars as pl

from monitor.capture.columns import Schema
from monitor.capture.rejects import EXAMPLES, NONE, Kind, OddityKind, Reject, Rejects, by_line, many

NUMBER = r"^[-+]? ?[0-9]+(?:\.[0-9]+|(?:\.[0-9]+)?[eE][-+]?[0-9]+)?$"
"""What deequ takes for a number."""

NOT_FINITE = r"^[-+]?(?i:nan|inf(?:inity)?)$"

_DETAILS = {
    OddityKind.NOT_FINITE: "the value is not a finite number",
    OddityKind.TEXT_FOR_NUMBER: "the value is text where the baseline has numbers",
    OddityKind.NUMBER_FOR_TEXT: "the value is a number where the baseline has text alone",
}


def oddities(records: pl.DataFrame, schema: Schema, forms: Container[str] = ()) -> Rejects:
    """What is odd in a table of records, of the columns that are looked at.

    `forms` has those that are known to hold plain numbers alone.
    """
    looked_at = [
        name
        for name in schema.names
        if name not in schema.exclude and (name in schema.text or name not in forms)
    ]
    return by_line(_column(records, name, schema) for name in looked_at)


def _column(records: pl.DataFrame, name: str, schema: Schema) -> Rejects:
    """What is odd in one column."""
    if name in schema.text:
        if not _words_alone(schema.domains.get(name, frozenset())):
            return NONE
        numbers = records[name].str.contains(NUMBER).fill_null(False)
        return _found(records, name, OddityKind.NUMBER_FOR_TEXT, numbers)
    # Parsing is cheaper than matching, and almost every value passes; what does not is looked at closely.
    finite = records[name].cast(pl.Float64, strict=False).is_finite().fill_null(False)
    suspects = records.select("@line", name).filter(~finite & records[name].is_not_null())
    if suspects.is_empty():
        return NONE
    endless = suspects[name].str.contains(NOT_FINITE)
    text = ~endless & ~suspects[name].str.contains(NUMBER)
    return _found(suspects, name, OddityKind.NOT_FINITE, endless) + _found(
        suspects, name, OddityKind.TEXT_FOR_NUMBER, text
    )


def _words_alone(domain: frozenset[str]) -> bool:
    """Whether a baseline's values are known and none of them looks like a number."""
    return bool(domain) and not any(re.match(NUMBER, value) for value in domain)


def _found(values: pl.DataFrame, name: str, kind: Kind, odd: pl.Series) -> Rejects:
    """Count where `odd` holds."""
    if not odd.any():
        return NONE
    lines = values["@line"].filter(odd)
    examples = (Reject(kind, line, name, _DETAILS[OddityKind(kind)]) for line in lines.head(EXAMPLES))
    return many(kind, len(lines), examples)
