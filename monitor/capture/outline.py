"""One payload as it stands in a captured line: its cells, and the words between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from monitor.capture.payload import Json, parse
from monitor.capture.shapes import Payload

_TOKEN: Final = re.compile(
    r'"(?P<text>[^"\\]*)"(?P<key>\s*:)?|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)'
    r"|(?P<other>[A-Za-z]+)"
)


@dataclass(frozen=True, slots=True)
class Outline:
    """What all payloads have in common that look like one.

    Attributes:
        payload: the text of that one, without the escapes of the line.
        first: what stands before its first cell, as the line has it.
        words: what stands between its cells; of CSV commas, and then this is empty.
        last: what stands after its last cell.
        cells: how many there are.
        numbers: of each cell of JSON, whether it is a number; others are texts. Of CSV nothing is said.
    """

    payload: Payload
    first: str
    words: tuple[str, ...]
    last: str
    cells: int
    numbers: tuple[bool, ...]


def outline_of(raw: str, *, json: bool, lines: bool) -> Outline | None:
    """The outline of a payload as it stands in a line; None where it is none that others are likely to have.

    `json`: it is JSON, else CSV; `lines`: its content type says JSON Lines.
    """
    if not json:
        return None if "\\" in raw else Outline(Payload(raw, json=False), "", (), "", raw.count(",") + 1, ())
    text = raw.replace('\\"', '"')
    if "\\" in text:
        return None
    tokens = list(_TOKEN.finditer(text))
    found = [token for token in tokens if token["key"] is None]
    try:
        leaves, keys = _counts(parse(text))
    except ValueError:
        return None
    if not found or any(token["other"] for token in found) or leaves != len(found):
        return None
    if keys != len(tokens) - len(found):  # one comes twice: which of its values counts is not for here
        return None
    spans = [token.span("number" if token["number"] else "text") for token in found]
    ends, starts = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
    first, *words, last = (_escaped(text[end:start]) for end, start in zip(ends, starts, strict=True))
    numbers = tuple(token["number"] is not None for token in found)
    return Outline(Payload(text, json=True, lines=lines), first, tuple(words), last, len(found), numbers)


def _counts(value: Json) -> tuple[int, int]:
    """How many leaves and how many keys a JSON value has."""
    if not isinstance(value, dict | list):
        return 1, 0
    inside = [_counts(each) for each in (value.values() if isinstance(value, dict) else value)]
    own = len(value) if isinstance(value, dict) else 0
    return sum(leaves for leaves, _ in inside), own + sum(keys for _, keys in inside)


def _escaped(word: str) -> str:
    return word.replace('"', '\\"')
