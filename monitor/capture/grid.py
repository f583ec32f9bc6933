"""Rows of cells as bytes: which are whole, and what their columns hold, without a look at any cell."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl

from baselines.profile.types import NumberForm
from monitor.capture.stretches import Bytes, Flags, Places

MARK: Final = "\x1f"
"""Stands between the input and the output of a row."""
WORDS: Final = 120
"""How many different words between cells a grid can tell apart."""

_FIRST: Final = bytes(range(1, 7))
_SECOND: Final = bytes(range(11, 31))
_LINE_END, _COMMA, _POINT, _MINUS, _PLUS, _SMALL_E, _LARGE_E, _QUOTE, _ESCAPE, _ZERO = b'\n,.-+eE"\\0'
_BETWEEN: Final = ord(MARK)


def code(number: int) -> str:
    """What is put in place of word `number` between cells."""
    return chr(_FIRST[number // len(_SECOND)]) + chr(_SECOND[number % len(_SECOND)])


_COMMAS: Final = bytes(_COMMA if char in _FIRST else char for char in range(256))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a row looks: input, then output.

    Attributes:
        into: the number of cells of the input.
        out: that of the output.
        codes: the codes in a row, in order; "" where commas stand between its cells.
        numbers: of each cell of a row, whether it must be a number of JSON.
        present: of each cell of a row, whether it must not be empty.
    """

    into: int
    out: int
    codes: str
    numbers: tuple[bool, ...]
    present: tuple[bool, ...]

    @property
    def cells(self) -> int:
        """The cells of a row."""
        return self.into + self.out

    @property
    def ends(self) -> bytes:
        """What ends the cells of a row, in order."""
        return b"," * (self.into - 1) + MARK.encode() + b"," * (self.out - 1) + b"\n"


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows as bytes, and where in them something else than a digit stands.

    Attributes:
        layout: how the rows should look.
        raw: the rows, each ended by a line end, with commas between their cells.
        rows: how many there are.
        whole: which of them look as they should and hold nothing that JSON escapes; where some don't, the
            others must be made a grid of their own.
    """

    layout: Layout
    raw: bytes
    rows: int
    whole: Flags
    _chars: Bytes
    _near: Flags
    _ends: Flags

    @classmethod
    def of(cls, raw: bytes, rows: int, layout: Layout) -> Self:
        """The grid of rows of ASCII characters that have codes for words."""
        ordered = np.ones(rows, dtype=np.bool_)
        if layout.codes:
            every = np.frombuffer(raw, np.uint8)
            codes = every[np.flatnonzero(every < ord(" "))]
            ordered = _rows_like(layout.codes.encode() + b"\n", codes, rows)
            raw = raw.translate(_COMMAS, _SECOND)
        every = np.frombuffer(raw, np.uint8)
        places = np.flatnonzero((every - np.uint8(_ZERO)) > 9)
        chars = every[places]
        ends = (chars == _COMMA) | (chars == _LINE_END) | (chars == _BETWEEN)
        whole = ordered & _rows_like(layout.ends, chars[np.flatnonzero(ends)], rows)
        forbidden = ((chars < ord(" ")) & ~ends) | (chars == _QUOTE) | (chars == _ESCAPE)
        if forbidden.any():
            row = np.cumsum(chars == _LINE_END)[forbidden]
            whole &= np.bincount(row, minlength=rows)[:rows] == 0
        found = cls(layout, raw, rows, whole, chars, np.diff(places, prepend=-1) == 1, ends)
        strict = rows and whole.all() and any(layout.present)
        return found._strict(places) if strict else found

    def _strict(self, places: Places) -> Self:
        """The same with those rows not whole that have in place of a value what JSON has not."""
        layout, scan = self.layout, self._scan()
        numbers, present = np.array(layout.numbers), np.array(layout.present)
        bad = np.concatenate(
            [
                cells[which[cells % layout.cells]]
                for cells, which in ((self._cells(~scan.fits), numbers), (self._cells(scan.empty), present))
            ]
        )
        raw = np.frombuffer(self.raw, np.uint8)
        starts = np.concatenate([[0], places[self._ends][:-1] + 1])
        starts = starts + (raw[starts] == _MINUS)
        zeros = np.flatnonzero(raw[starts] == _ZERO)
        padded = zeros[raw[starts[zeros] + 1] - np.uint8(_ZERO) < 10]
        bad = np.concatenate([bad, padded[numbers[padded % layout.cells]]])
        whole = self.whole.copy()
        whole[bad // layout.cells] = False
        return type(self)(layout, self.raw, self.rows, whole, self._chars, self._near, self._ends)

    def values(self, names: Sequence[str], parsed: Container[str] = ()) -> pl.DataFrame:
        """The cells of whole rows as columns of texts, `parsed` ones of Float64; an empty cell is null."""
        types = {name: pl.Float64() if name in parsed else pl.String() for name in names}
        raw = self.raw.replace(MARK.encode(), b",")
        return pl.read_csv(raw, has_header=False, quote_char=None, schema=types)

    def known(self, names: Sequence[str]) -> dict[str, NumberForm]:
        """What is known of the columns of whole rows that hold plain numbers alone."""
        scan = self._scan()
        if scan.fits.all() and np.count_nonzero(scan.fraction) == self.rows * self.layout.cells:  # one a cell
            return dict.fromkeys(names, NumberForm.FRACTIONAL)
        fractions, empty, odd = map(self._by_column, (scan.fraction, scan.empty, ~scan.fits))
        present = self.rows - empty
        return {
            name: _form(int(fractions[at]), int(present[at])) for at, name in enumerate(names) if not odd[at]
        }

    def _scan(self) -> _Scan:
        chars, near, ends = self._chars, self._near, self._ends
        digit_follows = np.append(~near[1:], np.False_)
        after_end = np.concatenate([[True], ends[:-1]])
        minus, point = chars == _MINUS, chars == _POINT
        power = (chars == _SMALL_E) | (chars == _LARGE_E)
        sign = minus & near & after_end
        power_sign = (minus | (chars == _PLUS)) & near & _shifted(power)
        whole_before = ~near & (after_end | _shifted(sign))
        fits = ends | ((sign | power_sign | (point & whole_before)) & digit_follows)
        fits |= (
            power
            & (whole_before | (~near & _shifted(point)))
            & (digit_follows | np.append(power_sign[1:], np.False_))
        )
        return _Scan(fits, point | (power & ~_shifted(point)), ends & near & after_end)

    def _cells(self, marks: Flags) -> Places:
        """The numbers of the cells in which something is marked, counted from the first row on."""
        if not marks.any():
            return np.zeros(0, np.int64)
        return np.asarray((np.cumsum(self._ends, dtype=np.int64) - self._ends)[marks])

    def _by_column(self, marks: Flags) -> Places:
        """How many marks each column has."""
        return np.bincount(self._cells(marks) % self.layout.cells, minlength=self.layout.cells)


@dataclass(frozen=True, slots=True)
class _Scan:
    """Of each place that is no digit: may a number have it there, its fraction too; is the cell empty."""

    fits: Flags
    fraction: Flags
    empty: Flags


def _form(fractions: int, present: int) -> NumberForm:
    if not fractions:
        return NumberForm.WHOLE
    return NumberForm.FRACTIONAL if fractions == present else NumberForm.MIXED


def _shifted(marks: Flags) -> Flags:
    """Of each place whether the one before it is marked."""
    return np.concatenate([[np.False_], marks[:-1]])


def _rows_like(row: bytes, ends: Bytes, rows: int) -> Flags:
    """Which rows have the bytes of `row`, the last of which ends it, in its order."""
    wanted = np.frombuffer(row, np.uint8)
    if ends.size == rows * wanted.size and (ends.reshape(rows, wanted.size) == wanted).all():
        return np.ones(rows, dtype=np.bool_)
    last = np.flatnonzero(ends == _LINE_END)
    sized = np.diff(last, prepend=-1) == wanted.size
    found = np.zeros(rows, dtype=np.bool_)
    at = last[sized][:, None] + np.arange(1 - wanted.size, 1)
    found[sized] = (ends[at] == wanted).all(axis=1)
    return found
