"""Calls to the outside, each made once: written down before, byte for byte, and after, with its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from store import runs
from store.engine import reading
from store.lease import Lease


@dataclass(frozen=True, slots=True)
class Effects:
    """The calls of one run, made under its lease."""

    lease: Lease
    now: datetime

    def is_intended(self, name: str) -> bool:
        """Whether the call was written down before: then it may have been made."""
        with reading(self.lease.engine) as connection:
            return runs.effect(connection, self.lease.key, name) is not None

    def was_asked_before(self, name: str) -> bool:
        """Whether the call was written down before this round."""
        with reading(self.lease.engine) as connection:
            known = runs.effect(connection, self.lease.key, name)
        return known is not None and known.asked_at < self.now

    def request(self, name: str) -> dict[str, Any] | None:
        """What was written down to be sent, if the call was ever intended."""
        with reading(self.lease.engine) as connection:
            known = runs.effect(connection, self.lease.key, name)
        if known is None:
            return None
        found: dict[str, Any] = json.loads(known.request)
        return found

    def is_answered(self, name: str) -> bool:
        """Whether the call was made and its answer written down."""
        with reading(self.lease.engine) as connection:
            known = runs.effect(connection, self.lease.key, name)
        return known is not None and known.answer is not None

    def answered_within(self, name: str, span: timedelta) -> bool:
        """Whether the call was answered, and not longer ago than that."""
        with reading(self.lease.engine) as connection:
            known = runs.effect(connection, self.lease.key, name)
        return known is not None and known.answered_at is not None and self.now <= known.answered_at + span

    def note(self, connection: Connection, name: str) -> None:
        """Write down, in the transaction that it is a part of, that something was done which is no call."""
        runs.intend(connection, self.lease.key, name, "{}", self.now)
        runs.answered(connection, self.lease.key, name, "{}", self.now)

    def once(
        self, name: str, request: Callable[[], Any], call: Callable[[Any], dict[str, Any] | None]
    ) -> dict[str, Any]:
        """The answer of the call `name`, which is made only if it was never answered.

        `request` makes what is to be sent, as JSON-able values, and is asked only the first time: a call that
        was intended and not answered is made again with the bytes that were written down. `call` must be such
        that making it twice is making it once.
        """
        with reading(self.lease.engine) as connection:
            known = runs.effect(connection, self.lease.key, name)
        if known is not None and known.answer is not None:
            answer: dict[str, Any] = json.loads(known.answer)
            return answer
        text = known.request if known else json.dumps(request(), sort_keys=True, ensure_ascii=False)
        if known is None:
            with self.lease.transaction() as connection:
                text = runs.intend(connection, self.lease.key, name, text, self.now).request
        found = call(json.loads(text)) or {}
        with self.lease.transaction() as connection:
            runs.answered(connection, self.lease.key, name, json.dumps(found, ensure_ascii=False), self.now)
        return found
