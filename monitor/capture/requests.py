"""Captured lines as a table of requests: those that SageMaker writes, recognised to the letter.

Two patterns know them. The narrow one is for CSV in ASCII, written as SageMaker itself writes it, which is
nearly everything: what it matches can be cut at fixed places, in a third of the time that parsing takes. The
wide one adds JSON payloads, other characters, escapes, spaces, and sides that were not captured.
"""

from __future__ import annotations

import polars as pl

from monitor.capture.payload import JSON_LINES
from monitor.capture.records import TIME

_TIME = '"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z"'
_ASCII = r"[ !#-\[\]-~]"
_ANY = r'[^"\\\x00-\x1f]'


def _narrow() -> str:
    text = f'"{_ASCII}*"'

    def side(name: str) -> str:
        kind = f'"observedContentType":(?:{text}|null),"mode":{text}'
        return rf'"{name}":\{{{kind},"data":"(?:{_ASCII}|\\n)*","encoding":"CSV"\}}'

    return (
        rf'^\{{"captureData":\{{{side("endpointInput")},{side("endpointOutput")}\}}'
        rf',"eventMetadata":\{{"eventId":"{_ASCII}+"(?:,"inferenceId":"{_ASCII}+")?'
        rf',"inferenceTime":{_TIME}\}},"eventVersion":{text}\}}$'
    )


def _wide(char: str) -> str:
    text = rf'"(?:{char}|\\["\\/bfnrt])*"'
    some = f'"{char}+"'

    def side(name: str) -> str:
        kind = rf'"observedContentType": ?(?:{text}|null), ?"mode": ?{text}'
        return rf'"{name}": ?\{{{kind}, ?"data": ?{text}, ?"encoding": ?"(?:CSV|JSON)"\}}'

    into, out = side("endpointInput"), side("endpointOutput")
    attributes = rf'(?:, ?"customAttributes": ?\[(?:{text}(?:, ?{text})*)?\])?'
    return (
        rf'^\{{"captureData": ?\{{(?:{into}|{out}|{into}, ?{out})\}}'
        rf', ?"eventMetadata": ?\{{"eventId": ?{some}(?:, ?"inferenceId": ?{some})?{attributes}'
        rf', ?"inferenceTime": ?{_TIME}\}}, ?"eventVersion": ?{text}\}}$'
    )


NARROW = _narrow()
WIDE = _wide(_ANY)

_SIDE = pl.Struct({"observedContentType": pl.String, "data": pl.String, "encoding": pl.String})
_EVENT: dict[str, pl.DataType] = {
    "captureData": pl.Struct({"endpointInput": _SIDE, "endpointOutput": _SIDE}),
    "eventMetadata": pl.Struct({"eventId": pl.String, "inferenceId": pl.String, "inferenceTime": pl.String}),
}


def read_requests(lines: pl.DataFrame) -> pl.DataFrame:
    """One row a recognised line of `lines` ("@line", "text").

    "@line", "@event_id", "@inference_id", "@time"; of each side, "in" and "out", its text (null where it was
    not captured), and as "in_json" and "in_lines" whether that is JSON, and JSON Lines.
    """
    narrow = lines["text"].str.contains(NARROW)
    if narrow.all():
        return _cut(lines)
    others = lines.filter(~narrow)
    return pl.concat([_cut(lines.filter(narrow)), _parsed(others.filter(pl.col("text").str.contains(WIDE)))])


def _cut(lines: pl.DataFrame) -> pl.DataFrame:
    """Requests of lines that the narrow pattern matches. No string in them holds a quote, escaped or not."""
    into, out, about = _pieces(lines["text"], ',"encoding":"CSV"', 2)
    words = _pieces(about, '"', 13)
    has_id = words[7] == "inferenceId"
    no_id = pl.Series([None], dtype=pl.String)
    return pl.select(
        lines["@line"],
        words[5].alias("@event_id"),
        words[9].zip_with(has_id, no_id).alias("@inference_id"),
        _time(pl.lit(words[13].zip_with(has_id, words[9]))),
        *_csv_side("in", into),
        *_csv_side("out", out),
    ).filter(pl.col("@time").is_not_null())


def _pieces(text: pl.Series, separator: str, times: int) -> list[pl.Series]:
    """`text` cut at the first `times` separators."""
    return text.str.split_exact(separator, times).struct.unnest().get_columns()


def _csv_side(side: str, piece: pl.Series) -> list[pl.Expr]:
    """A side of a request from the text before its encoding, which ends with its data."""
    data = _pieces(piece, '"data":"', 1)[1].str.strip_suffix('"')
    if data.str.contains("\\", literal=True).any():
        data = data.str.replace_all("\\n", "\n", literal=True).str.strip_chars("\n")
    return [
        pl.lit(data).alias(side),
        pl.lit(False).alias(f"{side}_json"),
        pl.lit(False).alias(f"{side}_lines"),
    ]


def _parsed(lines: pl.DataFrame) -> pl.DataFrame:
    """Requests of lines that the wide pattern matches: they are JSON, and no key is there twice."""
    raw = "\n".join(lines["text"]).encode()
    events = pl.read_ndjson(raw, schema=_EVENT) if raw else pl.DataFrame(schema=_EVENT)
    capture, metadata = pl.col("captureData").struct, pl.col("eventMetadata").struct
    return events.select(
        lines["@line"],
        metadata.field("eventId").alias("@event_id"),
        metadata.field("inferenceId").alias("@inference_id"),
        _time(metadata.field("inferenceTime")),
        *_side("in", capture.field("endpointInput")),
        *_side("out", capture.field("endpointOutput")),
    ).filter(pl.col("@time").is_not_null())


def _side(side: str, payload: pl.Expr) -> list[pl.Expr]:
    """A side of a request from its JSON object, which is null where it was not captured."""
    media = payload.struct.field("observedContentType").str.split(";").list.first()
    media = media.str.strip_chars().str.to_lowercase()
    lines = pl.any_horizontal(media.str.ends_with(ending) for ending in JSON_LINES).fill_null(False)
    return [
        payload.struct.field("data").str.strip_chars("\n").alias(side),
        (payload.struct.field("encoding") == "JSON").alias(f"{side}_json"),
        lines.alias(f"{side}_lines"),
    ]


def _time(text: pl.Expr) -> pl.Expr:
    """The time of an inference; null for a day that no calendar has."""
    return text.str.to_datetime(
        "%Y-%m-%dT%H:%M:%SZ", time_unit=TIME.time_unit, time_zone=TIME.time_zone, strict=False
    ).alias("@time")
