"""One captured payload, of any encoding, as rows of cells.

Numbers of JSON keep the text in which they were written (1e5 stays "1e5"): CSV has nothing else, and so both
say the same and nothing is lost. NaN and Infinity are taken as the values that they are.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from monitor.capture.columns import Row
from monitor.capture.rejects import RejectKind

Json = dict[str, "Json"] | list["Json"] | str | bool | None
"""A JSON value; its numbers are `Number`."""

WRAPPERS = frozenset({"instances", "predictions", "records", "results", "outputs"})
"""Keys whose list of bare values is a list of records. `features` is not one: its list is one record."""


JSON_LINES = ("jsonlines", "jsonl", "ndjson")
"""How the media types of JSON Lines end."""


class RefusedError(Exception):
    """A line that cannot be used: why, in the vocabulary of rejects, without any captured value."""

    def __init__(self, kind: RejectKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Number(str):
    """The text of a JSON number, as it was written."""

    __slots__ = ()


def _first_wins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object whose repeated keys keep their first value, wherever it is read."""
    return dict(reversed(pairs)) if len({key for key, _ in pairs}) < len(pairs) else dict(pairs)


_JSON = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_first_wins
)


def parse(text: str) -> Json:
    """`text` as JSON.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        value: Json = _JSON.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


_NUMBERS = json.JSONDecoder(object_pairs_hook=_first_wins)


def parse_numbers(text: str) -> object:
    """`text`, which `parse` took, with its numbers as numbers."""
    value: object = _NUMBERS.decode(text)
    return value


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one side.

    `vector`: one row from a bare list, which may as well be one record an item; `blank`: there was no text;
    `whole`: one row that holds for every record of the request.
    """

    rows: list[Row[str | None]]
    vector: bool = False
    blank: bool = False
    whole: bool = False

    def matched(self, count: int) -> list[Row[str | None]]:
        """The rows; a bare list of `count` items beside `count` records is one item a record."""
        if self.vector and count != 1 and len(self.rows[0].cells) == count:
            return [Row([cell]) for cell in self.rows[0].cells]
        return self.rows * max(1, count) if self.whole else self.rows


ReadJson = Callable[[str, bool], Rows]
"""Reads the text of a JSON payload; whether its content type says JSON Lines."""


def json_rows(data: str, lines: bool) -> Rows:
    """One row a record; `lines`: the content type says JSON Lines.

    Raises:
        RefusedError: NOT_DECODABLE, NO_PAYLOAD.
    """
    texts, lined = json_texts(data, lines=lines)
    try:
        if not lined:
            return document_rows(parse(texts[0]))
        return Rows([flatten(parse(text)) for text in texts])
    except (ValueError, RecursionError) as error:
        raise RefusedError(RejectKind.NOT_DECODABLE, "a payload called JSON is not JSON") from error


def read_payload(side: Json, read_json: ReadJson = json_rows) -> Rows:
    """The rows of `endpointInput` or `endpointOutput`; `read_json` reads what is JSON.

    Raises:
        RefusedError: NOT_CAPTURE, NOT_DECODABLE, NO_PAYLOAD.
    """
    if not isinstance(side, dict) or not isinstance(data := side.get("data"), str):
        raise RefusedError(RejectKind.NOT_CAPTURE, "a captured side has no text under data")
    encoding = side.get("encoding")
    media = media_type(side.get("observedContentType"))
    if encoding == "BASE64":
        data = _unbase64(data)
    data = valid_text(data)
    if encoding == "CSV" or (encoding == "BASE64" and media.endswith("csv")):
        return Rows(list(csv_rows(data)), blank=not data.strip("\r\n"))
    if encoding == "JSON" or (encoding == "BASE64" and "json" in media):
        return read_json(data, media.endswith(JSON_LINES))
    raise RefusedError(
        RejectKind.NOT_DECODABLE,
        "the payload is neither CSV nor JSON: list its content type in CaptureContentTypeHeader",
    )


def media_type(header: Json) -> str:
    """A content type without its parameters."""
    return str(header or "").partition(";")[0].strip().lower()


def _unbase64(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise RefusedError(RejectKind.NOT_DECODABLE, "the BASE64 payload holds no UTF-8 text") from error


def csv_rows(data: str) -> Iterator[Row[str | None]]:
    """One row a line; an empty cell is missing. Line ends after the last row do not count.

    Raises:
        RefusedError: NOT_DECODABLE, quotes that do not close.
    """
    data = data.strip("\r\n")
    if '"' not in data:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            yield Row([cell or None for cell in line.split(",")])
        return
    try:
        for cells in csv.reader(io.StringIO(data, newline=""), strict=True):
            yield Row([cell or None for cell in cells] or [None])
    except csv.Error as error:
        raise RefusedError(RejectKind.NOT_DECODABLE, "the quotes of a CSV payload do not match") from error


def json_texts(data: str, *, lines: bool) -> tuple[list[str], bool]:
    """The texts of a payload's documents, and whether each is a line of its own.

    `lines`: the content type says JSON Lines, which also go by the name of JSON.

    Raises:
        RefusedError: NO_PAYLOAD.
    """
    text = data.strip()
    if not text:
        raise RefusedError(RejectKind.NO_PAYLOAD, "a JSON payload is empty")
    if not lines:
        try:
            parse(text)
        except ValueError:
            lines = "\n" in text
    return ([line for line in text.split("\n") if line.strip()], True) if lines else ([text], False)


def document_rows(document: Json) -> Rows:
    """The rows of one JSON document: the items of its list of records, or itself."""
    items, wrapped = document, False
    if isinstance(document, dict) and len(document) == 1:
        key, items = next(iter(document.items()))
        wrapped = key in WRAPPERS
    if isinstance(items, list):
        if wrapped or (items and all(isinstance(item, dict | list) for item in items)):
            return Rows([flatten(item) for item in items])
        return Rows([flatten(document)], vector=not any(isinstance(item, dict | list) for item in items))
    return Rows([flatten(document)])


def flatten(document: Json) -> Row[str | None]:
    """The leaves in order: nested keys joined by "_", list items by their index."""
    names: list[str] = []
    cells: list[str | None] = []
    for name, leaf in _leaves(document, ""):
        names.append(name)
        cells.append(cell_text(leaf))
    return Row(cells, tuple(names) if isinstance(document, dict) else None)


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{path}_{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}_{index}" if path else str(index))
    else:
        yield path, value


def cell_text(leaf: object) -> str | None:
    """A leaf as text: true and false as JSON writes them, null as missing."""
    if leaf is None or isinstance(leaf, bool):
        return None if leaf is None else str(leaf).lower()
    return valid_text(str(leaf))


def valid_text(text: str) -> str:
    """`text` with "?" for half a surrogate pair, which JSON can escape and UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
