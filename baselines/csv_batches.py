"""CSV in batches of String columns, the width of every row checked, without a loop over rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

_NEWLINE, _RETURN, _COMMA, _QUOTE = b'\n\r,"'
_LONGEST = 64 << 20  # bytes of one record
_BOM = b"\xef\xbb\xbf"


class RowError(ValueError):
    """Where in a file something is wrong, and what: the rest of a sentence that begins with the file."""


def csv_batches(stream: BinaryIO, *, header: bool, size: int) -> Iterator[pl.DataFrame]:
    """The rows of a CSV, about `size` bytes at a time; an empty cell is null, a blank line is no row.

    A line break inside quotes belongs to its cell. Raises RowError.
    """
    names: Sequence[str] | None = None
    for block in _blocks(stream, size):
        if names is None and block.blank().all():
            continue
        width = len(names) if names else block.first_width()
        _check_text(block)
        _check_widths(block, width)
        frame = _frame(block, ~block.blank(), width)
        if names is None:
            names = _names(frame.row(0)) if header else [f"_c{i}" for i in range(width)]
            frame = frame[1:] if header else frame
        frame.columns = list(names)
        yield frame


@dataclass(frozen=True, slots=True)
class Run:
    """Rows of one width, in order, and the lines that they begin at."""

    frame: pl.DataFrame
    lines: NDArray[np.int64]


def csv_runs(stream: BinaryIO, *, header: bool, size: int) -> Iterator[Run]:
    """The rows of a CSV whose rows may differ in width, those of a width together, some at a time.

    Those as wide as the header have its names, others `_c0`, `_c1` and so on. Raises RowError.
    """
    names: list[str] = []
    for block in _blocks(stream, size):
        _check_text(block)
        rows = ~block.blank()
        widths = block.widths()
        if header and not names and rows.any():
            first = np.arange(rows.size) == np.flatnonzero(rows)[0]
            names = _names(_frame(block, first, block.first_width()).row(0))
            rows &= ~first
        for width in np.unique(widths[rows]):
            wanted = rows & (widths == width)
            frame = _frame(block, wanted, int(width))
            frame.columns = names if len(names) == width else [f"_c{i}" for i in range(int(width))]
            yield Run(frame, block.lines()[wanted])


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole records of a CSV: their bytes, the line of the first, where records end and commas part them."""

    data: bytes
    line: int
    ends: NDArray[np.int64]
    commas: NDArray[np.int64]
    quoted: bool

    @property
    def starts(self) -> NDArray[np.int64]:
        return np.concatenate(([0], self.ends[:-1] + 1))

    def widths(self) -> NDArray[np.int64]:
        return np.diff(np.searchsorted(self.commas, self.ends), prepend=0) + 1

    def first_width(self) -> int:
        filled = self.widths()[~self.blank()]
        return int(filled[0]) if filled.size else 1

    def blank(self) -> NDArray[np.bool_]:
        sizes = self.ends - self.starts
        returns = np.frombuffer(self.data, np.uint8)[self.starts] == _RETURN
        return np.asarray((sizes == 0) | ((sizes == 1) & returns))

    def only(self, rows: NDArray[np.bool_]) -> bytes:
        if rows.all():
            return self.data
        lengths = np.diff(self.ends, prepend=-1)
        return np.frombuffer(self.data, np.uint8)[np.repeat(rows, lengths)].tobytes()

    def lines(self) -> NDArray[np.int64]:
        newlines = np.flatnonzero(np.frombuffer(self.data, np.uint8) == _NEWLINE)
        return np.asarray(self.line + np.searchsorted(newlines, self.starts))

    def line_at(self, position: int) -> int:
        return self.line + self.data.count(b"\n", 0, position)


def _blocks(stream: BinaryIO, size: int) -> Iterator[_Block]:
    line, rest = 1, stream.read(size).removeprefix(_BOM)
    while rest:
        more = stream.read(size)
        last = not more
        block = _block(rest if not last or rest.endswith(b"\n") else rest + b"\n", line)
        if block.ends.size:
            yield block
            line += block.data.count(b"\n")
        rest = rest[len(block.data) :] + more
        if rest and (last or len(rest) > _LONGEST + size):
            raise RowError(f", line {line}: has a quote that is never closed; close it")


def _block(data: bytes, line: int) -> _Block:
    """The whole records that the data begin with."""
    characters = np.frombuffer(data, np.uint8)
    quotes = characters == _QUOTE
    quoted = bool(quotes.any())
    outside = ~np.logical_xor.accumulate(quotes) if quoted else np.ones(len(data), dtype=np.bool_)
    ends = np.flatnonzero((characters == _NEWLINE) & outside)
    whole = int(ends[-1]) + 1 if ends.size else 0
    commas = np.flatnonzero((characters[:whole] == _COMMA) & outside[:whole])
    return _Block(data[:whole], line, ends, commas, quoted)


def _frame(block: _Block, rows: NDArray[np.bool_], width: int) -> pl.DataFrame:
    """The rows that are wanted, all of which are so wide."""
    schema = {f"column{i}": pl.String for i in range(width)}
    if not rows.any():
        return pl.DataFrame(schema=schema)
    frame = _parsed(block.only(rows), schema)
    if frame is None or frame.height != int(rows.sum()):
        raise RowError(
            f", line {block.line} or after: has a quote inside a cell; double it and put the cell in quotes"
        )
    return frame.with_columns(pl.all().replace("", None)) if block.quoted else frame


def _parsed(data: bytes, schema: dict[str, type[pl.String]]) -> pl.DataFrame | None:
    try:
        return pl.read_csv(data, has_header=False, schema=schema)
    except pl.exceptions.PolarsError:
        return None


def _check_text(block: _Block) -> None:
    try:
        block.data.decode()
    except UnicodeDecodeError as error:
        raise RowError(
            f", line {block.line_at(error.start)}: is not UTF-8; convert the file to UTF-8"
        ) from None


def _check_widths(block: _Block, width: int) -> None:
    widths = block.widths()
    wrong = np.flatnonzero(~block.blank() & (widths != width))
    if wrong.size:
        line = block.line_at(int(block.starts[wrong[0]]))
        raise RowError(
            f", line {line}: has {widths[wrong[0]]} cells where the first line has {width}; correct the row"
        )


def _names(row: tuple[str | None, ...]) -> list[str]:
    """The names in the first row; a column without one has the name that Spark gives it, by its place."""
    names = [name or f"_c{i}" for i, name in enumerate(row)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise RowError(
                f", line 1: column {i + 1} is named like an earlier one; "
                "name each column once, or say there is no header"
            )
    return names
