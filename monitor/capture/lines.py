"""The bytes of an object as blocks of numbered lines: memory stays flat, and a bad byte costs one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

BLOCK_BYTES = 32 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line as stored; `cut`: it is the last of its object, and begun but not ended like one."""

    number: int
    raw: bytes
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of an object.

    Attributes:
        raw: their bytes.
        text: "@line" (1-based in the object) and "text" of those that are UTF-8 and not blank.
        broken: the numbers of those that are not UTF-8.
        first: the number of the first line.
        last: whether these are the last lines of the object.
    """

    raw: bytes
    text: pl.DataFrame
    broken: pl.Series
    first: int
    last: bool

    @property
    def is_clean(self) -> bool:
        """Whether no control character stands in it but line ends."""
        return int(np.count_nonzero(np.frombuffer(self.raw, np.uint8) < ord(" "))) == self.raw.count(b"\n")

    def lines(self, numbers: pl.Series) -> Iterator[Line]:
        """The lines of these numbers, as stored."""
        if numbers.is_empty():
            return
        ends = np.flatnonzero(np.frombuffer(self.raw, np.uint8) == ord("\n"))
        starts = np.concatenate([[0], ends + 1])
        ends = np.concatenate([ends, [len(self.raw)]])
        written = len(self.raw.rstrip())
        for number in numbers:
            start, end = starts[number - self.first], ends[number - self.first]
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
        yield _block(raw, first, last)
        first += 0 if last else raw.count(b"\n")
        at = end


def _block(raw: bytes, first: int, last: bool) -> Block:
    try:
        lines = _read_lines(raw, first)
        broken = lines["@line"].clear()
    except pl.exceptions.ComputeError:
        # What cannot be read becomes a replacement character; a line that has one is looked at as bytes.
        lines = _read_lines(raw.decode("utf-8", "replace").encode(), first)
        suspect = lines["text"].str.contains("\ufffd", literal=True)
        broken = lines["@line"].filter(suspect)
        lines = lines.filter(~suspect)
    return Block(raw, _not_blank(lines), broken, first, last)


def _not_blank(lines: pl.DataFrame) -> pl.DataFrame:
    if lines["text"].str.starts_with("{").all():
        return lines
    written = lines["text"].str.contains(r"[^ \t\r\x0b\x0c]")
    return lines if written.all() else lines.filter(written)


def _read_lines(raw: bytes, first: int) -> pl.DataFrame:
    return pl.read_lines(raw, name="text", row_index_name="@line", row_index_offset=first)
