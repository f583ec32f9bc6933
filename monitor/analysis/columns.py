"""The columns of captures for which there is no baseline: those of the first record that can be read."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.capture.columns import Row, Schema
from monitor.capture.exact import pair, parse_line
from monitor.capture.lines import blocks
from monitor.capture.payload import Json, RefusedError, read_payload


def columns_of(objects: Iterable[bytes]) -> Schema | None:
    """The first record's columns, output first: its keys, or `_c0`, `_c1`, …; None where there is none.

    `objects` are captured objects, unpacked.
    """
    for data in objects:
        for block in blocks(data):
            for line in block.lines(block.written.text["@line"]):
                try:
                    capture = parse_line(line).get("captureData")
                    found = _names(capture) if isinstance(capture, dict) else None
                except RefusedError:
                    continue
                if found:
                    return Schema(found)
    return None


def _names(capture: dict[str, Json]) -> tuple[str, ...] | None:
    sides = [
        read_payload(capture[name])
        for name in ("endpointOutput", "endpointInput")
        if capture.get(name) is not None
    ]
    if not sides:
        return None
    answered, asked = pair(sides[0], sides[1] if len(sides) > 1 else None)[0]
    names: list[str] = []
    for row in (answered, asked):
        names.extend(_of_row(row, len(names)) if row else ())
    return tuple(names) if len(set(names)) == len(names) else tuple(f"_c{n}" for n in range(len(names)))


def _of_row(row: Row[str | None], first: int) -> tuple[str, ...]:
    return row.names or tuple(f"_c{first + n}" for n in range(len(row.cells)))
