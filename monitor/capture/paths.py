"""Columns by declared paths: JMESPath expressions over the JSON payload of a column's side.

A path that ends in a list by way of a projection (`instances[].length`) gives one value a record; one without
(`parameters.temperature`) gives one value that every record of the payload shares. JMESPath's own projections
drop nulls, and with them the places of the values behind them: here a record that lacks a value keeps its
place, and the value is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from monitor.capture.columns import Row
from monitor.capture.payload import (
    Json,
    Number,
    ReadJson,
    RefusedError,
    Rows,
    cell_text,
    json_rows,
    json_texts,
    parse,
    parse_numbers,
    valid_text,
)
from monitor.capture.rejects import RejectKind

_STEPS = frozenset({"field", "subexpression", "index_expression", "index", "identity", "current"})
_PROJECTIONS = frozenset({"projection", "value_projection", "filter_projection"})

_INTERPRETER = TreeInterpreter()

Node = Mapping[str, Any]
"""A node of the tree into which the library parses an expression: "type", "children", "value"."""


@dataclass(frozen=True, slots=True)
class Path:
    """One column's path.

    Attributes:
        text: as it was declared.
        tree: as the library parsed it.
        structural: whether where the values are depends on keys and places alone, not on values. Such a path
            keeps the text of numbers (1e5 stays "1e5"); any other sees numbers as numbers.
        many: whether it gives a value a record.
    """

    text: str
    tree: Node
    structural: bool
    many: bool


@lru_cache(maxsize=4096)
def path_of(text: str) -> Path:
    """A path from its expression.

    Raises:
        ValueError: it is no JMESPath expression.
    """
    try:
        tree: Node = jmespath.compile(text).parsed
    except JMESPathError as error:
        raise ValueError(f"{text!r} is no JMESPath expression: {str(error).splitlines()[0]}") from None
    return Path(text, tree, _is_structural(tree), tree["type"] in _PROJECTIONS)


def _is_structural(node: Node) -> bool:
    """Whether it steps down keys, places and lists, a projection being behind no other's result."""
    kind, children = node["type"], node["children"]
    if kind == "projection":
        listed, each = children
        listed = listed["children"][0] if listed["type"] == "flatten" else listed
        return _is_walk(listed) and _is_structural(each)
    return _is_walk(node)


def _is_walk(node: Node) -> bool:
    return node["type"] in _STEPS and all(_is_walk(child) for child in node["children"])


def reader_of(paths: Mapping[str, str]) -> ReadJson:
    """What reads a JSON payload of a side whose columns have these paths; () of them reads every leaf."""
    if not paths:
        return json_rows
    found = {name: path_of(text) for name, text in paths.items()}

    def read(data: str, lines: bool) -> Rows:
        return _path_rows(*json_texts(data, lines=lines), found)

    return read


def _path_rows(texts: list[str], lined: bool, paths: Mapping[str, Path]) -> Rows:
    """The rows of a JSON payload, one a record; `lined`: each of its texts is a document of its own.

    Raises:
        RefusedError: NOT_DECODABLE, ROWS_DIFFER.
    """
    structural = all(path.structural for path in paths.values())
    rows: list[Row[str | None]] = []
    for text in texts:
        try:
            document, values = parse(text), None if structural else parse_numbers(text)
        except ValueError as error:
            raise RefusedError(RejectKind.NOT_DECODABLE, "a payload called JSON is not JSON") from error
        rows += document_rows(document, values, paths)
    return Rows(rows, whole=not lined and is_whole(paths))


def is_whole(paths: Mapping[str, Path]) -> bool:
    """Whether none of the paths tells the records of a document apart: they share what is found."""
    return not any(path.many for path in paths.values())


def _cell(value: object) -> str | None:
    """A value as the text of a cell; a list or an object as JSON, so that no record is lost by it."""
    if isinstance(value, list | dict):
        return valid_text(json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")))
    return cell_text(value)


def document_rows(
    document: Json,
    values: object,
    paths: Mapping[str, Path],
    cell: Callable[[object], str | None] = _cell,
) -> list[Row[str | None]]:
    """The rows of one document.

    Args:
        document: with the text of its numbers.
        values: the same with numbers; looked at for paths that are not structural alone.
        paths: of each column, its path.
        cell: a value that was found as the text of a cell.

    Raises:
        RefusedError: NOT_DECODABLE, ROWS_DIFFER.
    """
    columns = {
        name: _values(path, document if path.structural else values, cell) for name, path in paths.items()
    }
    counts = {len(columns[name]) for name, path in paths.items() if path.many}
    if len(counts) > 1:
        detail = f"the paths of its columns find {_some(sorted(counts))} records in one document"
        raise RefusedError(RejectKind.ROWS_DIFFER, detail)
    count = counts.pop() if counts else 1
    cells = [column if paths[name].many else column * count for name, column in columns.items()]
    return [Row(list(row), tuple(paths)) for row in zip(*cells, strict=True)]


def _some(counts: Iterable[int]) -> str:
    return " and ".join(str(count) for count in counts)


def _values(path: Path, document: object, cell: Callable[[object], str | None]) -> list[str | None]:
    try:
        return [cell(value) for value in _records(path.tree, document)]
    except (JMESPathError, TypeError, ValueError, RecursionError) as error:
        # the library's own words may hold captured values
        detail = f"the path {path.text} cannot be taken of this document"
        raise RefusedError(RejectKind.NOT_DECODABLE, detail) from error


def _records(node: Node, document: object) -> Iterator[Any]:
    """The values at a path, one for each item of the lists that it goes through, missing ones too."""
    if node["type"] not in _PROJECTIONS:
        yield _visit(node, document)
        return
    listed, each, *kept = node["children"]
    items = _visit(listed, document)
    if node["type"] == "value_projection":
        items = list(items.values()) if isinstance(items, dict) else None
    for item in items if isinstance(items, list) else ():
        if not kept or _holds(_visit(kept[0], item)):
            yield from _records(each, item)


def _holds(value: object) -> bool:
    """Truth as JMESPath has it: numbers are true, what is empty is not."""
    return not (value is None or value is False or (isinstance(value, (str, list, dict)) and not value))


def _visit(node: Node, document: object) -> object:
    found: object = _INTERPRETER.visit(node, document)
    return found


def _plain(value: object) -> object:
    """A value without the texts of its numbers, for the library that writes it."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
