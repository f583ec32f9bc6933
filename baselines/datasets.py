"""Data sets in CSV, JSON Lines, a JSON array or Parquet, read in order and in batches of String columns.

Null is a missing value: an empty CSV cell, a JSON null or an absent key, a Parquet null or NaN.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import orjson
import polars as pl

from baselines.csv_batches import RowError, Run, csv_batches, csv_runs

_ROWS = 100_000
_BYTES = 8 << 20
_GZIP = b"\x1f\x8b"
_BEGUN = 99  # lines among which the first that is not blank is looked for


class DatasetError(ValueError):
    """A data set that no baseline can be made of, in one sentence."""


class DatasetFormat(StrEnum):
    """What a data set is written in."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


_SUFFIXES = {
    ".csv": DatasetFormat.CSV,
    ".json": DatasetFormat.JSON_LINES,
    ".jsonl": DatasetFormat.JSON_LINES,
    ".ndjson": DatasetFormat.JSON_LINES,
    ".parquet": DatasetFormat.PARQUET,
}


def format_of(where: str) -> DatasetFormat:
    """The format that a name's suffix says. Raises DatasetError."""
    suffix = Path(where.removesuffix(".gz")).suffix.lower()
    if suffix not in _SUFFIXES:
        raise DatasetError(f"{where} has a suffix that says no format: give it one of {', '.join(_SUFFIXES)}")
    return _SUFFIXES[suffix]


def batches(source: bytes | Path, kind: DatasetFormat, header: bool, where: str) -> Iterator[pl.DataFrame]:
    """The rows of a data set, some at a time, in String columns; `where` names it in errors.

    Without a `header` the columns of a CSV are `_c0`, `_c1` and so on. JSON Lines may bring columns that
    earlier batches did not have. Raises DatasetError.
    """
    with _opened(source, kind, where) as stream:
        yield from _READERS[kind](stream, header)


def runs(source: Path, header: bool, where: str) -> Iterator[Run]:
    """The rows of a CSV by their width, some at a time: none of them has to be as wide as the first.

    Raises DatasetError.
    """
    with _opened(source, DatasetFormat.CSV, where) as stream:
        yield from csv_runs(stream, header=header, size=_BYTES)


def line_batches(source: bytes | Path, where: str) -> Iterator[list[bytes]]:
    """The lines of a data set, some at a time. Raises DatasetError."""
    with _opened(source, DatasetFormat.JSON_LINES, where) as stream:
        while lines := stream.readlines(_BYTES):
            yield lines


@contextmanager
def opened(source: bytes | Path) -> Iterator[BinaryIO]:
    """The bytes of a data set, unpacked where they are gzip. Reading raises what gzip raises."""
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        packed = stream.read(len(_GZIP)) == _GZIP
        stream.seek(0)
        if not packed:
            yield stream
            return
        with gzip.GzipFile(fileobj=stream) as unpacked, io.BufferedReader(unpacked, _BYTES) as buffered:
            yield buffered


def whole(
    source: bytes | Path, header: bool, where: str, kind: DatasetFormat | None = None
) -> Iterator[pl.DataFrame]:
    """As `batches`, of a file or of the files of a folder in the order of their names.

    Their suffixes say the format where no `kind` does. Raises DatasetError.
    """
    if not isinstance(source, Path) or not source.is_dir():
        yield from batches(source, kind or format_of(where), header, where)
        return
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.name[0] not in "._")
    if not files:
        raise DatasetError(f"the folder {where} holds no files; give the one that holds the data set")
    for path in files:
        yield from batches(path, kind or format_of(str(path)), header, str(path))


@contextmanager
def _opened(source: bytes | Path, kind: DatasetFormat, where: str) -> Iterator[BinaryIO]:
    try:
        with opened(source) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise DatasetError(f"{where} is gzip that is damaged or breaks off; write it again") from None
    except OSError as error:
        raise DatasetError(f"{where} cannot be read: {error.strerror or error}; give another file") from None
    except RowError as error:
        raise DatasetError(f"{where}{error}") from None
    except pl.exceptions.PolarsError:
        raise DatasetError(
            f"{where} is not {kind} that can be read; write it again, or as another format"
        ) from None


def _csv(stream: BinaryIO, header: bool) -> Iterator[pl.DataFrame]:
    return csv_batches(stream, header=header, size=_BYTES)


def _json_lines(stream: BinaryIO, _header: bool) -> Iterator[pl.DataFrame]:
    number = 1
    while lines := stream.readlines(_BYTES):
        if number == 1 and b"".join(lines[:_BEGUN]).lstrip().startswith(b"["):
            yield from _json_lines(io.BytesIO(_listed(b"".join(lines) + stream.read())), _header)
            return
        typed = flat_lines(lines)
        yield _any_lines(lines, number) if typed is None else typed
        number += len(lines)


def _listed(data: bytes) -> bytes:
    """A JSON array of records as the lines that they make."""
    try:
        records = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RowError(" begins with [ and is not JSON: correct it, or write one object a line") from None
    wrong = next((i for i, record in enumerate(records, 1) if not isinstance(record, dict)), None)
    if wrong is not None:
        raise RowError(f", record {wrong}: is not a JSON object; write one object a record")
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def flat_lines(lines: Sequence[bytes]) -> pl.DataFrame | None:
    """The fast way, for lines in which each key has values of one type; None for any others."""
    try:
        frame = pl.read_ndjson(b"".join(lines), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return None
    if any(kind.is_nested() for kind in frame.dtypes):
        return None
    names = _key_order(lines, frame.width)
    if names is None or names.keys() != set(frame.columns):
        return None
    positions = [frame.get_column_index(name) for name in names]
    return frame.select(_as_text(i, frame.dtypes[i]) for i in positions)


def _key_order(lines: Sequence[bytes], count: int) -> dict[str, None] | None:
    """The keys as they first occur, or None for lines that are no objects.

    Of 33 columns and more, polars 2.1 returns them shuffled. Lines are read until all `count` keys have come:
    most often the first one alone.
    """
    names: dict[str, None] = {}
    for line in filter(bytes.strip, lines):
        if len(names) == count:
            break
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(record, dict):
            return None
        names.update(dict.fromkeys(record))
    return names


def _any_lines(lines: list[bytes], number: int) -> pl.DataFrame:
    """The exact way, which finds the line that is wrong."""
    records = [_record(line, number + i) for i, line in enumerate(lines) if line.strip()]
    names = dict.fromkeys(name for record in records for name in record)
    return pl.DataFrame(
        [pl.Series(name, [each.get(name) for each in records], dtype=pl.String) for name in names]
    )


def _record(line: bytes, number: int) -> dict[str, str | None]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RowError(f", line {number}: is not JSON; correct it or leave it out") from None
    if not isinstance(record, dict):
        raise RowError(f", line {number}: is not a JSON object; write one object a line")
    return {name: _json_text(name, value, number) for name, value in record.items()}


def _json_text(name: str, value: object, number: int) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        raise RowError(
            f", line {number}, key {name}: holds an object or a list; flatten it to one value a key"
        )
    return str(value).lower()


def _parquet(stream: BinaryIO, _header: bool) -> Iterator[pl.DataFrame]:
    source = pl.scan_parquet(stream)
    schema = source.collect_schema()
    for name, kind in schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object):
            raise RowError(f", column {name}: holds {kind} values; flatten it to numbers or text")
    columns = [_as_text(i, kind) for i, kind in enumerate(schema.dtypes())]
    for batch in source.collect_batches(chunk_size=_ROWS, maintain_order=True):
        yield batch.select(columns)


def _as_text(position: int, kind: pl.DataType) -> pl.Expr:
    """A typed column as the texts whose types are inferred: a float's text says that it is one."""
    column = pl.nth(position)
    if kind.is_float():  # 32-bit floats widen first, as Spark's do
        return column.cast(pl.Float64).fill_nan(None).cast(pl.String)
    return column.cast(pl.String)


_READERS: dict[DatasetFormat, Callable[[BinaryIO, bool], Iterator[pl.DataFrame]]] = {
    DatasetFormat.CSV: _csv,
    DatasetFormat.JSON_LINES: _json_lines,
    DatasetFormat.PARQUET: _parquet,
}
