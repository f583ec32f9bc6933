"""Records that were lost for what was asked, not for what was answered: their inputs have other columns.

A window's count of lost records does not tell the two apart, so its captures are read again. Only where a new
model seems to fail is that asked, and once a window.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from monitor.capture.columns import Row, Schema
from monitor.capture.decode import GIB
from monitor.capture.exact import parse_line, read_time
from monitor.capture.gunzip import gunzip
from monitor.capture.lines import Line
from monitor.capture.paths import reader_of
from monitor.capture.payload import RefusedError, read_payload
from objects import PlaceError, PlaceProblem
from retrain.bench import Bench
from store import captures
from store.records import Execution

_PASSED_OVER = frozenset({PlaceProblem.NO_KEY, PlaceProblem.DENIED, PlaceProblem.NO_BUCKET})
"""What can't be read excuses nothing, and is no reason to wait."""


def keys_of(connection: Connection, window: Execution) -> list[str]:
    """The objects from which the window lost records."""
    key = (window.monitor_id, window.start, window.variant, window.deployment_id)
    return [name for _, name in captures.keys_that_lost(connection, *key)]


def count(bench: Bench, schema: Schema, window: Execution, keys: list[str]) -> int:
    """How many inputs, captured in the window in these objects, have not the schema's columns.

    0 where a preprocess script makes the records: what it was given says nothing of them.

    Raises:
        PlaceError: where the captures can't be read now.
    """
    if bench.endpoint.hooks.preprocess is not None:
        return 0
    place, found = bench.place(bench.endpoint.capture), 0
    start = max(window.start, bench.era(window.deployment_id).started_at)
    for key in keys:
        try:
            data = gunzip(place.objects.read(key), GIB).data
        except PlaceError as error:
            if error.kind not in _PASSED_OVER:
                raise
            continue
        found += sum(_of_line(Line(0, raw), schema, (start, window.end)) for raw in data.splitlines())
    return found


def _of_line(line: Line, schema: Schema, within: tuple[datetime, datetime]) -> int:
    try:
        event = parse_line(line)
        capture, about = event.get("captureData"), event.get("eventMetadata")
        if not isinstance(capture, dict) or not isinstance(about, dict):
            return 0
        time = read_time(about.get("inferenceTime"), needed=True)
        if time is None or not within[0] <= time < within[1]:
            return 0
        rows = read_payload(capture.get("endpointInput"), reader_of(schema.input_paths)).rows
    except RefusedError:
        return 0
    return sum(not _fits(row, schema) for row in rows)


def _fits(row: Row[str | None], schema: Schema) -> bool:
    """Whether an input has a cell for each column, or names columns alone."""
    if row.names is None:
        return len(row.cells) == len(schema.inputs)
    return set(row.names) <= set(schema.inputs)
