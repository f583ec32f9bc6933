"""Captured objects through Model Monitor's `preprocess_handler`, to the table that `decode` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import polars as pl

from monitor.capture.columns import Row, Schema, arrange
from monitor.capture.decode import GIB, Decoded, Times, put_together
from monitor.capture.exact import wrong_columns
from monitor.capture.gunzip import gunzip
from monitor.capture.lines import blocks
from monitor.capture.records import META, MISFITS, TIME, Part, record_types
from monitor.capture.rejects import EXAMPLES, NONE, Reject, RejectKind, Rejects, many, one
from monitor.hooks.process import LIMITS, HookProcess, HookStoppedError, Limits
from monitor.hooks.script import Script

HANDLER = "preprocess_handler"
_PIECE_BYTES = 4 << 20
_STOPS = 3
"""At so many lines of one object the script may take its process down: then the rest is given up."""


@dataclass(frozen=True, slots=True)
class Preprocessed:
    """What an object held, what the script printed (maybe captured values), and how many lines it dropped."""

    decoded: Decoded
    said: str
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Lines of an object: the number of the first, and whether the object ends with them."""

    raw: bytes
    first: int
    last: bool

    def without(self, line: int) -> list[_Piece]:
        """What stands before a line and what stands behind it."""
        lines = self.raw.split(b"\n")
        at = line - self.first
        before, behind = b"\n".join(lines[:at]), b"\n".join(lines[at + 1 :])
        return [
            piece
            for piece in (_Piece(before, self.first, False), _Piece(behind, line + 1, self.last))
            if piece.raw.strip()
        ]

    @property
    def count(self) -> int:
        """How many lines are written here."""
        return sum(1 for line in self.raw.split(b"\n") if line.strip())


@dataclass(slots=True)
class _Pass:
    """One object on its way through the script, by one process after the other where it takes them down."""

    script: Script
    schema: Schema
    need_time: bool
    plain: bool
    limits: Limits
    said: str = ""
    stops: int = 0
    seen: int = 0
    parts: list[Part] = field(default_factory=list)

    def through(self, pieces: Iterator[_Piece]) -> None:
        """Take every piece."""
        waiting: list[_Piece] = []
        more = True
        while more:
            if self.stops >= _STOPS:
                for piece in chain(waiting, pieces):
                    self._give_up(piece)
                return
            with HookProcess(self.script, HANDLER, self.limits) as process:
                try:
                    more = self._while_it_lives(process, waiting, pieces)
                finally:
                    self.said += process.said[: max(self.limits.said_bytes - len(self.said), 0)]

    def _while_it_lives(self, process: HookProcess, waiting: list[_Piece], pieces: Iterator[_Piece]) -> bool:
        """Whether the process went down before all was done."""
        while piece := waiting.pop(0) if waiting else next(pieces, None):
            try:
                answer = _ask(process, piece, self.need_time, self.plain)
                self.parts.append(_part(answer, self.schema))
                self.seen += piece.count
            except HookStoppedError as stopped:
                self._stopped(piece, stopped, waiting)
                return True
            except (ValueError, TypeError, KeyError, pl.exceptions.PolarsError):
                self._stopped(piece, HookStoppedError("answered what is no answer", None), waiting)
                return True
        return False

    def _stopped(self, piece: _Piece, stopped: HookStoppedError, waiting: list[_Piece]) -> None:
        self.stops += 1
        line = stopped.line
        if line is None or not piece.first <= line <= piece.first + piece.raw.count(b"\n"):
            self._lose(piece, f"the process of the preprocess script {self.script.name} {stopped}")
            return
        waiting[:0] = piece.without(line)
        self.seen += 1
        detail = f"the process of the preprocess script {self.script.name} {stopped} at this line"
        self.parts.append(_bad(one(RejectKind.HOOK_FAILED, detail, line), self.schema))

    def _give_up(self, piece: _Piece) -> None:
        self._lose(
            piece,
            f"the preprocess script {self.script.name} took its process down at {self.stops} lines: "
            "what follows was not tried",
        )

    def _lose(self, piece: _Piece, detail: str) -> None:
        self.seen += piece.count
        example = Reject(RejectKind.HOOK_FAILED, piece.first, None, f"{detail}, from here on")
        self.parts.append(_bad(many(RejectKind.HOOK_FAILED, piece.count, [example]), self.schema))


def decode_through(
    script: Script,
    data: bytes,
    schema: Schema,
    *,
    limit_bytes: int = GIB,
    need_time: bool = True,
    between: Times | None = None,
    plain: bool = False,
    limits: Limits = LIMITS,
) -> Preprocessed:
    """Captured JSON lines as `monitor.capture.decode.decode` gives them, each through the owner's script.

    The keys that the script gives a record, in lexicographical order, are its columns: by name where the
    schema knows any of them, else by position. Lines at which the script fails are rejects of the kind
    HOOK_FAILED; the others are not lost with them. `plain`: the lines are those of a data set, which the
    script gets as texts, without a time or an id.

    Raises:
        HookError: the script can't be loaded; nothing is wrong with the data then.
    """
    unpacked = gunzip(data, limit_bytes)
    found = _Pass(script, schema, need_time and not plain, plain, limits)
    pieces = blocks(unpacked.data, _PIECE_BYTES)
    found.through(_Piece(block.raw, block.first, block.last) for block in pieces)
    decoded = put_together(unpacked.rejects, found.parts, schema, between)
    if found.seen and decoded.rejects.count(RejectKind.EMPTY_FILE):
        decoded = replace(decoded, rejects=NONE)  # the script dropped every record, as it may
    told = pl.concat([decoded.records["@line"], decoded.misfits["@line"]]).n_unique()
    misfits = decoded.rejects.count(RejectKind.WRONG_COLUMNS)
    return Preprocessed(decoded, found.said, max(0, found.seen - told - decoded.rejects.lost + misfits))


def columns_through(script: Script, objects: Iterable[bytes], *, plain: bool = False) -> tuple[str, ...]:
    """The keys that the script gives the records of the first lines, in lexicographical order; () for none.

    `objects` are objects as stored; they are read until there is a record.

    Raises:
        HookError: the script can't be loaded.
    """
    for data in objects:
        for block in blocks(gunzip(data, GIB).data, _PIECE_BYTES):
            with HookProcess(script, HANDLER, LIMITS) as process:
                try:
                    answer = _ask(process, _Piece(block.raw, block.first, block.last), False, plain)
                    names = {str(name) for shape in answer["shapes"] for name in shape["names"]}
                except (HookStoppedError, TypeError, KeyError):
                    continue  # reading the records tells which line it was
            if names:
                return tuple(sorted(names))
    return ()


def _ask(process: HookProcess, piece: _Piece, need_time: bool, plain: bool) -> dict[str, Any]:
    told = {"first": piece.first, "last": piece.last, "need_time": need_time, "plain": plain}
    return process.ask({"do": "preprocess", **told}, piece.raw)


def _bad(rejects: Rejects, schema: Schema) -> Part:
    return Part(pl.DataFrame(schema=record_types(schema)), pl.DataFrame(schema=MISFITS), rejects)


def _part(answer: Mapping[str, Any], schema: Schema) -> Part:
    """An answer as tables; a process that answers anything else than it should makes polars raise."""
    parts = [_bad(_rejects(answer), schema)]
    parts.extend(_shape(shape, schema) for shape in answer["shapes"])
    rejects = NONE
    for part in parts:
        rejects += part.rejects
    return Part(
        pl.concat([part.records for part in parts]), pl.concat([part.misfits for part in parts]), rejects
    )


def _rejects(answer: Mapping[str, Any]) -> Rejects:
    found = NONE
    for kind, count in answer["counts"].items():
        examples = [
            Reject(RejectKind(kind), int(line), None, str(detail))
            for its, line, detail in answer["examples"]
            if its == kind
        ]
        found += many(RejectKind(kind), int(count), examples)
    return found


def _shape(shape: Mapping[str, Any], schema: Schema) -> Part:
    """The records of one set of columns."""
    names = tuple(shape["names"])
    place = pl.DataFrame(shape["place"], schema=_PLACE, orient="col")
    place = place.with_columns(pl.col("@time").cast(TIME))
    # a script gives whole records: which of its columns the endpoint answered is all one
    cells = arrange(replace(schema, outputs=()), None, Row(range(len(names)), names))
    if isinstance(cells, int):
        misfits = place.select("@line", "@time", pl.lit(cells, pl.UInt32).alias("@width"))
        examples = [wrong_columns(line, cells, schema) for line in place["@line"].head(EXAMPLES)]
        rejects = many(RejectKind.WRONG_COLUMNS, place.height, examples)
        return Part(pl.DataFrame(schema=record_types(schema)), misfits, rejects)
    given = shape["cells"]
    columns = [
        pl.Series(name, [None] * place.height if at is None else given[at], pl.String)
        for name, at in zip(schema.names, cells, strict=True)
    ]
    return Part(place.select(*META).hstack(columns), pl.DataFrame(schema=MISFITS), NONE)


_PLACE = {**META, "@time": pl.Int64()}
