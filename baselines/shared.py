"""Baselines that a fleet's endpoints share: files read once for all, and parsed once for each content.

What is kept is bounded. Endpoints that are trained alike are judged by the same files, and a parsed baseline
weighs a hundred kilobytes and more.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy import Engine

from baselines import versions
from baselines.constraints import Constraints
from baselines.folder import BaselineFiles, parse, read_files
from baselines.profile.profile import Profile
from baselines.versions import LoadedBaseline
from objects import Place
from store import baselines as stored
from store.engine import reading
from store.records import Baseline

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Kept(Generic[_Key, _Value]):
    """The values that were asked for last, so many of them."""

    most: int
    _values: OrderedDict[_Key, _Value] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The value, made where it is not kept; what `make` raises is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        return self.put(key, make())

    def put(self, key: _Key, value: _Value) -> _Value:
        """Keep a value; the one that nobody asked for longest gives way."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)
        return value

    def peek(self, key: _Key) -> _Value | None:
        """The value, if it is kept."""
        with self._lock:
            return self._values.get(key)


@dataclass(slots=True)
class SharedBaselines:
    """Reads, parses and keeps baselines for many endpoints.

    Attributes:
        seconds: for how long (wall time) the files of an address are taken to be what they were.
    """

    seconds: float = 60.0
    _folders: _Kept[tuple[str, str | None], tuple[float, BaselineFiles]] = field(
        default_factory=lambda: _Kept(256)
    )
    _parsed: _Kept[str, tuple[Profile, Constraints]] = field(default_factory=lambda: _Kept(128))
    _versions: _Kept[int, tuple[Baseline, str]] = field(default_factory=lambda: _Kept(20_000))

    def files(self, place: Place, role: str | None) -> BaselineFiles:
        """The two files at an address, as a role sees it; raises PlaceError or BaselineError."""
        key = (place.uri, role)
        kept = self._folders.peek(key)
        if kept is None or time.monotonic() - kept[0] >= self.seconds:
            kept = self._folders.put(key, (time.monotonic(), read_files(place)))
        return kept[1]

    def parse(self, files: BaselineFiles) -> tuple[Profile, Constraints]:
        """The files as values; raises what `baselines.folder.parse` does."""
        return self._parsed.get(files.digest, lambda: parse(files))

    def load(self, engine: Engine, baseline_id: int) -> LoadedBaseline:
        """A stored version; its texts are fetched and parsed where no other of the same content was."""
        known = self._versions.peek(baseline_id)
        if known is None:
            with reading(engine) as connection:
                known = self._versions.put(baseline_id, stored.with_digest(connection, baseline_id))

        def fetched() -> tuple[Profile, Constraints]:
            with reading(engine) as connection:
                loaded = versions.load(connection, baseline_id)
            return loaded.profile, loaded.constraints

        return LoadedBaseline(known[0], *self._parsed.get(known[1], fetched))
