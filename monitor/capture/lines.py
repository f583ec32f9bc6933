"""The bytes of an object as blocks of numbered lines: memory stays flat, and a bad byte costs one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from monitor.capture.stretches import Bytes, Flags, Places

BLOCK_BYTES = 32 << 20
SHORTEST = 64
"""Bytes that no captured line is short of."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as stored; `cut`: it is the last of its object, and begun but not ended like one."""

    number: int
    raw: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Lines as text.

    Attributes:
        text: "@line" (1-based in the object) and "text" of those that are UTF-8 and not blank.
        broken: the numbers of those that are not UTF-8.
    """

    text: pl.DataFrame
    broken: pl.Series


_NOTHING = Written(
    pl.DataFrame(schema={"@line": pl.UInt32, "text": pl.String}), pl.Series("@line", [], pl.UInt32)
)


@dataclass(frozen=True)
class Block:
    """Whole lines of an object.

    Attributes:
        raw: their bytes.
        first: the number of the first line.
        last: whether these are the last lines of the object.
    """

    raw: bytes
    first: int
    last: bool

    @cached_property
    def array(self) -> Bytes:
        """The same as an array, which can't be written to."""
        return np.frombuffer(self.raw, np.uint8)

    @cached_property
    def _line_ends(self) -> Flags:
        return np.asarray(self.array == ord("\n"))

    @property
    def is_crowded(self) -> bool:
        """Whether its lines are so short, taken together, that hardly one of them can be a capture."""
        return int(np.count_nonzero(self._line_ends)) * SHORTEST > len(self.raw)

    @cached_property
    def ends(self) -> Places:
        """Where each line ends: the place of its line end, or of what would follow the last byte."""
        found = np.flatnonzero(self._line_ends)
        return found if self.raw.endswith(b"\n") else np.append(found, len(self.raw))

    @cached_property
    def starts(self) -> Places:
        """Where each line starts."""
        return np.concatenate([[0], self.ends[:-1] + 1])

    @cached_property
    def written(self) -> Written:
        """All lines as text."""
        return _written(self.raw, self.first)

    def some_written(self, lines: Places) -> Written:
        """Some lines as text, asked for by their places in the block, in order."""
        if not lines.size:
            return _NOTHING
        if lines.size == self.ends.size:
            return self.written
        wanted = np.zeros(self.ends.size, np.bool_)
        wanted[lines] = True
        of_wanted = np.repeat(wanted, self.ends - self.starts + 1)[: len(self.raw)]
        found = _written(self.array[of_wanted].tobytes(), 0)
        numbers = pl.Series("@line", lines + self.first, pl.UInt32)
        text = found.text.with_columns(numbers.gather(found.text["@line"]))
        return Written(text, numbers.gather(found.broken))

    def lines(self, numbers: pl.Series) -> Iterator[Line]:
        """The lines of these numbers, as stored."""
        if numbers.is_empty():
            return
        written = len(self.raw.rstrip())
        for number in numbers:
            start, end = self.starts[number - self.first], self.ends[number - self.first]
            raw = self.raw[start:end].strip()
            final = self.last and end >= written
            begun = raw.startswith(b"{") and not (raw.endswith(b"}") and end < len(self.raw))
            yield Line(number, raw, final and begun)


def blocks(data: bytes, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """`data` in blocks of about `size` bytes, cut at line ends; a byte-order mark at its start is dropped."""
    at = len(_BOM) if data.startswith(_BOM) else 0
    first = 1
    while at < len(data):
        end = data.find(b"\n", min(at + size, len(data)) - 1) + 1 or len(data)
        raw = data[at:end]
        last = end == len(data)
        yield Block(raw, first, last)
        first += 0 if last else raw.count(b"\n")
        at = end


def _written(raw: bytes, first: int) -> Written:
    try:
        lines = _read_lines(raw, first)
        broken = lines["@line"].clear()
    except pl.exceptions.ComputeError:
        # What cannot be read becomes a replacement character; a line that has one is looked at as bytes.
        lines = _read_lines(raw.decode("utf-8", "replace").encode(), first)
        suspect = lines["text"].str.contains("\ufffd", literal=True)
        broken = lines["@line"].filter(suspect)
        lines = lines.filter(~suspect)
    return Written(_not_blank(lines), broken)


def _not_blank(lines: pl.DataFrame) -> pl.DataFrame:
    if lines["text"].str.starts_with("{").all():
        return lines
    written = lines["text"].str.contains(r"[^ \t\r\x0b\x0c]")
    return lines if written.all() else lines.filter(written)


def _read_lines(raw: bytes, first: int) -> pl.DataFrame:
    return pl.read_lines(raw, name="text", row_index_name="@line", row_index_offset=first)
