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
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.profile.types import NumberForm
from monitor.capture.columns import Schema
from monitor.capture.grid import MARK, WORDS, Grid, Layout, code
from monitor.capture.outline import Outline, outline_of
from monitor.capture.payload import JSON_LINES, media_type
from monitor.capture.records import TIME, record_types
from monitor.capture.shapes import shape_of

Bytes = NDArray[np.uint8]

_ROUNDS: Final = 4
"""Stencils tried on one block; what has none of them is left."""
_FEWEST: Final = 16
"""Lines below which a stencil is not worth making."""
_SAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut out of a block of lines.

    Attributes:
        records: a table of `record_types`, in the order of "@line".
        forms: what is known of columns that hold plain numbers alone.
        left: the lines that no stencil fits, as they came.
    """

    records: pl.DataFrame
    forms: Mapping[str, NumberForm]
    left: pl.DataFrame


def cut(lines: pl.DataFrame, schema: Schema) -> Cut:
    """The records of those of `lines` ("@line", "text") that stencils fit; they hold no control character."""
    taken: list[Cut] = []
    left = lines
    for _ in range(_ROUNDS):
        stencil = _first_stencil(left, schema)
        if stencil is None:
            break
        found = stencil.apply(left, schema)
        if found.records.is_empty():
            break
        taken.append(found)
        left = found.left
    if len(taken) < 2:
        return taken[0] if taken else Cut(pl.DataFrame(schema=record_types(schema)), {}, lines)
    records = pl.concat(part.records for part in taken).sort("@line")
    return Cut(records, agreed([(part.records, part.forms) for part in taken]), left)


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


def _first_stencil(lines: pl.DataFrame, schema: Schema) -> _Stencil | None:
    """Of the first lines, the words around what differs; None where none of them has any."""
    if lines.height < _FEWEST:
        return None
    found = map(_LINE.fullmatch, lines["text"].head(_SAMPLES))
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
        match["head"] + into.first,
        into.last + match["between"] + out.first,
        out.last + match["after"],
        len(match["event"]),
        None if inference is None else (match["inference_key"], len(inference)),
        match["time_key"],
        match["foot"],
        (into, out),
        tuple(shape.records[0]),
    )


def _outline(match: re.Match[str], side: str) -> Outline | None:
    media = media_type(match[f"{side}_media"].strip('"'))
    return outline_of(match[side], json=match[f"{side}_kind"] == "JSON", lines=media.endswith(JSON_LINES))


@dataclass(frozen=True, slots=True)
class _Stencil:
    """The words of a line, in order, and the lengths of its ids.

    `sides` are the outlines of input and output; `places` the cells of a record in the order of the schema's
    names, as a `Shape` names them.
    """

    head: str
    between: str
    after: str
    event: int
    inference: tuple[str, int] | None
    time_key: str
    foot: str
    sides: tuple[Outline, Outline]
    places: tuple[str | None, ...]

    def apply(self, lines: pl.DataFrame, schema: Schema) -> Cut:
        """What it cuts out of lines."""
        pieces = lines.select("@line", self._fits(), **self._pieces())
        pieces = _where(pieces, pieces["fits"])
        read = _read(pieces)
        pieces = _where(pieces, read.fits)
        layout = self._layout()
        grid = Grid.of(pieces["sides"], layout)
        while not grid.whole.all():
            pieces = pieces.filter(pl.Series(grid.whole))
            grid = Grid.of(pieces["sides"], layout)
        if pieces.is_empty():
            return Cut(pl.DataFrame(schema=record_types(schema)), {}, lines)
        times = read.times if len(read.times) == pieces.height else _times(pieces["time"])
        about = [pieces["@line"], _zeros(pieces.height), pieces["@event_id"], pieces["@inference_id"], times]
        into, out = layout.into, layout.out
        cells = [f"in{at}" for at in range(into)] + [f"out{at}" for at in range(out)]
        texts, known = grid.texts(cells), grid.known(cells)
        named = list(zip(schema.names, self.places, strict=True))
        missing = pl.Series([None], dtype=pl.String).new_from_index(0, pieces.height)
        values = [(missing if cell is None else texts[cell]).alias(name) for name, cell in named]
        forms = {name: known[cell] for name, cell in named if cell in known}
        return Cut(pl.DataFrame([*about, *values]), forms, _without(lines, pieces))

    def _words(self) -> dict[str, str]:
        """The words between cells and what is put in their place, longer ones first."""
        words = dict.fromkeys(word for side in self.sides for word in side.words)
        codes = {word: code(number) for number, word in enumerate(words)} | {self.between: MARK}
        return dict(sorted(codes.items(), key=lambda each: -len(each[0])))

    def _layout(self) -> Layout:
        into, out = self.sides
        words = self._words()
        codes = "".join(words[word] for word in (*into.words, self.between, *out.words))
        return Layout(
            into.cells,
            out.cells,
            codes if into.words or out.words else "",
            tuple(number for side in self.sides for number in side.numbers or (False,) * side.cells),
            tuple(side.payload.json for side in self.sides for _ in range(side.cells)),
        )

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
        words = self._words()
        inference: pl.Expr = pl.lit(None, pl.String)
        if self.inference is not None:
            length = self.inference[1]
            inference = text.str.tail(_TIME_LENGTH + len(self.foot + self.time_key) + length).str.head(length)
        return {
            "@event_id": text.str.tail(self._tail() - len(self.after)).str.head(self.event),
            "@inference_id": inference,
            "time": text.str.tail(_TIME_LENGTH + len(self.foot)).str.head(_TIME_LENGTH),
            "sides": sides.str.replace_many(list(words), list(words.values()), leftmost=len(words) > 1),
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
    if (raw == ord('"')).any() or (raw == ord("\\")).any():
        unlike = r'["\\]'
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
