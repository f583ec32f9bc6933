"""The tables that a run hands over and reads back, as CSV or as Parquet; in between every cell is text."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from config.training import TrainingFormat

CONTENT_TYPES = {
    TrainingFormat.CSV: "text/csv",
    TrainingFormat.PARQUET: "application/vnd.apache.parquet",
}
_WHOLE = r"^[+-]?[0-9]{1,18}$"
Types = Mapping[str, type[pl.DataType]]


class TableError(ValueError):
    """Bytes that are no table of the format, in one sentence."""


def types_of(frames: Sequence[pl.DataFrame], text: Collection[str] = ()) -> Types:
    """What a column of String is in Parquet, the same in all frames that have it.

    Where every value is a whole number Int64, of numbers Float64, and else, as of those that `text` names,
    String. Spaces about a number are none of it, as a CSV payload may have them behind its commas.
    """
    names = dict.fromkeys(name for frame in frames for name in frame.columns if name not in text)
    return {
        name: _type(pl.concat([frame[name] for frame in frames if name in frame.columns])) for name in names
    }


def _type(values: pl.Series) -> type[pl.DataType]:
    known = values.drop_nulls().str.strip_chars()
    if known.is_empty():
        return pl.String
    if known.str.contains(_WHOLE).all():
        return pl.Int64
    return pl.String if known.cast(pl.Float64, strict=False).null_count() else pl.Float64


def write(frame: pl.DataFrame, format: TrainingFormat, types: Types | None = None) -> bytes:
    """The file of a frame of String columns; Parquet has the `types` that are given, and String elsewhere."""
    if format is TrainingFormat.CSV:
        return frame.write_csv().encode()
    numbers = [
        pl.col(name).str.strip_chars().cast(type_)
        for name, type_ in (types or {}).items()
        if name in frame.columns and type_ is not pl.String
    ]
    written = io.BytesIO()
    frame.with_columns(numbers).write_parquet(written)
    return written.getvalue()


def read(data: bytes, format: TrainingFormat, where: str, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of a table that Kedge wrote, as String.

    Raises:
        TableError: where the bytes are of another format, or lack a column: somebody wrote over them.
    """
    try:
        if format is TrainingFormat.CSV:
            found = pl.read_csv(io.BytesIO(data), infer_schema=False)
        else:
            found = pl.read_parquet(io.BytesIO(data)).cast(pl.String)
    except pl.exceptions.PolarsError as error:
        what = f"{where}, which Kedge wrote, is no {format.value} table any more ({type(error).__name__})"
        raise TableError(f"{what}: see who else writes to its folder") from error
    if missing := [name for name in columns if name not in found.columns]:
        raise TableError(
            f"{where}, which Kedge wrote, has no column {missing[0]!r} any more: see who else writes to its "
            "folder"
        )
    return found.select(columns)
