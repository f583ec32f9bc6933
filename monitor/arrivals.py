"""Which captures a round looks at: those that a queue announced, or all inside the lateness, by listing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from config.model import Endpoint
from monitor import diagnosis, ingest
from monitor.diagnosis import MisplacedError
from monitor.doctor import surroundings
from monitor.ingest import Found
from monitor.notifications.inbox import Letters
from monitor.notifications.queue import QueueError
from monitor.turns import Intake
from objects import Place
from store.records import ObjectKind

_LOOK_AROUND = 60.0
"""Seconds of wall time between two looks beside a place in which there is nothing."""

Known = Callable[[list[Found]], Mapping[str, str]]
"""Name -> ETag of those of these captures that are counted."""


class Post(Protocol):
    """What announces captures: `monitor.notifications.reception.Reception`."""

    def letters(self, endpoint: Endpoint, /) -> Letters:
        """What is announced to an endpoint and was not settled."""

    def settle(self, endpoint: Endpoint, letters: Letters, /) -> None:
        """What was told is counted and committed."""

    def problem(self, endpoint: Endpoint, /) -> str | None:
        """What keeps the endpoint's queue from being used."""

    def is_deaf(self, endpoint: Endpoint, /) -> bool:
        """Whether nothing can be received for the endpoint."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Captures to look at, in key order, and what told of them; `listed` where these are all that there are.

    That is the digest of the entry, the columns and the time by which they were listed.
    """

    found: list[Found]
    letters: Letters
    listed: tuple[str, str, datetime] | None = None


@dataclass(slots=True)
class Arrivals:
    """Without a post, every round lists. With one, listing is the net below it: now and then, and at need."""

    post: Post | None = None
    _listed: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)
    """Endpoint -> the digest of its entry, the columns, and when all it has was last listed and counted."""
    _around: dict[str, tuple[str, float, str | None]] = field(default_factory=dict)
    """Endpoint -> the digest of its entry, when it was looked around in vain, and what was found instead."""

    def look(
        self,
        endpoint: Endpoint,
        place: Place,
        columns: str,
        now: datetime,
        known: Known,
        intake: Intake,
        whole: bool = False,
    ) -> Arrived:
        """What to read, with these columns; `whole` lists all.

        Raises PlaceError, and MisplacedError as `_explain`.
        """
        if self.post is None or endpoint.notifications is None:
            return Arrived(
                self._all(endpoint, place, now, intake), Letters(), (endpoint.digest, columns, now)
            )
        letters = self.post.letters(endpoint)
        if whole or letters.overflowed or self.post.is_deaf(endpoint) or self._is_due(endpoint, columns, now):
            # not as the intake's: what a queue announces next is no part of it
            return Arrived(self._list(endpoint, place, now), letters, (endpoint.digest, columns, now))
        seen = {(each.bucket, each.key): each for each in letters.objects}
        told = [ingest.found_at(place, endpoint, each, now - endpoint.lateness) for each in seen.values()]
        found = sorted((each for each in told if each), key=lambda each: each.ref.key)
        return Arrived(list(_confirmed(place, found, known(found))), letters)

    def is_quiet(self, endpoint: Endpoint, place: Place, now: datetime, intake: Intake) -> bool:
        """Whether a queue announces nothing; without one all is listed, for the intake. Raises as `look`."""
        if self.post is None or endpoint.notifications is None:
            self._all(endpoint, place, now, intake)
            return True
        letters = self.post.letters(endpoint)
        announced = letters.ids or letters.overflowed or self.post.is_deaf(endpoint)
        _, columns, _ = self._listed.get(endpoint.name, ("", "", now))
        return not announced and not self._is_due(endpoint, columns, now)

    def forget(self) -> None:
        """Let go of what was kept by endpoint: all are listed again."""
        self._listed.clear()
        self._around.clear()

    def _all(self, endpoint: Endpoint, place: Place, now: datetime, intake: Intake) -> list[Found]:
        return intake.listed(ObjectKind.CAPTURE, lambda: self._list(endpoint, place, now))

    def _list(self, endpoint: Endpoint, place: Place, now: datetime) -> list[Found]:
        listed = list(ingest.list_all(place, endpoint, now - endpoint.lateness))
        if not listed and not endpoint.batch:
            self._explain(endpoint, place, now)
        return listed

    def settle(self, endpoint: Endpoint, arrived: Arrived) -> None:
        """All that arrived is counted, and committed."""
        if arrived.listed is not None:
            self._listed[endpoint.name] = arrived.listed
        if self.post is not None and (arrived.letters.ids or arrived.letters.overflowed):
            self.post.settle(endpoint, arrived.letters)

    def require(self, endpoint: Endpoint) -> None:
        """Raises QueueError where the endpoint's queue can't be used."""
        if self.post is not None and (told := self.post.problem(endpoint)) is not None:
            raise QueueError(told)

    def _is_due(self, endpoint: Endpoint, columns: str, now: datetime) -> bool:
        """Whether to list all the same: what was read with other columns has to be found again."""
        digest, before, at = self._listed.get(endpoint.name, ("", "", now))
        return (digest, before) != (endpoint.digest, columns) or not at <= now < at + endpoint.list_every

    def _explain(self, endpoint: Endpoint, place: Place, now: datetime) -> None:
        """Where no captures are found: raises MisplacedError if they lie beside the place that is read.

        No traffic is no fault: an endpoint may be quiet.
        """
        digest, looked, reason = self._around.get(endpoint.name, ("", 0.0, None))
        if digest != endpoint.digest or time.monotonic() - looked >= _LOOK_AROUND:
            reason = diagnosis.misplaced(endpoint, surroundings(place, endpoint), now)
            self._around[endpoint.name] = (endpoint.digest, time.monotonic(), reason)
        if reason is not None:
            raise MisplacedError(reason)


def _confirmed(place: Place, found: list[Found], known: Mapping[str, str]) -> Iterator[Found]:
    """What is announced, as it stands now where it is counted with another ETag.

    Messages come in any order: an old one does not make a round read again what is counted already.
    """
    for each in found:
        if known.get(each.name, each.ref.etag) == each.ref.etag:
            yield each
            continue
        ref = next(place.objects.list(each.ref.key), None)
        if ref is not None and ref.key == each.ref.key:
            yield replace(each, ref=ref)
