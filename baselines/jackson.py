"""JSON laid out as Model Monitor's files are: Jackson's pretty printer and Java's doubles."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

_ESCAPED = re.compile(r"\\\\|(\\u)([0-9a-f]{4})")
Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]


def render(value: Json, indent: str = "") -> str:
    """A value as text: two spaces a level, `" : "`, arrays on one line but for the objects in them."""
    match value:
        case float():
            return java_double(value)
        case str() | None | bool() | int():
            return quoted(value) if isinstance(value, str) else json.dumps(value)
        case Mapping():
            return _render_object(value, indent)
        case _:
            # a sketch has thousands of numbers: they take the short way
            items = [java_double(each) if type(each) is float else render(each, indent) for each in value]
            return f"[ {', '.join(items)} ]" if items else "[ ]"


def quoted(text: str) -> str:
    """A text as a JSON string, its control characters by capital digits (`\\u001F`)."""
    written = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: found[1] + found[2].upper() if found[2] else found[0], written)


def java_double(number: float) -> str:
    """A number as Java prints a double; what JSON has no number for is a string, as Jackson writes it."""
    if not math.isfinite(number):
        return {math.inf: '"Infinity"', -math.inf: '"-Infinity"'}.get(number, '"NaN"')
    digits = repr(number)
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return digits if "." in digits else _plain(number)
    return _scientific(digits)


def _render_object(value: Mapping[str, Json], indent: str) -> str:
    if not value:
        return "{ }"
    deeper = indent + "  "
    lines = (f"{deeper}{quoted(key)} : {render(each, deeper)}" for key, each in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def _plain(number: float) -> str:
    return f"{number:f}".rstrip("0") + "0"


def _scientific(digits: str) -> str:
    """`1e-05` and `12345678.9` as `1.0E-5` and `1.23456789E7`."""
    sign = "-" if digits.startswith("-") else ""
    mantissa, _, exponent = digits.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    significant = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(significant)
    power = int(exponent or 0) + len(whole) - 1 - leading_zeros
    tail = significant[1:].rstrip("0") or "0"
    return f"{sign}{significant[0]}.{tail}E{power}"
