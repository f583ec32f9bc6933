"""Turns: how much of an endpoint's work one turn takes on, and when there is none to take on.

A turn is bounded, so that an endpoint with a flood of objects gives way to those that wait. What it leaves is
kept as a backlog, as far as there is room, so that the next turn need not list and look up everything again.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.model import Endpoint
from monitor.capture import layout
from monitor.ingest import Found
from monitor.windows import window_start
from objects import Place
from store.records import Deployment, ExecutionKind, Monitor, ObjectKind, Window
from store.turns import Standing


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one turn takes on; an object larger than all of it is taken alone."""

    objects: int
    bytes: int
    windows: int


UNBOUNDED = Bound(2**62, 2**62, 2**62)
TURN = Bound(512, 256 * 1024**2, 48)
"""Some seconds of work."""


@dataclass(slots=True)
class Intake:
    """What one round takes in of what it finds, and what it leaves; captures and labels each by the bound."""

    bound: Bound = UNBOUNDED
    more: bool = False
    """Whether the endpoint wants another turn at once."""
    labels_wait: bool = False
    """Whether labels were left."""
    everything: frozenset[tuple[str, str]] | None = None
    """(bucket, name) of all captures that there are, where all were listed."""
    _whole: bool = True
    _found: dict[ObjectKind, list[Found]] = field(default_factory=dict)
    _waiting: int = 0
    _since: datetime | None = None
    _judged_until: datetime | None = None

    def listed(self, kind: ObjectKind, ask: Callable[[], Iterable[Found]]) -> list[Found]:
        """What there is of a kind: asked once in a round."""
        if kind not in self._found:
            self._found[kind] = list(ask())
        return self._found[kind]

    def take(
        self, kind: ObjectKind, place: Place, new: Sequence[Found]
    ) -> tuple[Sequence[Found], Sequence[Found]]:
        """Those of new objects that the round takes on, in their order, and those that it leaves."""
        size = taken = 0
        for found in new:
            size += found.ref.size
            if taken and (taken >= self.bound.objects or size > self.bound.bytes):
                break
            taken += 1
        left = new[taken:]
        if left:
            since = min(_begun(place, found) for found in left)
            self._since = min(since, self._since or since)
            self._leave(len(left))
            if kind is ObjectKind.CAPTURE:
                self.hold(since)
            else:
                self.labels_wait = True
        return new[:taken], left

    def goes_on(self, backlog: Backlog) -> None:
        """The round takes up a backlog and lists nothing: what else there is the next one sees."""
        self._leave(backlog.beyond)

    def _leave(self, objects: int) -> None:
        self._waiting += objects
        self._whole, self.more = False, True

    def hold(self, until: datetime) -> None:
        """Judge no window that ends after that: of a later one objects wait, which would open it again."""
        self._judged_until = min(until, self._judged_until or until)

    def lacks(self, since: datetime) -> None:
        """Objects begun since then may be there that could not be counted: their windows are not judged."""
        self._whole, self.more = False, True
        self.hold(since)

    def ripe(self, closed: Sequence[Window]) -> Sequence[Window]:
        """Those of the windows that closed which this round judges."""
        ripe = [one for one in closed if self._judged_until is None or one.end <= self._judged_until]
        self.more |= len(ripe) > self.bound.windows
        return ripe[: self.bound.windows]

    def seen(self, endpoint: Endpoint, eras: Sequence[Deployment]) -> str | None:
        """A digest of all that was listed and what it is read by; None where not all of it is counted."""
        if not self._whole:
            return None
        digest = hashlib.blake2b(endpoint.digest.encode(), digest_size=32)
        for era in eras:
            digest.update(f"{era.id} {era.baseline_id} {era.served}\n".encode())
        for kind, listed in sorted(self._found.items()):
            digest.update(f"{kind}\n".encode())
            for found in listed:
                digest.update(f"{found.name}\0{found.ref.etag}\n".encode())
        return digest.hexdigest()

    def counted(self, lateness: timedelta, now: datetime) -> tuple[datetime, datetime] | None:
        """Between when all captures are counted, which are listed so far back; None where not all are."""
        return (now - lateness, now) if self._whole and self.everything is not None else None

    @property
    def waiting(self) -> tuple[int, datetime | None]:
        """How many objects were left, and when the oldest of them was begun, as its key says."""
        return self._waiting, self._since


def _begun(place: Place, found: Found) -> datetime:
    key = found.ref.key
    told = layout.begun(key, place.prefix) or layout.parse_label_key(key, place.prefix)
    return told or found.ref.modified


@dataclass(frozen=True, slots=True)
class Backlog:
    """Objects of an endpoint that were found new and wait, read by this entry; `beyond` more are not kept."""

    digest: str
    objects: tuple[Found, ...]
    beyond: int


@dataclass(slots=True)
class Backlogs:
    """The endpoints' backlogs: so many of them, and of so many objects each, as memory has room for."""

    endpoints: int = 16
    objects: int = 10_000
    _kept: dict[str, Backlog] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, endpoint: Endpoint, left: Sequence[Found], beyond: int = 0) -> None:
        """Keep what a turn left; where there are too many backlogs, the oldest is listed again."""
        if not left:
            return
        kept = tuple(left[: self.objects])
        with self._lock:
            self._kept.pop(endpoint.name, None)
            while len(self._kept) >= self.endpoints:
                del self._kept[next(iter(self._kept))]
            self._kept[endpoint.name] = Backlog(endpoint.digest, kept, beyond + len(left) - len(kept))

    def __contains__(self, endpoint: Endpoint) -> bool:
        return endpoint.name in self._kept

    def pop(self, endpoint: Endpoint) -> Backlog | None:
        """The endpoint's backlog, which is this turn's from now on; none where its entry changed."""
        with self._lock:
            found = self._kept.pop(endpoint.name, None)
        return found if found is not None and found.digest == endpoint.digest else None


def has_work(endpoint: Endpoint, standing: Standing, now: datetime, sweep: timedelta) -> bool:
    """Whether the database alone says that an endpoint wants a round, before anything is listed.

    Where it follows a schedule, reads batch transforms or sends metrics it always does: what is to be done
    there these rows don't tell. `sweep` is how far its daily sweeps lie apart.
    """
    monitor = standing.monitor
    if endpoint.schedule is not None or endpoint.batch or endpoint.cloudwatch is not None:
        return True
    if monitor.problem is not None or standing.listing_seen is None or standing.outlived:
        return True
    if standing.is_tried and _is_uncounted(endpoint, monitor, now):
        return True
    if not standing.eras or any(None in era.baseline_ids for era in standing.eras):
        return True
    if monitor.swept_at is None or now - monitor.swept_at >= sweep:
        return True
    return monitor.swept_digest != endpoint.digest or _is_behind(endpoint, standing, now - endpoint.grace)


def _is_uncounted(endpoint: Endpoint, monitor: Monitor, now: datetime) -> bool:
    """Whether it is not on record that the last window is over and all that came of it is counted.

    What a queue announces is no proof of that; there the listing that is made now and then is.
    """
    over = window_start(now - endpoint.grace, endpoint.window) + endpoint.grace
    is_listed = endpoint.notifications is None
    return is_listed and (monitor.counted_until is None or monitor.counted_until < over)


def _is_behind(endpoint: Endpoint, standing: Standing, closed: datetime) -> bool:
    """Whether what was counted waits to be judged, measured or written."""
    ends = [standing.first_dirty, standing.first_unmeasured if endpoint.ground_truth else None]
    kinds = frozenset(ExecutionKind) if endpoint.quality_baseline else {ExecutionKind.DATA_QUALITY}
    unwritten = endpoint.results is not None and bool(standing.unpublished & kinds)
    return unwritten or any(end is not None and end <= closed for end in ends)
