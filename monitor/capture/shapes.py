"""What one payload looks like, as a pattern for all that look the same.

A JSON payload is turned into a regular expression whose groups are its leaves; where each leaf belongs is
asked once of the code that reads payloads exactly, with the groups' names in place of values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.capture.columns import Row, Schema, arrange
from monitor.capture.exact import pair
from monitor.capture.paths import Path, is_whole, path_of
from monitor.capture.paths import document_rows as rows_by_paths
from monitor.capture.payload import Json, RefusedError, Rows, document_rows, flatten, parse

_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|NaN|-?Infinity"
_LEAF = rf'("[^"\\\x00-\x1f]*"|{_NUMBER}|true|false|null)'
_CELL = r'([^,"\r\n]*)'
_MOST_LEAVES = 400


@dataclass(frozen=True, slots=True)
class Payload:
    """The text of one side; `lines`: a JSON text is one of JSON Lines."""

    text: str
    json: bool
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """One side of a shape: a regular expression, and rows whose cells are the numbers of its groups."""

    regex: str
    rows: Rows
    json: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """The pattern of each side (None: not captured), and where each record's cells are.

    `records`: for each record of a request the groups ("out0", "in3", …) in the order of the schema's names,
    None for a missing one; or the number of its columns, where they don't fit.
    """

    answered: Pattern | None
    asked: Pattern | None
    records: tuple[Sequence[str | None] | int, ...]


def shape_of(schema: Schema, answered: Payload | None, asked: Payload | None) -> Shape | None:
    """The shape of a request, or None where it is none that a pattern can hold."""
    try:
        out = None if answered is None else _pattern(answered, schema.output_paths)
        into = None if asked is None else _pattern(asked, schema.input_paths)
        pairs = pair(out.rows if out else None, into.rows if into else None)
    except (RefusedError, ValueError, RecursionError):
        return None
    records = tuple(arrange(schema, _renamed(a, "out"), _renamed(b, "in")) for a, b in pairs)
    return Shape(out, into, records)


def _renamed(row: Row[str | None] | None, side: str) -> Row[str | None] | None:
    if row is None:
        return None
    return Row([None if cell is None else f"{side}{cell}" for cell in row.cells], row.names)


def _pattern(side: Payload, paths: Mapping[str, str]) -> Pattern:
    """The pattern of one side.

    Raises:
        ValueError: none can hold it.
    """
    if not side.json:
        cells = side.text.count(",") + 1
        row: Row[str | None] = Row([str(cell) for cell in range(cells)])
        return Pattern("^" + ",".join([_CELL] * cells) + "$", Rows([row], blank=not side.text), json=False)
    document = parse(side.text)
    numbers = (str(number) for number in range(_MOST_LEAVES))
    try:
        regex, symbols = _symbols(document, numbers)
    except StopIteration as error:
        raise ValueError("too many leaves") from error
    if paths:
        rows = _rows_by_paths(symbols, {name: path_of(text) for name, text in paths.items()}, side.lines)
    else:
        rows = Rows([flatten(symbols)]) if side.lines else document_rows(symbols)
    return Pattern(f"^{regex}$", rows, json=True)


def _rows_by_paths(symbols: Json, paths: Mapping[str, Path], lines: bool) -> Rows:
    """The rows of a shape; a path that looks at values is no matter of shapes, nor are lists in lines.

    Raises:
        ValueError: the records depend on more than the shape of one text.
    """
    if not all(path.structural for path in paths.values()) or (lines and not is_whole(paths)):
        raise ValueError("no matter of shapes")
    return Rows(rows_by_paths(symbols, None, paths, _leaf), whole=not lines and is_whole(paths))


def _leaf(symbol: object) -> str | None:
    """The symbol of a leaf; a list or an object is a cell only where its text is at hand."""
    if symbol is None or isinstance(symbol, str):
        return symbol
    raise ValueError("no leaf")


def _symbols(value: Json, numbers: Iterator[str]) -> tuple[str, Json]:
    """The pattern of a JSON value, and the value with the numbers of groups for leaves."""
    if isinstance(value, dict):
        inner = {key: _symbols(item, numbers) for key, item in value.items()}
        members = [f'"{_literal(key)}" ?: ?{regex}' for key, (regex, _) in inner.items()]
        return _enclosed(r"\{", members, r"\}"), {key: symbol for key, (_, symbol) in inner.items()}
    if isinstance(value, list):
        items = [_symbols(item, numbers) for item in value]
        return _enclosed(r"\[", [regex for regex, _ in items], r"\]"), [symbol for _, symbol in items]
    return _LEAF, next(numbers)


def _enclosed(opening: str, parts: list[str], closing: str) -> str:
    return f"{opening} ?" + " ?, ?".join(parts) + f" ?{closing}"


def _literal(key: str) -> str:
    """A key as a pattern; one that JSON may write in several ways is refused."""
    if not key.isprintable() or any(sign in key for sign in '"\\/'):
        raise ValueError("a key that needs escapes")
    return re.sub(r"([.+*?()|\[\]{}^$#&~-])", r"\\\1", key)
