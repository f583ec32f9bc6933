"""Labels that arrive after the inferences, and what they are joined by.

A label's eventId is the inferenceId of the request where the caller sent one, else its eventId: that is Model
Monitor's merge rule. Labels lie at <prefix>/yyyy/mm/dd/hh/, in the hour in which they were collected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from monitor.capture.decode import GIB
from monitor.capture.exact import parse_line, read_id
from monitor.capture.gunzip import gunzip
from monitor.capture.join_hash import hash_ids
from monitor.capture.lines import Block, Line, blocks
from monitor.capture.payload import Json, RefusedError, Rows, read_payload
from monitor.capture.rejects import Reject, RejectKind, Rejects, by_line, listed, one

__all__ = ["Labels", "decode_labels", "hash_ids", "join_ids"]

_FRAME: dict[str, pl.DataType] = {
    "@line": pl.UInt32(),
    "join_id": pl.String(),
    "row": pl.UInt32(),
    "label": pl.String(),
}

_TEXT = r'"[^"\\\x00-\x1f]*"'
_PLAIN = (
    r'^\{"groundTruthData": ?\{"data": ?"[^",\\\x00-\x1f]+", ?"encoding": ?"CSV"\}'
    r', ?"eventMetadata": ?\{"eventId": ?"[^"\\\x00-\x1f]+"'
    rf'(?:, ?"inferenceTime": ?{_TEXT})?\}}, ?"eventVersion": ?{_TEXT}\}}$'
)
"""A line with one label in CSV, which is nearly every line; the others are read one at a time."""

_EVENT: dict[str, pl.DataType] = {
    "groundTruthData": pl.Struct({"data": pl.String}),
    "eventMetadata": pl.Struct({"eventId": pl.String}),
}


@dataclass(frozen=True, slots=True)
class Labels:
    """What an object of ground truth held.

    Attributes:
        frame: "@line" UInt32 (1-based), "join_id" String, "row" UInt32 (the record's position in its
            request), "label" String (null: missing).
        rejects: what was not used.
    """

    frame: pl.DataFrame
    rejects: Rejects


def decode_labels(data: bytes, *, limit_bytes: int = GIB) -> Labels:
    """Decode the JSON lines of a ground-truth object, gzipped or not. Nothing in `data` can make it raise.

    Args:
        data: the object as stored.
        limit_bytes: what it may weigh unpacked; an object beyond it is refused whole.
    """
    unpacked = gunzip(data, limit_bytes)
    parts = [part for block in blocks(unpacked.data) for part in _read(block)]
    frame = pl.concat([pl.DataFrame(schema=_FRAME), *(part.frame for part in parts)])
    rejects = by_line([unpacked.rejects, *(part.rejects for part in parts)])
    if frame.is_empty() and not rejects.counts:
        rejects = one(RejectKind.EMPTY_FILE, "the object holds no line")
    return Labels(frame.sort("@line", "row"), rejects)


def _read(block: Block) -> Iterator[Labels]:
    """The labels of plain lines together, then those of the others."""
    plain = block.written.text["text"].str.contains(_PLAIN)
    known = block.written.text.filter(plain)
    if not known.is_empty():
        events = pl.read_ndjson("\n".join(known["text"]).encode(), schema=_EVENT)
        yield Labels(
            events.select(
                known["@line"],
                pl.col("eventMetadata").struct.field("eventId").alias("join_id"),
                pl.lit(0, pl.UInt32).alias("row"),
                pl.col("groundTruthData").struct.field("data").alias("label"),
            ),
            Rejects(),
        )
    left = pl.concat([block.written.text["@line"].filter(~plain), block.written.broken])
    if not left.is_empty():
        yield _read_exactly(block.lines(left.sort()))


@dataclass(slots=True)
class _Tally:
    """What the lines so far have given."""

    labels: list[tuple[int, str, int, str | None]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def _read_exactly(lines: Iterator[Line]) -> Labels:
    tally = _Tally()
    for line in lines:
        try:
            _read_line(line, tally)
        except RefusedError as refused:
            tally.rejects.append(Reject(refused.kind, line.number, None, refused.detail))
    return Labels(pl.DataFrame(tally.labels, schema=_FRAME, orient="row"), listed(tally.rejects))


def _read_line(line: Line, tally: _Tally) -> None:
    """Add the labels of one line, or raise `RefusedError` before anything is added."""
    event = parse_line(line)
    truth, metadata = event.get("groundTruthData"), event.get("eventMetadata")
    if truth is None or not isinstance(metadata, dict):
        raise RefusedError(RejectKind.NOT_CAPTURE, "the line has no groundTruthData or no eventMetadata")
    join_id = read_id(metadata)
    for position, cells in enumerate(_label_rows(truth)):
        if len(cells) == 1:
            tally.labels.append((line.number, join_id, position, cells[0]))
        else:
            detail = f"the ground truth has {len(cells)} columns where a label is one"
            tally.rejects.append(Reject(RejectKind.WRONG_COLUMNS, line.number, None, detail))


def _label_rows(truth: Json) -> list[tuple[str | None, ...]]:
    """The cells of each record; a bare list is one label an item."""
    rows: Rows = read_payload(truth)
    if not rows.rows:
        raise RefusedError(RejectKind.NO_PAYLOAD, "the line holds no label")
    count = len(rows.rows[0].cells) if rows.vector else 1
    return [tuple(row.cells) for row in rows.matched(count)]


def join_ids(records: pl.DataFrame) -> pl.Series:
    """What a label of each record would be joined by: its inference id, else its event id."""
    return records.select(pl.coalesce("@inference_id", "@event_id").alias("join_id")).to_series()
