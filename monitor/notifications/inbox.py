"""Messages of one queue that are received and not settled: whose they are, and how long they are held."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from config.model import Endpoint
from monitor.notifications.events import Notice
from monitor.notifications.queue import Message
from monitor.transforms import OUTPUT
from objects import ObjectRef

MOST = 1000
"""Messages held for one endpoint. Beyond, listing is quicker, and what they announce is listed."""
MOST_IN_ALL = 20 * MOST
"""Messages held for all endpoints of a queue; beyond, for each no more than an equal share of so many."""
LONGEST = 900.0
"""Seconds for which a message is held; then the queue has it again, and counts that it was received."""


class Fate(StrEnum):
    """What becomes of a received message."""

    HELD = "held"
    """An endpoint's; deleted once what it announces is counted."""
    OF_NO_CONCERN = "of_no_concern"
    """A test, or an object that was deleted: deleted."""
    PASSED_ON = "passed_on"
    """A model package's: whoever waits for it was told; deleted, since the registry is asked in any case."""
    ELSEWHERE = "elsewhere"
    """An object that is no capture of an endpoint of kedge.yaml: deleted."""
    OVERFLOWED = "overflowed"
    """One more than is held of an endpoint's, which is listed instead; it comes back, and is found known."""
    MALFORMED = "malformed"
    """No notification: left on the queue, which gives it to its dead-letter queue."""


@dataclass(frozen=True, slots=True)
class Letters:
    """What is announced to one endpoint: the messages' ids, the objects, and whether there was too much."""

    ids: tuple[str, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    overflowed: bool = False


@dataclass(slots=True)
class _Held:
    receipt: str
    since: float
    until: float
    objects: tuple[ObjectRef, ...]
    waiting: set[str]
    """The endpoints that have not settled it."""
    deletable: bool
    """Whether it may be deleted: one of which a part is malformed goes to the dead-letter queue."""


@dataclass(slots=True)
class Inbox:
    """Safe for many threads. Times are seconds of a clock that never goes back."""

    visibility: float
    most: int = MOST
    most_in_all: int = MOST_IN_ALL
    longest: float = LONGEST
    _routes: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    _held: dict[str, _Held] = field(default_factory=dict)
    _of: defaultdict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    _overflowed: set[str] = field(default_factory=set)
    _share: int = 1
    _came: Counter[str] = field(default_factory=Counter)
    """How much was new to each endpoint so far."""
    _let_go: dict[str, None] = field(default_factory=dict)
    """Messages that were held for too long, and are no news when they come again."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def follow(self, endpoints: Iterable[Endpoint]) -> None:
        """The endpoints whose captures the queue announces. One that joins is to be listed.

        What was announced of it before, while its entry was broken, say, was taken to be elsewhere.
        """
        routes = defaultdict[tuple[str, str], tuple[str, ...]](tuple)
        names = set()
        for endpoint in endpoints:
            routes[_folder(endpoint)] += (endpoint.name,)
            names.add(endpoint.name)
        with self._lock:
            before = {name for whose in self._routes.values() for name in whose}
            self._routes = dict(routes)
            self._share = max(1, self.most_in_all // max(len(names), 1))
            for gone in self._of.keys() - names:
                self._settle(gone, tuple(self._of[gone]))
                del self._of[gone]
            joined = names - before if before else set()
            self._came.update(joined)
            self._overflowed = (self._overflowed & names) | joined

    def put(self, message: Message, notice: Notice, now: float) -> Fate:
        """Take in a message that was received just now; says what is to become of it."""
        if notice.package is not None:
            return Fate.PASSED_ON
        if not notice.objects:
            return Fate.OF_NO_CONCERN if notice.wrong is None else Fate.MALFORMED
        with self._lock:
            known = self._held.pop(message.id, None)
            names = {name for found in notice.objects for name in self._whose(found)}
            if known is not None:
                self._forget(message.id, known)
            most = self.most if len(self._held) < self.most_in_all else min(self.most, self._share)
            full = any(len(self._of[name]) >= most for name in names)
            if names and full:
                self._came.update(names - self._overflowed)
                self._overflowed |= names
                return Fate.OVERFLOWED
            if known is None and message.id not in self._let_go:
                self._came.update(names)
            if names:
                whole = notice.wrong is None
                until = now + self.visibility
                self._held[message.id] = _Held(message.receipt, now, until, notice.objects, names, whole)
                for name in names:
                    self._of[name][message.id] = None
        if notice.wrong is not None:
            return Fate.MALFORMED
        return Fate.HELD if names else Fate.ELSEWHERE

    def _whose(self, found: ObjectRef) -> Iterator[str]:
        """The endpoints below whose folders a key lies."""
        at = -1
        while (at := found.key.find("/", at + 1)) >= 0:
            yield from self._routes.get((found.bucket, found.key[:at]), ())

    def letters(self, name: str) -> Letters:
        """What waits for an endpoint."""
        with self._lock:
            ids = tuple(self._of.get(name, ()))
            objects = (found for each in ids for found in self._held[each].objects)
            mine = tuple(found for found in objects if name in self._whose(found))
            return Letters(ids, mine, name in self._overflowed)

    def waiting(self) -> frozenset[str]:
        """The endpoints for which something waits."""
        return frozenset(self.news())

    def news(self) -> dict[str, int]:
        """The endpoints for which something waits, and how much was new to each so far."""
        with self._lock:
            names = {name for name, ids in self._of.items() if ids} | self._overflowed
            return {name: self._came[name] for name in names}

    def settle(self, name: str, letters: Letters) -> tuple[str, ...]:
        """What an endpoint was told is counted; returns the receipts of messages that may be deleted now."""
        with self._lock:
            if letters.overflowed:
                self._overflowed.discard(name)
            return self._settle(name, letters.ids)

    def _settle(self, name: str, ids: Collection[str]) -> tuple[str, ...]:
        done: list[str] = []
        for each in ids:
            self._of[name].pop(each, None)
            held = self._held.get(each)
            if held is None:  # held for too long, and forgotten
                continue
            held.waiting.discard(name)
            if not held.waiting:
                del self._held[each]
                if held.deletable:
                    done.append(held.receipt)
        return tuple(done)

    def to_hold(self, now: float) -> tuple[str, ...]:
        """The receipts whose time is half over, to be held anew; what was held too long is forgotten."""
        with self._lock:
            for each, held in list(self._held.items()):
                if now - held.since > self.longest:
                    del self._held[each]
                    self._forget(each, held)
                    self._let_go[each] = None
            while len(self._let_go) > self.most_in_all:
                del self._let_go[next(iter(self._let_go))]
            due = [held for held in self._held.values() if held.until - now < self.visibility / 2]
            for held in due:
                held.until = now + self.visibility
            return tuple(held.receipt for held in due)

    def _forget(self, each: str, held: _Held) -> None:
        for name in held.waiting:
            self._of[name].pop(each, None)


def _folder(endpoint: Endpoint) -> tuple[str, str]:
    """The bucket and the folder (without its closing "/") below which an endpoint's captures lie."""
    bucket, _, prefix = endpoint.capture.removeprefix("s3://").partition("/")
    parts = (prefix.strip("/"), OUTPUT if endpoint.batch else endpoint.name)
    return bucket, "/".join(part for part in parts if part)
