"""Captured lines by the hundred thousand, without a Python loop over them.

A pattern recognises, to the letter, the lines that SageMaker writes. They are parsed together; whatever the
pattern does not know, and whatever of it turns out not to be plain, is left to `exact`, line by line. So a
bad line costs nothing but itself, and what the two paths read is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from monitor.capture.alike import read_alike
from monitor.capture.columns import Schema
from monitor.capture.exact import wrong_columns
from monitor.capture.lines import Block
from monitor.capture.payload import JSON_LINES
from monitor.capture.records import META, MISFITS, Part
from monitor.capture.rejects import EXAMPLES, RejectKind, Rejects, many
from monitor.capture.rows import EVEN, SIDES, one_row_a_record


def _pattern(char: str) -> str:
    """The pattern of a captured line whose strings hold `char` and JSON's simple escapes."""
    text = rf'"(?:{char}|\\["\\/bfnrt])*"'
    some = f'"{char}+"'
    time = '"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z"'

    def side(name: str) -> str:
        return (
            rf'"{name}": ?\{{"observedContentType": ?(?:{text}|null), ?"mode": ?{text}, ?"data": ?{text}'
            rf', ?"encoding": ?"(?:CSV|JSON)"\}}'
        )

    into, out = side("endpointInput"), side("endpointOutput")
    return (
        rf'^\{{"captureData": ?\{{(?:{into}|{out}|{into}, ?{out})\}}'
        rf', ?"eventMetadata": ?\{{"eventId": ?{some}(?:, ?"inferenceId": ?{some})?'
        rf', ?"inferenceTime": ?{time}\}}, ?"eventVersion": ?{text}\}}$'
    )


PATTERNS = (_pattern(r"[ !#-\[\]-~]"), _pattern(r'[^"\\\x00-\x1f]'))
"""ASCII first, in half the time; then every character."""

_SIDE = pl.Struct({"observedContentType": pl.String, "data": pl.String, "encoding": pl.String})
_EVENT: dict[str, pl.DataType] = {
    "captureData": pl.Struct({"endpointInput": _SIDE, "endpointOutput": _SIDE}),
    "eventMetadata": pl.Struct({"eventId": pl.String, "inferenceId": pl.String, "inferenceTime": pl.String}),
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the fast path read, and the "@line" of the lines that it leaves to `exact`."""

    part: Part
    left: pl.Series


def read_fast(block: Block, schema: Schema) -> Taken:
    """The records of those lines of `block` that are plain."""
    requests = _requests(block)
    records, misfits = _fitted(one_row_a_record(requests.filter(_PLAIN_CSV)), schema)
    shaped = requests.filter(_SHAPED)
    if not shaped.is_empty():
        more_records, more_misfits = read_alike(shaped, schema)
        records, misfits = pl.concat([records, more_records]), pl.concat([misfits, more_misfits])
    return Taken(
        Part(records, misfits, _rejects(misfits, schema)), _left(block.text["@line"], records, misfits)
    )


def _left(lines: pl.Series, *read: pl.DataFrame) -> pl.Series:
    """Those of `lines` of which nothing was read."""
    taken = pl.concat([frame["@line"] for frame in read]).unique()
    return lines.clear() if len(taken) == len(lines) else lines.filter(~lines.is_in(taken.implode()))


def _requests(block: Block) -> pl.DataFrame:
    """One row a plain line: "@line", ids, "@time"; of each side, "in" and "out", its text and its kind."""
    known = _recognised(block.text["text"])
    all_known = block.whole and bool(known.all())
    lines = block.text if all_known else block.text.filter(known)
    raw = block.raw if all_known else (lines["text"].str.join("\n")[0] or "").encode()
    events = pl.read_ndjson(raw, schema=_EVENT) if lines.height else pl.DataFrame(schema=_EVENT)
    capture, metadata = pl.col("captureData").struct, pl.col("eventMetadata").struct
    into, out = capture.field("endpointInput").struct, capture.field("endpointOutput").struct
    return events.select(
        lines["@line"],
        metadata.field("eventId").alias("@event_id"),
        metadata.field("inferenceId").alias("@inference_id"),
        metadata.field("inferenceTime")
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False)
        .alias("@time"),
        into.field("data").str.strip_chars("\n").alias("in"),
        (into.field("encoding") == "JSON").alias("in_json"),
        _are_lines(into.field("observedContentType")).alias("in_lines"),
        out.field("data").str.strip_chars("\n").alias("out"),
        (out.field("encoding") == "JSON").alias("out_json"),
        _are_lines(out.field("observedContentType")).alias("out_lines"),
    ).filter(pl.col("@time").is_not_null())


def _recognised(text: pl.Series) -> pl.Series:
    """Which lines one of the patterns knows."""
    narrow = text.str.contains(PATTERNS[0])
    return narrow if narrow.all() else narrow | text.str.contains(PATTERNS[1])


def _are_lines(header: pl.Expr) -> pl.Expr:
    media = header.str.split(";").list.first().str.strip_chars().str.to_lowercase()
    return pl.any_horizontal(media.str.ends_with(ending) for ending in JSON_LINES).fill_null(False)


def _some_side(found: Callable[[str], pl.Expr]) -> pl.Expr:
    """Whether `found` holds of a side that was captured."""
    return pl.any_horizontal(found(side).fill_null(False) for side in SIDES)


_ANY_JSON = _some_side(lambda side: pl.col(f"{side}_json"))
_RETURNS = _some_side(lambda side: pl.col(side).str.contains("\r", literal=True))
_QUOTES = _some_side(lambda side: pl.col(side).str.contains('"', literal=True) & ~pl.col(f"{side}_json"))
_BLANK = pl.concat_str(*SIDES, ignore_nulls=True) == ""
_PLAIN_CSV = ~_ANY_JSON & ~_RETURNS & ~_QUOTES & EVEN & ~_BLANK
_SHAPED = _ANY_JSON & ~_RETURNS & ~_QUOTES


def _fitted(rows: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CSV rows whose cells have the schema's names, and those that have another number of cells."""
    rows = rows.with_columns(_cells(schema).alias("cells"))
    width = (rows["cells"].str.count_matches(",", literal=True) + 1).alias("@width")
    fits = width == len(schema.names)
    good = rows if fits.all() else rows.filter(fits)
    values = good["cells"].str.split_exact(",", len(schema.names) - 1).struct.unnest()
    values.columns = list(schema.names)
    values = values.with_columns(pl.all().replace("", None))
    misfits = rows.with_columns(width).filter(~fits).select(*MISFITS)
    return pl.concat([good.select(*META), values], how="horizontal"), misfits


def _cells(schema: Schema) -> pl.Expr:
    """Output, then input; for a side that was not captured empty cells, if the schema says how many."""
    missing_out = "," * len(schema.outputs)
    missing_in = "," * len(schema.inputs) if schema.outputs else ""
    return (
        pl.when(pl.col("in").is_null())
        .then(pl.col("out") + missing_in)
        .when(pl.col("out").is_null())
        .then(missing_out + pl.col("in"))
        .otherwise(pl.concat_str("out", "in", separator=","))
    )


def _rejects(misfits: pl.DataFrame, schema: Schema) -> Rejects:
    first = misfits.sort("@line").head(EXAMPLES).iter_rows()
    examples = [wrong_columns(line, width, schema) for line, _, width in first]
    return many(RejectKind.WRONG_COLUMNS, misfits.height, examples)
