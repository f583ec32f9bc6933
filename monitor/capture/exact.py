"""Captured lines one at a time: slow, and takes everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from monitor.capture.columns import Row, Schema, arrange
from monitor.capture.lines import Line
from monitor.capture.paths import reader_of
from monitor.capture.payload import Json, RefusedError, Rows, parse, read_payload, valid_text
from monitor.capture.records import MISFITS, Part, record_types
from monitor.capture.rejects import Reject, RejectKind, listed

Pair = tuple[Row[str | None] | None, Row[str | None] | None]
"""The output row and the input row of one record."""


@dataclass(slots=True)
class _Tally:
    """What the lines so far have given."""

    records: list[tuple[object, ...]] = field(default_factory=list)
    misfits: list[tuple[int, datetime | None, int]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def read_exactly(lines: Iterable[Line], schema: Schema, need_time: bool) -> Part:
    """The records of `lines`; every line that cannot be used is a reject of its own."""
    tally = _Tally()
    for line in lines:
        try:
            _read(line, schema, need_time, tally)
        except RefusedError as refused:
            tally.rejects.append(Reject(refused.kind, line.number, None, refused.detail))
    return Part(
        pl.DataFrame(tally.records, schema=record_types(schema), orient="row"),
        pl.DataFrame(tally.misfits, schema=MISFITS, orient="row"),
        listed(tally.rejects),
    )


def _read(line: Line, schema: Schema, need_time: bool, tally: _Tally) -> None:
    """Add what one line holds to the tally, or raise `RefusedError` before anything is added."""
    event = parse_line(line)
    capture, metadata = event.get("captureData"), event.get("eventMetadata")
    if not isinstance(capture, dict) or not isinstance(metadata, dict):
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line has no captureData or no eventMetadata")
    event_id = read_id(metadata)
    inference_id = _text(metadata.get("inferenceId"))
    time = read_time(metadata.get("inferenceTime"), need_time)
    for position, (answered, asked) in enumerate(_pairs(capture, schema)):
        cells = arrange(schema, answered, asked)
        if isinstance(cells, int):
            tally.misfits.append((line.number, time, cells))
            tally.rejects.append(wrong_columns(line.number, cells, schema))
        else:
            tally.records.append((line.number, position, event_id, inference_id, time, *cells))


def wrong_columns(line: int | None, width: int, schema: Schema) -> Reject:
    """The example of a record with another number of columns than the schema."""
    detail = f"the record has {width} columns where the baseline has {len(schema.names)}"
    return Reject(RejectKind.WRONG_COLUMNS, line, None, detail)


def parse_line(line: Line) -> dict[str, Json]:
    """The JSON object of a line.

    Raises:
        RefusedError: CUT_OFF, NOT_UTF8, NOT_JSON, NOT_CAPTURE.
    """
    try:
        event = parse(line.raw.decode())
    except ValueError as error:
        if line.cut:
            raise RefusedError(RejectKind.CUT_OFF, "the last line breaks off before its end") from error
        if isinstance(error, UnicodeDecodeError):
            detail = f"the bytes are not UTF-8 from byte {error.start + 1} of the line on"
            raise RefusedError(RejectKind.NOT_UTF8, detail) from error
        raise RefusedError(RejectKind.NOT_JSON, "the line is not JSON") from error
    if not isinstance(event, dict):
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line is JSON but no object")
    return event


def read_id(metadata: dict[str, Json]) -> str:
    """The event's id.

    Raises:
        RefusedError: NO_ID.
    """
    event_id = _text(metadata.get("eventId"))
    if event_id is None:
        raise RefusedError(RejectKind.NO_ID, "the line has no eventId")
    return event_id


def read_time(value: Json, needed: bool) -> datetime | None:
    """An ISO 8601 time as UTC; one without an offset is taken for UTC. None where there is none.

    Raises:
        RefusedError: BAD_TIME, for one that can't be read, and where a time is needed for none.
    """
    if value is None and not needed:
        return None
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        detail = "inferenceTime is missing or is no ISO 8601 time"
        raise RefusedError(RejectKind.BAD_TIME, detail) from error


def _text(value: Json) -> str | None:
    """A non-empty string in valid UTF-8."""
    return valid_text(value) if isinstance(value, str) and value else None


def _pairs(capture: dict[str, Json], schema: Schema) -> Sequence[Pair]:
    """The output and the input row of each record of a request."""
    if "batchTransformOutput" in capture:
        if schema.paths:  # they are taken of the joined record
            joined = read_payload(capture["batchTransformOutput"], reader_of(schema.paths)).rows
            if all(row.names is not None for row in joined):
                return [(None, row) for row in joined]
        return [
            batch_pair(row, len(schema.outputs)) for row in read_payload(capture["batchTransformOutput"]).rows
        ]
    return pair(
        _side(capture, "endpointOutput", schema.output_paths),
        _side(capture, "endpointInput", schema.input_paths),
    )


def _side(capture: dict[str, Json], name: str, paths: Mapping[str, str]) -> Rows | None:
    return None if capture.get(name) is None else read_payload(capture[name], reader_of(paths))


def pair(answered: Rows | None, asked: Rows | None) -> Sequence[Pair]:
    """The output and the input row of each record; None for a side that was not captured.

    Raises:
        RefusedError: NO_PAYLOAD, ROWS_DIFFER.
    """
    sides = [side for side in (answered, asked) if side is not None]
    if all(side.blank or not side.rows for side in sides):
        raise RefusedError(RejectKind.NO_PAYLOAD, "the request holds no record, neither input nor output")
    if answered is None or asked is None:
        return [(row, None) if answered else (None, row) for side in sides for row in side.rows]
    outs = answered.matched(len(asked.rows))
    ins = asked.matched(len(outs))
    if len(outs) != len(ins):
        detail = f"the output has {len(outs)} records and the input {len(ins)}"
        raise RefusedError(RejectKind.ROWS_DIFFER, detail)
    return list(zip(outs, ins, strict=True))


def batch_pair(row: Row[str | None], outputs: int) -> Pair:
    """A merged record of a batch transform: CSV ends with the prediction, JSON has it in SageMakerOutput."""
    if row.names is None:
        split = len(row.cells) - outputs
        return (Row(row.cells[split:]), Row(row.cells[:split])) if outputs else (None, row)
    inside = [name == "SageMakerOutput" or name.startswith("SageMakerOutput_") for name in row.names]
    named = list(zip(row.names, row.cells, inside, strict=True))
    answered = [(name.removeprefix("SageMakerOutput").lstrip("_"), cell) for name, cell, yes in named if yes]
    asked = [(name, cell) for name, cell, yes in named if not yes]
    return _row(answered), _row(asked)


def _row(pairs: list[tuple[str, str | None]]) -> Row[str | None]:
    return Row([cell for _, cell in pairs], tuple(name for name, _ in pairs))
