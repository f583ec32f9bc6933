"""Captured CSV lines that are alike but for their payloads, ids and times: cut along the first of them.

SageMaker writes every line of an object with the same words around what differs. Whoever has read one of
them knows those words, and comparing with them is many times cheaper than parsing or matching. A line is
taken only where every byte of it is accounted for: what stands between the words holds no quote, no escape
and no control character, and as many cells as there are columns. Others are left to those who look closer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.profile.types import Plain
from monitor.capture.columns import Schema
from monitor.capture.records import TIME, record_types

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

_ROUNDS: Final = 4
"""Stencils tried on one block; what has none of them is left."""
_FEWEST: Final = 16
"""Lines below which a stencil is not worth making."""
_SAMPLES: Final = 8
_MARK: Final = "\x1f"  # may not stand in JSON, so a block that has it has a broken line


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut out of a block of lines.

    Attributes:
        records: a table of `record_types`, in the order of "@line".
        plain: what is known of columns that hold plain numbers alone.
        left: the lines that no stencil fits, as they came.
    """

    records: pl.DataFrame
    plain: Mapping[str, Plain]
    left: pl.DataFrame


def cut(lines: pl.DataFrame, schema: Schema) -> Cut:
    """The records of those of `lines` ("@line", "text") that stencils fit."""
    taken: list[tuple[pl.DataFrame, Mapping[str, Plain]]] = []
    left = lines
    if not lines["text"].str.contains(_MARK, literal=True).any():
        for _ in range(_ROUNDS):
            stencil = _first_stencil(left)
            if stencil is None:
                break
            records, plain, left = stencil.apply(left, schema)
            if records.is_empty():
                break
            taken.append((records, plain))
    if not taken:
        return Cut(pl.DataFrame(schema=record_types(schema)), {}, lines)
    records = pl.concat(part for part, _ in taken)
    return Cut(records if len(taken) == 1 else records.sort("@line"), agreed(taken), left)


def agreed(parts: Sequence[tuple[pl.DataFrame, Mapping[str, Plain]]]) -> dict[str, Plain]:
    """What is known of the columns of several tables together; those without rows say nothing."""
    known = [plain for records, plain in parts if records.height]
    if not known:
        return {}
    first, *others = known
    found = dict(first)
    for other in others:
        found = {name: kind.or_else(other[name]) for name, kind in found.items() if name in other}
    return found


_SAFE = r"[ !#-\[\]-~]"
_TEXT = f'"{_SAFE}*"'
_ABOUT = rf'"observedContentType":(?:{_TEXT}|null),"mode":{_TEXT}'
_LINE = re.compile(
    rf'(?P<head>\{{"captureData":\{{"endpointInput":\{{{_ABOUT},"data":")(?P<into>{_SAFE}*)'
    rf'(?P<between>(?:\\n)*","encoding":"CSV"\}},"endpointOutput":\{{{_ABOUT},"data":")(?P<out>{_SAFE}*)'
    rf'(?P<after>(?:\\n)*","encoding":"CSV"\}}\}},"eventMetadata":\{{"eventId":")(?P<event>{_SAFE}+)'
    rf'(?:(?P<inference_key>","inferenceId":")(?P<inference>{_SAFE}+))?'
    r'(?P<time_key>","inferenceTime":")(?P<time>.{20})'
    rf'(?P<foot>"\}},"eventVersion":{_TEXT}\}})'
)


def _first_stencil(lines: pl.DataFrame) -> _Stencil | None:
    """Of the first lines, the words around what differs; None where none of them has any."""
    if lines.height < _FEWEST:
        return None
    found = map(_LINE.fullmatch, lines["text"].head(_SAMPLES))
    match = next((match for match in found if match is not None), None)
    if match is None:
        return None
    inference = match["inference"]
    return _Stencil(
        match["head"],
        match["between"],
        match["after"],
        len(match["event"]),
        None if inference is None else (match["inference_key"], len(inference)),
        match["time_key"],
        match["foot"],
        (match["into"].count(",") + 1, match["out"].count(",") + 1),
    )


@dataclass(frozen=True, slots=True)
class _Stencil:
    """The words of a line, in order, and the lengths of its ids; `cells` are those of input and output."""

    head: str
    between: str
    after: str
    event: int
    inference: tuple[str, int] | None
    time_key: str
    foot: str
    cells: tuple[int, int]

    def apply(
        self, lines: pl.DataFrame, schema: Schema
    ) -> tuple[pl.DataFrame, Mapping[str, Plain], pl.DataFrame]:
        """The records of the lines that it fits, what is known of their columns, and the other lines."""
        nothing = pl.DataFrame(schema=record_types(schema)), dict[str, Plain](), lines
        if sum(self.cells) != len(schema.names) or len(schema.names) < 3:  # two cells may be a blank record
            return nothing
        pieces = lines.select("@line", self._fits(), **self._pieces())
        pieces = _where(pieces, pieces["fits"])
        read = _read(pieces)
        pieces = _where(pieces, read.fits)
        grid = _Grid.of(pieces["sides"], self.cells)
        if not grid.whole.all():
            pieces = pieces.filter(pl.Series(grid.whole))
            grid = _Grid.of(pieces["sides"], self.cells)
        if pieces.is_empty():
            return nothing
        times = read.times if len(read.times) == pieces.height else _times(pieces["time"])
        about = [pieces["@line"], _zeros(pieces.height), pieces["@event_id"], pieces["@inference_id"], times]
        out = self.cells[1]
        names = (*schema.names[out:], *schema.names[:out])
        texts = grid.texts(names)
        records = pl.DataFrame([*about, *(texts[name] for name in schema.names)])
        return records, grid.known(names), _without(lines, pieces)

    def _tail(self) -> int:
        """The length of what follows the output."""
        inference = 0 if self.inference is None else len(self.inference[0]) + self.inference[1]
        words = len(self.after) + len(self.time_key) + len(self.foot)
        return words + self.event + inference + _TIME_LENGTH

    def _fits(self) -> pl.Expr:
        """Whether a line is ASCII and has the words in their places, but for those in its middle."""
        text, length = pl.col("text"), pl.col("text").str.len_bytes()
        at = self._tail() - len(self.after) - self.event
        keys = [(self._tail(), self.after)]
        if self.inference is not None:
            keys.append((at, self.inference[0]))
            at -= len(self.inference[0]) + self.inference[1]
        keys.append((at, self.time_key))
        return pl.all_horizontal(
            length == text.str.len_chars(),
            length >= len(self.head) + self._tail(),
            text.str.starts_with(self.head),
            text.str.ends_with(self.foot),
            *(text.str.tail(place).str.starts_with(key) for place, key in keys),
        ).alias("fits")

    def _pieces(self) -> dict[str, pl.Expr]:
        """What differs from line to line; "sides" are input and output with a mark between them."""
        text = pl.col("text")
        sides = text.str.slice(len(self.head)).str.head(-self._tail())
        inference: pl.Expr = pl.lit(None, pl.String)
        if self.inference is not None:
            length = self.inference[1]
            inference = text.str.tail(_TIME_LENGTH + len(self.foot + self.time_key) + length).str.head(length)
        return {
            "@event_id": text.str.tail(self._tail() - len(self.after)).str.head(self.event),
            "@inference_id": inference,
            "time": text.str.tail(_TIME_LENGTH + len(self.foot)).str.head(_TIME_LENGTH),
            "sides": sides.str.replace_many([self.between], [_MARK]),
        }


def _where(table: pl.DataFrame, holds: pl.Series) -> pl.DataFrame:
    return table if holds.all() else table.filter(holds)


def _without(lines: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    """The lines that were not taken."""
    if taken.height == lines.height:
        return lines.clear()
    return lines.join(taken.select("@line"), on="@line", how="anti", maintain_order="left")


def _zeros(count: int) -> pl.Series:
    return pl.Series("@row", np.zeros(count, np.uint32))


@dataclass(frozen=True, slots=True)
class _Ids:
    """The times of lines, and whether their ids and times are such that JSON has them as they are."""

    fits: pl.Series
    times: pl.Series


def _read(pieces: pl.DataFrame) -> _Ids:
    """What the ids and times of lines say."""
    ids = pl.concat([pieces["@event_id"], pieces["@inference_id"].drop_nulls()])
    times = _times(pieces["time"])
    fits = times.is_not_null()
    raw = np.frombuffer(ids.str.join("").item().encode(), np.uint8)
    if (raw < ord(" ")).any() or (raw == _QUOTE).any() or (raw == _ESCAPE).any():
        unlike = r'[\x00-\x1f"\\]'
        fits &= ~pieces["@event_id"].str.contains(unlike)
        fits &= ~pieces["@inference_id"].str.contains(unlike).fill_null(False)
    return _Ids(fits, times if fits.all() else times.clear())


_TIME_LENGTH: Final = len("2026-03-02T12:00:00Z")
_DAY_LENGTH: Final = len("2026-03-02T")
_TIME: Final = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z$"
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def _times(texts: pl.Series) -> pl.Series:
    """The times of texts like 2026-03-02T12:00:00Z, named "@time"; null where one is none."""
    raw = np.frombuffer(texts.str.join("").item().encode(), np.uint8)
    if raw.size and raw.size == len(texts) * _TIME_LENGTH:
        found = _times_of_one_day(raw.reshape(-1, _TIME_LENGTH))
        if found is not None:
            return found
    return (
        pl.DataFrame({"@time": texts})
        .select(
            pl.when(pl.col("@time").str.contains(_TIME)).then(
                pl.col("@time").str.to_datetime(_FORMAT, time_unit="us", time_zone="UTC", strict=False)
            )
        )
        .to_series()
    )


def _times_of_one_day(texts: Bytes) -> pl.Series | None:
    """The times of texts, shape (texts, 20), of one day; None where they are of several, or some are none."""
    if not (texts[:, :_DAY_LENGTH] == texts[0, :_DAY_LENGTH]).all():
        return None
    day = texts[0, :_DAY_LENGTH].tobytes().decode()
    try:
        midnight = datetime.strptime(day, "%Y-%m-%dT").replace(tzinfo=UTC)
    except ValueError:
        return None
    clock = texts[:, _DAY_LENGTH:] - np.uint8(ord("0"))  # what is no digit wraps round, and is more than 9
    digits = clock[:, (0, 1, 3, 4, 6, 7)].astype(np.int64)
    signs = texts[:, (_DAY_LENGTH + 2, _DAY_LENGTH + 5, _DAY_LENGTH + 8)] == np.frombuffer(b"::Z", np.uint8)
    hours, minutes, seconds = (digits[:, at] * 10 + digits[:, at + 1] for at in (0, 2, 4))
    proper = re.fullmatch("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T", day) and digits.max() <= 9 and signs.all()
    if not (proper and hours.max() < 24 and minutes.max() < 60 and seconds.max() < 60):
        return None
    since = (hours * 3600 + minutes * 60 + seconds) * 1_000_000
    start = (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return pl.Series("@time", since + start).cast(TIME)


_LINE_END, _COMMA, _POINT, _MINUS, _PLUS, _SMALL_E, _LARGE_E, _QUOTE, _ESCAPE = b'\n,.-+eE"\\'
_NO_DIGIT: Final = bytes(char not in b"0123456789" for char in range(256))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Payloads as bytes, and where in them something else than a digit stands.

    Attributes:
        raw: the rows, each ended by a line end.
        places: where in `raw` no digit stands.
        chars: what stands there.
        ends: which of these end a cell.
        whole: of each row, whether it has its cells and nothing that JSON escapes.
        cells: the number of cells of a row.
    """

    raw: bytes
    places: Places
    chars: Bytes
    ends: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    cells: int

    @classmethod
    def of(cls, sides: pl.Series, cells: tuple[int, int]) -> _Grid:
        """The grid of rows `input MARK output`, which should have so many cells on either side."""
        raw = (sides.str.join("\n").item() + "\n").encode()
        places = np.flatnonzero(np.frombuffer(raw.translate(_NO_DIGIT), np.bool_))
        chars = np.frombuffer(raw, np.uint8)[places]
        ends = (chars == _COMMA) | (chars == _LINE_END) | (chars == ord(_MARK))
        row = np.frombuffer(b"," * (cells[0] - 1) + _MARK.encode() + b"," * (cells[1] - 1) + b"\n", np.uint8)
        whole = _rows_like(row, chars[ends], len(sides))
        forbidden = ((chars < ord(" ")) & ~ends) | (chars == _QUOTE) | (chars == _ESCAPE)
        if forbidden.any():
            whole &= ~_has(forbidden, chars, len(sides))
        return cls(raw, places, chars, ends, whole, sum(cells))

    def texts(self, names: Sequence[str]) -> pl.DataFrame:
        """The cells of whole rows, an empty one as null."""
        return pl.read_csv(
            self.raw.replace(_MARK.encode(), b","),
            has_header=False,
            quote_char=None,
            schema=dict.fromkeys(names, pl.String),
        )

    def known(self, names: Sequence[str]) -> dict[str, Plain]:
        """What is known of the columns of whole rows that hold plain numbers alone."""
        chars, ends = self.chars, self.ends
        near = np.diff(self.places, prepend=-1) == 1  # no digit stands between this and what is before it
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
        fraction = point | (power & ~_shifted(point))
        if fits.all() and np.count_nonzero(fraction) == self.whole.size * self.cells:  # one a cell
            return dict.fromkeys(names, Plain.FRACTIONS)
        fractions, empty, odd = (
            self._by_column(marks) for marks in (fraction, ends & near & after_end, ~fits)
        )
        present = self.whole.size - empty
        return {
            name: _plain(int(fractions[at]), int(present[at])) for at, name in enumerate(names) if not odd[at]
        }

    def _by_column(self, marks: NDArray[np.bool_]) -> Places:
        """How many marks each column has."""
        marked = int(np.count_nonzero(marks))
        if not marked:
            return np.zeros(self.cells, np.int64)
        cell = np.cumsum(self.ends, dtype=np.int32)[marks] - self.ends[marks]
        return np.bincount(cell % self.cells, minlength=self.cells)


def _plain(fractions: int, present: int) -> Plain:
    if not fractions:
        return Plain.WHOLE
    return Plain.FRACTIONS if fractions == present else Plain.NUMBERS


def _shifted(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each place whether the one before it is marked."""
    return np.concatenate([[False], marks[:-1]])


def _rows_like(row: Bytes, ends: Bytes, rows: int) -> NDArray[np.bool_]:
    """Which rows have the ends of `row`, in its order."""
    if ends.size == rows * row.size:
        alike = ends.reshape(rows, row.size) == row
        if alike.all():
            return np.ones(rows, dtype=np.bool_)
    last = np.flatnonzero(ends == _LINE_END)
    sized = np.diff(last, prepend=-1) == row.size
    found = np.zeros(rows, dtype=np.bool_)
    at = last[sized][:, None] + np.arange(1 - row.size, 1)
    found[sized] = (ends[at] == row).all(axis=1)
    return found


def _has(marked: NDArray[np.bool_], chars: Bytes, rows: int) -> NDArray[np.bool_]:
    """Which rows have a mark."""
    row = np.cumsum(chars == _LINE_END) - (chars == _LINE_END)
    return np.asarray(np.bincount(row[marked], minlength=rows) > 0)
