"""Captures of batch transforms: manifests that name objects, and the objects' rows as captured lines.

<prefix>/output/yyyy/mm/dd/hh/<manifest>     what the jobs that began in this hour answered
<prefix>/input/yyyy/mm/dd/hh/<manifest>      what they were asked

A manifest is a JSON array: {"prefix": "s3://…/"} first, then names below it. An answer X.out belongs to the
question X. Where the job joined the two, a CSV row ends with the prediction and a JSON record has it under
SageMakerOutput; `GenerateInferenceId` adds an id and the time of the job, as two last columns or two keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import polars as pl

from monitor.capture.columns import Schema
from monitor.capture.payload import RefusedError
from monitor.capture.rejects import RejectKind

VARIANT = "batch"
"""What stands for a variant where no endpoint answers."""

ADDED_ID = "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
ADDED_TIME = r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]+)?Z$"
ADDED_KEYS = ("SageMakerInferenceId", "SageMakerInferenceTime")
_ADDED = r',\s*"SageMakerInference(?:Id|Time)"\s*:\s*"[^"\\]*"'
_JOINED = r'"SageMakerOutput"\s*:'


@dataclass(frozen=True, slots=True)
class Transformed:
    """An object that a manifest names: its name there, and its whole address."""

    name: str
    uri: str


def parse_manifest(data: bytes) -> tuple[Transformed, ...]:
    """The objects of a manifest, in its order.

    Raises:
        RefusedError: NOT_JSON, NOT_CAPTURE.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RefusedError(RejectKind.NOT_JSON, "the manifest is not JSON") from error
    first, names = (document[0], document[1:]) if isinstance(document, list) and document else (None, [])
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or not all(isinstance(name, str) and name for name in names):
        detail = 'a manifest is a JSON array of {"prefix": "s3://…/"} and the names of objects below it'
        raise RefusedError(RejectKind.NOT_CAPTURE, detail)
    return tuple(Transformed(name, f"{prefix.rstrip('/')}/{name.lstrip('/')}") for name in names)


def captured_lines(answered: bytes, asked: bytes | None, schema: Schema, job: datetime, name: str) -> bytes:
    """The rows of an object as lines that an endpoint would have captured, a line each, blank ones too.

    Args:
        answered: the object of the output, unpacked.
        asked: that of the input, which is looked at where the job did not join the two.
        schema: the columns.
        job: the hour in which the job began; the time of records that do not have one of their own.
        name: the object's name, of which the ids of records are made that do not have one of their own.

    Raises:
        RefusedError: NOT_UTF8, NOT_DECODABLE, ROWS_DIFFER.
    """
    lines = _texts(answered)
    questions = None if asked is None else _texts(asked)
    if questions is not None and len(questions) != len(lines):
        detail = f"the output has {len(lines)} lines and the input {len(questions)}"
        raise RefusedError(RejectKind.ROWS_DIFFER, detail)
    frame = pl.DataFrame(
        {
            "out": lines,
            "in": questions if questions is not None else pl.Series([None] * len(lines), dtype=pl.String),
        }
    ).with_row_index("line", 1)
    json = pl.col("out").str.contains(r"^\s*[{\[]")
    rows = pl.concat([_csv_rows(frame.filter(~json), schema), _json_rows(frame.filter(json))]).sort("line")
    usual = job.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = pl.struct(
        pl.col("id").fill_null(pl.lit(f"{name}:") + pl.col("line").cast(pl.String)).alias("eventId"),
        pl.col("time").fill_null(usual).str.replace(r"\.[0-9]+Z$", "Z").alias("inferenceTime"),
    )
    sides = {
        "whole": pl.struct(_side("out").alias("batchTransformOutput")),
        "both": pl.struct(_side("in").alias("endpointInput"), _side("out").alias("endpointOutput")),
        "answer": pl.struct(_side("out").alias("endpointOutput")),
    }
    encoded = [
        rows.filter(pl.col("form") == form).select(
            "line",
            pl.struct(
                capture.alias("captureData"), about.alias("eventMetadata"), pl.lit("0").alias("eventVersion")
            )
            .struct.json_encode()
            .alias("event"),
        )
        for form, capture in sides.items()
    ]
    blank = frame.filter(pl.col("out").str.strip_chars() == "").select("line", pl.lit("").alias("event"))
    told = pl.concat([blank, *(one.join(blank, on="line", how="anti") for one in encoded)]).sort("line")
    return "\n".join(told["event"]).encode()


def _texts(data: bytes) -> pl.Series:
    """The lines of an object; of a JSON document that is no line, its records."""
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        detail = f"the object is not UTF-8 from byte {error.start + 1} on"
        raise RefusedError(RejectKind.NOT_UTF8, detail) from error
    begins = text[:1]
    if begins == "[" or (begins == "{" and not text.partition("\n")[0].rstrip().endswith("}")):
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise RefusedError(RejectKind.NOT_DECODABLE, "the object begins like JSON and is none") from error
        records = document if isinstance(document, list) else [document]
        return pl.Series([orjson.dumps(record).decode() for record in records], dtype=pl.String)
    return pl.Series(text.replace("\r\n", "\n").split("\n"), dtype=pl.String)


_ROWS = ("line", "form", "in", "out", "encoding_in", "encoding_out", "id", "time")


def _csv_rows(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """CSV rows; those that the job joined are cut in two, unless quotes hide where."""
    outputs = max(1, len(schema.outputs))
    inputs = len(schema.names) - outputs
    cells, width = pl.col("out").str.split(","), pl.col("out").str.count_matches(",", literal=True) + 1
    identified = (
        cells.list.get(-2, null_on_oob=True).str.contains(ADDED_ID)
        & cells.list.get(-1, null_on_oob=True).str.contains(ADDED_TIME)
    ).fill_null(False)
    own = frame.with_columns(
        cells.alias("cells"),
        identified.alias("identified"),
        (width - 2 * identified.cast(pl.Int64)).alias("width"),
        pl.col("out").str.contains('"', literal=True).alias("quoted"),
    ).with_columns(pl.col("cells").list.head(pl.col("width")).alias("own"))
    joined = (pl.col("width") == len(schema.names)) & ~pl.col("quoted")
    form = (
        pl.when(joined | pl.col("in").is_not_null())
        .then(pl.lit("both"))
        .when((pl.col("width") == outputs) & ~pl.col("quoted") & ~joined.any())
        .then(pl.lit("answer"))
        .otherwise(pl.lit("whole"))
    )
    return own.select(
        "line",
        form.alias("form"),
        pl.when(joined).then(pl.col("own").list.head(inputs).list.join(",")).otherwise("in").alias("in"),
        pl.when(joined)
        .then(pl.col("own").list.tail(outputs).list.join(","))
        .otherwise(pl.col("own").list.join(","))
        .alias("out"),
        pl.when(joined).then(pl.lit("CSV")).otherwise(_encoding("in")).alias("encoding_in"),
        pl.lit("CSV").alias("encoding_out"),
        pl.when("identified").then(pl.col("cells").list.get(-2, null_on_oob=True)).alias("id"),
        pl.when("identified").then(pl.col("cells").list.get(-1, null_on_oob=True)).alias("time"),
    )


def _json_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """JSON records, a line each."""
    joined = pl.col("out").str.contains(_JOINED)
    found_id, found_time = (
        pl.col("out").str.extract(rf'"SageMakerInference{what}"\s*:\s*"([^"\\]+)"') for what in ("Id", "Time")
    )
    form = (
        pl.when(joined).then(pl.lit("whole")).when(pl.col("in").is_null()).then(pl.lit("answer"))
    ).otherwise(pl.lit("both"))
    return frame.select(
        "line",
        form.alias("form"),
        "in",
        pl.col("out").str.replace_all(_ADDED, ""),
        _encoding("in").alias("encoding_in"),
        pl.lit("JSON").alias("encoding_out"),
        found_id.alias("id"),
        pl.when(found_time.str.contains(ADDED_TIME)).then(found_time).alias("time"),
    ).select(_ROWS)


def _encoding(side: str) -> pl.Expr:
    return pl.when(pl.col(side).str.contains(r"^\s*[{\[]")).then(pl.lit("JSON")).otherwise(pl.lit("CSV"))


def _side(side: str) -> pl.Expr:
    """One side of a captured line, keys in SageMaker's order."""
    return pl.struct(
        pl.lit(None, pl.String).alias("observedContentType"),
        pl.lit("OUTPUT" if side == "out" else "INPUT").alias("mode"),
        pl.col(side).alias("data"),
        pl.col(f"encoding_{side}").alias("encoding"),
    )
