"""The process of one hook: `python -I -m monitor.hooks.child`, started by `monitor.hooks.process`.

It reads messages from standard input and answers each on standard output; the script gets neither. It imports
nothing heavy, since every captured object starts one.
"""

from __future__ import annotations

import builtins
import inspect
import io
import json
import linecache
import logging
import math
import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, BinaryIO

from monitor.capture.payload import flatten, parse, valid_text
from monitor.capture.rejects import EXAMPLES, RejectKind
from monitor.hooks import frames
from monitor.hooks.record import record_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NAME = 80
_TRACES = 5
"""How many traces of one message's failures are told."""

_OF_PATHS = (
    *("open", "stat", "lstat", "access", "listdir", "scandir", "statvfs", "readlink"),
    *("mkdir", "rmdir", "remove", "unlink", "rename", "replace", "link", "symlink", "truncate"),
    *("chdir", "chmod", "chown", "lchown", "utime", "getxattr", "listxattr", "setxattr"),
)
"""What there is in `os` that takes a path; the rest of the library goes by these."""

Handler = Callable[..., Any]


class _Kept(io.RawIOBase):
    """What the script prints, up to a number of bytes; the rest is only counted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.kept = bytearray()
        self.dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 (whatever has bytes)
        given = bytes(data)
        room = max(self.limit - len(self.kept), 0)
        self.kept += given[:room]
        self.dropped += len(given[room:])
        return len(given)

    def told(self) -> str:
        """What there is since it was asked last."""
        more = f"\n({self.dropped} bytes more)" if self.dropped else ""
        text = self.kept.decode("utf-8", "replace") + more
        self.limit -= len(self.kept)
        self.kept.clear()
        self.dropped = 0
        return text


class _LoadError(Exception):
    """A script that cannot be used at all, in words that go behind its name."""


def main() -> None:
    """Answer messages until there are no more."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    progress = mmap.mmap(int(sys.argv[1]), frames.PROGRESS.size)
    header, source = _next(asked)
    _limit(header)
    kept = _Kept(header["said_bytes"])
    said = io.TextIOWrapper(io.BufferedWriter(kept), "utf-8", "backslashreplace", write_through=True)
    sys.stdout = sys.stderr = said
    logging.basicConfig(stream=said, level=logging.INFO, format="%(levelname)s %(message)s", force=True)
    handler: Handler | None = None
    while header:
        signal.alarm(math.ceil(header["seconds"]) + 5)  # an end, even if nobody is there to bring it about
        answer: dict[str, Any] = {}
        try:
            match header["do"]:
                case "load":
                    handler = _load(header, source)
                case "preprocess":
                    answer = _Preprocessing(header, handler or _none, progress).of(source)
                case "postprocess":
                    _redirect(header["seen_as"], header["folder"])
                    answer = _postprocess(header["script"], handler or _none)
        except _LoadError as error:
            answer = {"unusable": str(error)}
        said.flush()
        answers.write(frames.encode(answer | {"said": kept.told()}))
        answers.flush()
        header, source = _next(asked)


def _none() -> None:
    raise _LoadError("was asked for before it was loaded")


def _next(asked: BinaryIO) -> tuple[dict[str, Any], bytes]:
    length = asked.read(frames.LENGTH.size)
    if len(length) < frames.LENGTH.size:
        return {}, b""
    return frames.decode(asked.read(*frames.LENGTH.unpack(length)))


def _limit(header: dict[str, Any]) -> None:
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(header["cpu_seconds"])),
        (resource.RLIMIT_AS, header["memory_bytes"]),
        (resource.RLIMIT_FSIZE, header["file_bytes"]),
    ):
        allowed = resource.getrlimit(kind)[1]
        endless = allowed == resource.RLIM_INFINITY
        # a second more of processor time, in which the signal that says why is sent
        hard = value + 1 if kind == resource.RLIMIT_CPU else value
        hard = hard if endless else min(hard, allowed)
        resource.setrlimit(kind, (min(value, hard), hard))


def _load(header: dict[str, Any], source: bytes) -> Handler:
    """The handler of a script; what runs when it is imported runs here."""
    name = header["script"]
    text = source.decode("utf-8", "replace")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    if header["folder"]:
        sys.path.insert(0, header["folder"])
    module = ModuleType("hook")
    module.__file__ = name
    sys.modules["hook"] = module  # where dataclasses and pickle look for it
    namespace = vars(module)
    try:
        exec(compile(source, name, "exec"), namespace)  # noqa: S102 (the owner's script is what we are for)
    except SyntaxError as error:
        raise _LoadError(f"is no Python in its line {error.lineno} ({type(error).__name__})") from error
    except BaseException as error:
        traceback.print_exc()
        raise _LoadError(f"fails when it is read, {_where(error, name)}") from error
    handler = namespace.get(header["handler"])
    if not callable(handler):
        raise _LoadError(f"has no function {header['handler']}")
    return _called(handler, header)


def _called(handler: Handler, header: dict[str, Any]) -> Handler:
    """The handler with the arguments it takes: a record, and a logger where it wants one."""
    parameters = inspect.signature(handler).parameters.values()
    places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = sum(one.default is one.empty for one in places)
    if header["handler"] == "postprocess_handler":
        if needed:
            raise _LoadError("has a postprocess_handler that wants arguments: it is called with none")
        return handler
    takes_any = any(one.kind is one.VAR_POSITIONAL for one in parameters)  # what a decorator made
    if needed > 2 or not (places or takes_any):
        raise _LoadError(
            f"has a preprocess_handler of {len(places)} arguments: "
            "it is called with inference_record, or with inference_record and logger"
        )
    if len(places) < 2:
        return handler
    logger = logging.getLogger("preprocess")
    return lambda record: handler(record, logger)


def _where(error: BaseException, script: str) -> str:
    """The script's line that an error came from, and the error's kind; its words may hold captured values."""
    found = [line for name, line in _frames(error.__traceback__) if name == script]
    kind = type(error).__name__[:_LONGEST_NAME]
    return f"in its line {found[-1]} ({kind})" if found else f"({kind})"


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


class _RefusedError(Exception):
    def __init__(self, kind: RejectKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class _Preprocessing:
    """The captured lines of one message through the script."""

    def __init__(self, header: dict[str, Any], handler: Handler, progress: mmap.mmap) -> None:
        self.script: str = header["script"]
        self.first: int = header["first"]
        self.last: bool = header["last"]
        self.need_time: bool = header["need_time"]
        self.plain: bool = header["plain"]
        self.handler = handler
        self.progress = progress
        self.shapes: dict[tuple[str, ...], dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.examples: list[tuple[str, int, str]] = []

    def of(self, raw: bytes) -> dict[str, Any]:
        """The records by the names of their columns; what was not used, counted and by example."""
        lines = raw.split(b"\n")
        written = len(raw.rstrip())
        end = -1
        seen = 0
        for number, line in enumerate(lines, self.first):
            end += len(line) + 1
            if not (stripped := line.strip()):
                continue
            seen += 1
            frames.PROGRESS.pack_into(self.progress, 0, number)
            cut = self.last and end >= written and stripped.startswith(b"{")
            try:
                self._line(number, stripped, cut and not (stripped.endswith(b"}") and end < len(raw)))
            except _RefusedError as refused:
                self._refuse(refused.kind, number, str(refused))
        frames.PROGRESS.pack_into(self.progress, 0, 0)
        return {
            "shapes": list(self.shapes.values()),
            "lines": seen,
            "counts": self.counts,
            "examples": self.examples,
        }

    def _given(self, raw: bytes, cut: bool) -> tuple[Any, tuple[str, str | None, int | None]]:
        """What the handler gets of a line, and what is known about it; of a line of a data set, nothing."""
        if self.plain:
            try:
                return raw.decode(), ("", None, None)
            except UnicodeDecodeError as error:
                detail = f"the bytes are not UTF-8 from byte {error.start + 1} of the line on"
                raise _RefusedError(RejectKind.NOT_UTF8, detail) from error
        event = _event(raw, cut)
        return record_of(event), _about(event["eventMetadata"], self.need_time)

    def _refuse(self, kind: RejectKind, number: int, detail: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= EXAMPLES:
            self.examples.append((kind, number, detail))

    def _line(self, number: int, raw: bytes, cut: bool) -> None:
        """Add the records of one line, or raise before any is added."""
        given, about = self._given(raw, cut)
        try:
            found = self.handler(given)
            rows = [_row(one) for one in _records(found)]
        except BaseException as error:
            if self.counts.get(RejectKind.HOOK_FAILED, 0) < _TRACES:
                sys.stderr.write(f"line {number}: {traceback.format_exc()}")
            where = _where(error, self.script)
            if isinstance(error, _RefusedError):
                where = str(error)
            raise _RefusedError(
                RejectKind.HOOK_FAILED, f"the preprocess script {self.script} failed {where}"
            ) from error
        for position, (names, cells) in enumerate(rows):
            if names not in self.shapes:
                empty: list[list[str | None]] = [[] for _ in names]
                self.shapes[names] = {"names": names, "place": [[] for _ in range(5)], "cells": empty}
            shape = self.shapes[names]
            for column, value in zip(shape["place"], (number, position, *about), strict=True):
                column.append(value)
            for column, cell in zip(shape["cells"], cells, strict=True):
                column.append(cell)


def _event(raw: bytes, cut: bool) -> dict[str, Any]:
    try:
        event = json.loads(raw.decode())
    except UnicodeDecodeError as error:
        detail = f"the bytes are not UTF-8 from byte {error.start + 1} of the line on"
        raise _RefusedError(RejectKind.NOT_UTF8, detail) from error
    except (ValueError, RecursionError) as error:
        if cut:
            raise _RefusedError(RejectKind.CUT_OFF, "the last line breaks off before its end") from error
        raise _RefusedError(RejectKind.NOT_JSON, "the line is not JSON") from error
    if not isinstance(event, dict):
        raise _RefusedError(RejectKind.NOT_CAPTURE, "the line is JSON but no object")
    if not isinstance(event.get("captureData"), dict) or not isinstance(event.get("eventMetadata"), dict):
        raise _RefusedError(RejectKind.NOT_CAPTURE, "the line has no captureData or no eventMetadata")
    return event


def _about(metadata: dict[str, Any], need_time: bool) -> tuple[str, str | None, int | None]:
    """The event's id, its inference id, its time in microseconds since 1970 (UTC)."""
    event_id = metadata.get("eventId")
    if not isinstance(event_id, str) or not event_id:
        raise _RefusedError(RejectKind.NO_ID, "the line has no eventId")
    inference_id = metadata.get("inferenceId")
    return (
        valid_text(event_id),
        valid_text(inference_id) if isinstance(inference_id, str) and inference_id else None,
        _time(metadata.get("inferenceTime"), need_time),
    )


def _time(value: object, needed: bool) -> int | None:
    if value is None and not needed:
        return None
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        detail = "inferenceTime is missing or is no ISO 8601 time"
        raise _RefusedError(RejectKind.BAD_TIME, detail) from error
    gone = time - _EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


def _records(found: object) -> list[dict[Any, Any]]:
    """What a handler returned: a dict, a list of them, or nothing, which drops the record."""
    many = [] if found is None else found if isinstance(found, list | tuple) else [found]
    many = [one for one in many if one is not None and one != {}]
    for one in many:
        if not isinstance(one, dict):
            kind = type(one).__name__[:_LONGEST_NAME]
            raise _RefusedError(
                RejectKind.HOOK_FAILED, f"to return a dict, a list of dicts or None: it returned {kind}"
            )
    return list(many)


def _row(one: dict[Any, Any]) -> tuple[tuple[str, ...], list[str | None]]:
    """Columns in the order of their names, as texts; an empty text is missing, like an empty cell of CSV."""
    ordered = {str(name): one[name] for name in sorted(one, key=str)}
    try:
        row = flatten(parse(json.dumps(ordered, default=_plain)))
    except (TypeError, ValueError, RecursionError) as error:
        raise _RefusedError(RejectKind.HOOK_FAILED, _misfit(ordered)) from error
    names = tuple(valid_text(name) for name in row.names or ())
    return names, [cell or None for cell in row.cells]


def _misfit(ordered: dict[str, Any]) -> str:
    """Which of a record's values JSON does not have."""
    for name, value in ordered.items():
        try:
            parse(json.dumps(value, default=_plain))
        except (TypeError, ValueError, RecursionError):
            kind = type(value).__name__[:_LONGEST_NAME]
            return f"to return numbers and texts: under the key {name[:_LONGEST_NAME]!r} it returned {kind}"
    return "to return numbers and texts"


def _plain(value: Any) -> Any:  # noqa: ANN401 (a library's number or array)
    if isinstance(value, Decimal):
        return str(value)
    for method in ("item", "tolist", "isoformat"):
        try:
            return getattr(value, method)()
        except (AttributeError, ValueError, TypeError):
            continue
    raise TypeError("no value of JSON")


def _postprocess(script: str, handler: Handler) -> dict[str, Any]:
    try:
        handler()
    except BaseException as error:
        traceback.print_exc()
        return {"failed": _where(error, script)}
    return {}


def _redirect(seen_as: str, folder: str) -> None:
    """Let a script find the results under the path that Model Monitor has them at."""
    if os.path.realpath(seen_as) == os.path.realpath(folder):
        return

    def moved(path: Any) -> Any:  # noqa: ANN401 (a path, or a descriptor)
        text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
        if isinstance(text, str) and (text == seen_as or text.startswith(f"{seen_as}/")):
            return str(Path(folder) / text[len(seen_as) :].lstrip("/"))
        return path

    def moving(function: Handler) -> Handler:
        def moved_first(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            named = {name: moved(value) for name, value in kwargs.items()}
            return function(*(moved(value) for value in args), **named)

        return moved_first

    builtins.open = io.open = moving(io.open)
    for name in _OF_PATHS:
        if hasattr(os, name):
            setattr(os, name, moving(getattr(os, name)))


if __name__ == "__main__":
    main()
