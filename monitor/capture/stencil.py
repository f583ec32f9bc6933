"""Captured lines that are alike but for their payloads, ids and times: cut along the first of them.

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
from typing import Final, Self

import numpy as np
import polars as pl

from baselines.profile.types import NumberForm
from monitor.capture.columns import Schema
from monitor.capture.grid import MARK, WORDS, Grid, Layout, code
from monitor.capture.lines import Block
from monitor.capture.outline import Outline, outline_of
from monitor.capture.payload import JSON_LINES, media_type
from monitor.capture.records import META, TIME, record_types
from monitor.capture.shapes import shape_of
from monitor.capture.stretches import Bytes, Flags, Places, rows_equal, stretches

_ROUNDS: Final = 4
"""Stencils tried on one block; what has none of them is left."""
_FEWEST: Final = 16
"""Lines below which a stencil is not worth making."""
_SAMPLES: Final = 8
_LONGEST: Final = 4
"""Payloads that are so many times as long as the first are left, so that none makes the others dear."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut out of a block of lines.

    Attributes:
        records: a table of `record_types`, in the order of "@line".
        forms: what is known of columns that hold plain numbers alone.
        left: the lines that no stencil fits, as places in the block, in order.
    """

    records: pl.DataFrame
    forms: Mapping[str, NumberForm]
    left: Places


def nothing_cut(schema: Schema) -> Cut:
    """No line was looked at."""
    return Cut(pl.DataFrame(schema=record_types(schema)), {}, np.zeros(0, np.int64))


def cut(block: Block, schema: Schema, *, bare: bool = False) -> Cut:
    """The records of those lines of a block that stencils fit.

    `bare`: where one stencil fits them all, ids are left out (null), and numbers are read as Float64 where
    the column's form alone says whether they are whole.
    """
    every = _Lines.of(block)
    taken: list[Cut] = []
    left = every
    for _ in range(_ROUNDS):
        stencil = _first_stencil(block, left, schema)
        if stencil is None:
            break
        found = stencil.apply(block, left, schema, bare=bare)
        if bare and found.left.size:
            return cut(block, schema)
        if found.records.is_empty():
            break
        taken.append(found)
        left = every.at(found.left)
    if len(taken) < 2:
        return taken[0] if taken else Cut(pl.DataFrame(schema=record_types(schema)), {}, every.places)
    records = pl.concat(part.records for part in taken).sort("@line")
    return Cut(records, agreed([(part.records, part.forms) for part in taken]), left.places)


def agreed(parts: Sequence[tuple[pl.DataFrame, Mapping[str, NumberForm]]]) -> dict[str, NumberForm]:
    """What is known of the columns of several tables together; those without rows say nothing."""
    known = [forms for records, forms in parts if records.height]
    if not known:
        return {}
    first, *others = known
    found = dict(first)
    for other in others:
        found = {name: kind.or_else(other[name]) for name, kind in found.items() if name in other}
    return found


_SAFE = r"[ !#-\[\]-~]"
_DATA = rf'(?:{_SAFE}|\\")*'
_TEXT = f'"{_SAFE}*"'
_ENDED = r'(?:\\n)*","encoding":"'
_LINE = re.compile(
    rf'(?P<head>\{{"captureData":\{{"endpointInput":\{{"observedContentType":(?P<into_media>{_TEXT}|null)'
    rf',"mode":{_TEXT},"data":")(?P<into>{_DATA})'
    rf'(?P<between>{_ENDED}(?P<into_kind>CSV|JSON)"\}},"endpointOutput":\{{'
    rf'"observedContentType":(?P<out_media>{_TEXT}|null),"mode":{_TEXT},"data":")(?P<out>{_DATA})'
    rf'(?P<after>{_ENDED}(?P<out_kind>CSV|JSON)"\}}\}},"eventMetadata":\{{"eventId":")(?P<event>{_SAFE}+)'
    rf'(?:(?P<inference_key>","inferenceId":")(?P<inference>{_SAFE}+))?'
    r'(?P<time_key>","inferenceTime":")(?P<time>.{20})'
    rf'(?P<foot>"\}},"eventVersion":{_TEXT}\}})'
)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a block: their places in it, and where each starts and ends."""

    places: Places
    starts: Places
    ends: Places

    @classmethod
    def of(cls, block: Block) -> Self:
        """All of them."""
        return cls(np.arange(block.ends.size), block.starts, block.ends)

    def at(self, places: Places) -> Self:
        """Those of these numbers."""
        return type(self)(self.places[places], self.starts[places], self.ends[places])

    def where(self, holds: Flags) -> Self:
        """Those of which something holds."""
        return self if holds.all() else self.at(np.flatnonzero(holds))


def _first_stencil(block: Block, lines: _Lines, schema: Schema) -> _Stencil | None:
    """Of the first lines, the words around what differs; None where none of them has any."""
    if lines.places.size < _FEWEST:
        return None
    first = zip(lines.starts[:_SAMPLES], lines.ends[:_SAMPLES], strict=True)
    found = (_LINE.fullmatch(block.raw[start:end].decode("latin-1")) for start, end in first)
    stencils = (_stencil_of(match, schema) for match in found if match is not None)
    return next((stencil for stencil in stencils if stencil is not None), None)


def _stencil_of(match: re.Match[str], schema: Schema) -> _Stencil | None:
    """The stencil of a line; None where its cells are no record of the schema."""
    into, out = (_outline(match, side) for side in ("into", "out"))
    if into is None or out is None or len({*into.words, *out.words}) > WORDS:
        return None
    shape = shape_of(schema, out.payload, into.payload)
    if shape is None or len(shape.records) != 1 or isinstance(shape.records[0], int):
        return None
    if not into.payload.json and not out.payload.json and into.cells + out.cells < 3:
        return None  # it may be blank
    inference = match["inference"]
    return _Stencil(
        (match["head"] + into.first).encode(),
        (into.last + match["between"] + out.first).encode(),
        (out.last + match["after"]).encode(),
        len(match["event"]),
        None if inference is None else (match["inference_key"].encode(), len(inference)),
        match["time_key"].encode(),
        match["foot"].encode(),
        len(match["into"]) + len(match["out"]),
        (into, out),
        tuple(shape.records[0]),
    )


def _outline(match: re.Match[str], side: str) -> Outline | None:
    media = media_type(match[f"{side}_media"].strip('"'))
    return outline_of(match[side], json=match[f"{side}_kind"] == "JSON", lines=media.endswith(JSON_LINES))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Lines that a stencil fits so far, cut at its words.

    Attributes:
        lines: which they are.
        asked, answered: their inputs and outputs, each with what follows where it is not the longest.
        widths: the lengths of the inputs, then of the outputs; shape (2, lines).
        tails: what follows the outputs.
    """

    lines: _Lines
    asked: Bytes
    answered: Bytes
    widths: Places
    tails: Bytes

    def where(self, holds: Flags) -> _Pieces:
        """Those of which something holds."""
        if holds.all():
            return self
        widths = self.widths[:, holds]
        return _Pieces(
            self.lines.where(holds), self.asked[holds], self.answered[holds], widths, self.tails[holds]
        )

    def rows(self) -> tuple[Bytes, Flags]:
        """Their inputs and outputs with a mark between them, each line ended; and which are plain ASCII."""
        count = len(self.tails)
        table, kept = [], []
        sides = zip((self.asked, self.answered), self.widths, (MARK, "\n"), strict=True)
        for cells, widths, end in sides:
            longest = widths.max(initial=0)
            small = np.min_scalar_type(longest)  # comparing bytes is many times cheaper than comparing words
            table += [cells[:, :longest], np.full((count, 1), ord(end), np.uint8)]
            kept += [
                np.arange(longest, dtype=small) < widths.astype(small)[:, None],
                np.ones((count, 1), np.bool_),
            ]
        found = np.hstack(table)[np.hstack(kept)]
        odd = (found - np.uint8(ord(" "))) > ord("~") - ord(" ")
        if np.count_nonzero(odd) == 2 * count:
            return found, np.ones(count, np.bool_)
        ends = np.cumsum(self.widths.sum(axis=0) + 2)
        rows = np.searchsorted(ends, np.flatnonzero(odd), side="right")
        return found, np.bincount(rows, minlength=count) == 2


@dataclass(frozen=True, slots=True)
class _Stencil:
    """The words of a line, in order, and the lengths of its ids.

    `sides` are the outlines of input and output, of which the first line has `length` bytes; `places` the
    cells of a record in the order of the schema's names, as a `Shape` names them.
    """

    head: bytes
    between: bytes
    after: bytes
    event: int
    inference: tuple[bytes, int] | None
    time_key: bytes
    foot: bytes
    length: int
    sides: tuple[Outline, Outline]
    places: tuple[str | None, ...]

    def apply(self, block: Block, lines: _Lines, schema: Schema, *, bare: bool) -> Cut:
        """What it cuts out of lines; `bare` as in `cut`."""
        pieces = self._pieces(block, lines)
        times = _times(self._time(pieces.tails))
        fits = self._safe_ids(pieces.tails) & times.is_not_null().to_numpy()
        layout = self._layout()
        grid, whole = self._grid(pieces.where(fits), layout)
        while not whole.all():
            fits[fits] = whole
            grid, whole = self._grid(pieces.where(fits), layout)
        taken = pieces.where(fits)
        places = taken.lines.places
        left = _without(lines.places, places)
        if not places.size:
            return Cut(pl.DataFrame(schema=record_types(schema)), {}, left)
        cells = [f"in{at}" for at in range(layout.into)] + [f"out{at}" for at in range(layout.out)]
        named = list(zip(schema.names, self.places, strict=True))
        known = grid.known(cells)
        texts = {cell for name, cell in named if name in schema.text}
        uniform = {cell for cell, form in known.items() if form is not NumberForm.MIXED}
        values = grid.values(cells, uniform - texts if bare else ())
        missing = pl.Series([None], dtype=pl.String).new_from_index(0, places.size)
        records = [
            pl.Series("@line", places + block.first, META["@line"]),
            _zeros(places.size),
            *self._about(taken.tails, bare=bare),
            times if fits.all() else times.filter(pl.Series(fits)),
            *((missing if cell is None else values[cell]).alias(name) for name, cell in named),
        ]
        forms = {name: known[cell] for name, cell in named if cell in known}
        return Cut(pl.DataFrame(records), forms, left)

    def _pieces(self, block: Block, lines: _Lines) -> _Pieces:
        """The lines that have the stencil's words and are not much longer than the first, in pieces."""
        words, lengths = len(self.head) + len(self.between) + self._tail(), lines.ends - lines.starts
        lines = lines.where((lengths >= words) & (lengths <= words + _LONGEST * self.length + _TIME_LENGTH))
        lines = lines.where(rows_equal(stretches(block.array, lines.starts, len(self.head)), self.head))
        tails = stretches(block.array, lines.ends - self._tail(), self._tail())
        fits = np.ones(len(tails), np.bool_)
        for at, word in self._tail_words():
            fits &= rows_equal(tails[:, at : at + len(word)], word)
        starts = lines.starts + len(self.head)
        rooms = lines.ends - self._tail() - starts - len(self.between)
        asked = stretches(block.array, starts, int(rooms.max(initial=0)) + self._closing() + 1)
        widths = self._quotes(asked).argmax(axis=1) - self._closing()
        fits &= (widths >= 0) & (widths <= rooms)
        turns = starts + np.clip(widths, 0, rooms)
        fits &= rows_equal(stretches(block.array, turns, len(self.between)), self.between)
        outs = rooms - widths
        answered = stretches(block.array, turns + len(self.between), int(outs[fits].max(initial=0)))
        return _Pieces(lines, asked, answered, np.stack([widths, outs]), tails).where(fits)

    def _quotes(self, asked: Bytes) -> Flags:
        """Where quotes stand that end a text."""
        quotes = asked == _QUOTE
        if self.sides[0].payload.json:
            np.logical_and(quotes[:, 1:], asked[:, :-1] != _ESCAPE, out=quotes[:, 1:])
        return np.asarray(quotes, np.bool_)

    def _closing(self) -> int:
        """Where in the words between input and output the quote stands that ends the input."""
        return self.between.replace(b'\\"', b"  ").index(b'"')

    def _grid(self, pieces: _Pieces, layout: Layout) -> tuple[Grid, Flags]:
        """The payloads as a grid, and which of its rows are whole."""
        rows, plain = pieces.rows()
        if not plain.all():
            return Grid.of(b"", 0, layout), plain
        grid = Grid.of(self._coded(rows), plain.size, layout)
        return grid, grid.whole

    def _coded(self, cells: Bytes) -> bytes:
        """Payloads with codes in place of the words between their cells."""
        words = self._words()
        if not words:
            return cells.tobytes()
        text = pl.Series([cells.tobytes().decode("ascii")])
        return str(text.str.replace_many(list(words), list(words.values()), leftmost=True).item()).encode()

    def _words(self) -> dict[str, str]:
        """The words between cells and what is put in their place, longer ones first."""
        words = dict.fromkeys(word for side in self.sides for word in side.words)
        codes = {word: code(number) for number, word in enumerate(words)}
        return dict(sorted(codes.items(), key=lambda each: -len(each[0])))

    def _layout(self) -> Layout:
        into, out = self.sides
        words = self._words()
        codes = (
            "".join(words[word] for word in into.words) + MARK + "".join(words[word] for word in out.words)
        )
        return Layout(
            into.cells,
            out.cells,
            codes if words else "",
            tuple(number for side in self.sides for number in side.numbers or (False,) * side.cells),
            tuple(side.payload.json for side in self.sides for _ in range(side.cells)),
        )

    def _tail(self) -> int:
        """The length of what follows the output."""
        return self._time_at() + _TIME_LENGTH + len(self.foot)

    def _time_at(self) -> int:
        """Where in the tail the time starts."""
        inference = 0 if self.inference is None else len(self.inference[0]) + self.inference[1]
        return len(self.after) + self.event + inference + len(self.time_key)

    def _tail_words(self) -> list[tuple[int, bytes]]:
        """The words of the tail and where in it they start."""
        keys = [(0, self.after)]
        if self.inference is not None:
            keys.append((len(self.after) + self.event, self.inference[0]))
        time_at = self._time_at()
        return [*keys, (time_at - len(self.time_key), self.time_key), (time_at + _TIME_LENGTH, self.foot)]

    def _ids(self, tails: Bytes) -> tuple[Bytes, Bytes | None]:
        """The event ids and the inference ids, shape (lines, length)."""
        event_at = len(self.after)
        events = tails[:, event_at : event_at + self.event]
        if self.inference is None:
            return events, None
        key, length = self.inference
        at = event_at + self.event + len(key)
        return events, tails[:, at : at + length]

    def _time(self, tails: Bytes) -> Bytes:
        return tails[:, self._time_at() : self._time_at() + _TIME_LENGTH]

    def _safe_ids(self, tails: Bytes) -> Flags:
        """Whether the ids are such that JSON has them as they are."""
        fits = np.ones(len(tails), np.bool_)
        for ids in self._ids(tails):
            if ids is not None:
                odd = ((ids - np.uint8(ord(" "))) > ord("~") - ord(" ")) | (ids == _QUOTE) | (ids == _ESCAPE)
                if odd.any():
                    fits &= ~odd.any(axis=1)
        return fits

    def _about(self, tails: Bytes, *, bare: bool) -> tuple[pl.Series, pl.Series]:
        """The ids as columns; `bare` as in `cut`."""
        missing = pl.Series([None], dtype=pl.String).new_from_index(0, len(tails))
        events, inferences = (None, None) if bare else self._ids(tails)
        return (
            (missing if events is None else _texts(events)).alias("@event_id"),
            (missing if inferences is None else _texts(inferences)).alias("@inference_id"),
        )


def _texts(rows: Bytes) -> pl.Series:
    """Rows of ASCII characters as texts."""
    ended = np.full((len(rows), rows.shape[1] + 1), _LINE_END, np.uint8)
    ended[:, :-1] = rows
    return pl.read_lines(ended.tobytes(), name="text")["text"]


def _without(places: Places, taken: Places) -> Places:
    """Those that were not taken."""
    return places[:0] if taken.size == places.size else np.setdiff1d(places, taken, assume_unique=True)


def _zeros(count: int) -> pl.Series:
    return pl.Series("@row", np.zeros(count, np.uint32))


_LINE_END, _QUOTE, _ESCAPE = b'\n"\\'
_TIME_LENGTH: Final = len("2026-03-02T12:00:00Z")
_DAY_LENGTH: Final = len("2026-03-02T")
_TIME: Final = "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z$"
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


def _times(texts: Bytes) -> pl.Series:
    """The times of texts like 2026-03-02T12:00:00Z, shape (lines, 20), named "@time"; null for no time."""
    if not len(texts):
        return pl.Series("@time", [], TIME)
    found = _times_of_one_day(texts)
    if found is not None:
        return found
    plain = texts.copy()
    plain[(texts < ord("0")) & (texts != ord("-")) | (texts > ord("Z"))] = ord("?")
    return (
        pl.DataFrame({"@time": _texts(plain)})
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
    try:
        day = texts[0, :_DAY_LENGTH].tobytes().decode("ascii")
        midnight = datetime.fromisoformat(f"{day}00:00:00+00:00")
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
