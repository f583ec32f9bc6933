"""A lease on a row, kept alive while work is under way, so that a dead replica is noticed within seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, Engine

from store.engine import StoreError, writing
from store.monitors import LeaseLostError


class StoppingError(Exception):
    """The service is being stopped: the round ends here, between two transactions."""


class Leased(Protocol):
    """A module of queries on a table whose rows are leased: store.monitors, store.runs."""

    def claim(self, connection: Connection, key: int, owner: str, now: datetime, until: datetime, /) -> bool:
        """Take the lease if it is free, run out, or ours already."""
        ...

    def hold(self, connection: Connection, key: int, owner: str, until: datetime, /) -> None:
        """Renew our lease; raises LeaseLostError when it is another's."""
        ...

    def release(self, connection: Connection, key: int, owner: str, /) -> None:
        """Give the lease back."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease. Leases run on wall time: they guard against a dead process, not a business rule."""

    engine: Engine
    table: Leased
    key: int
    owner: str
    length: timedelta
    stopping: Callable[[], bool]

    def until(self) -> datetime:
        """When it runs out if it is renewed now."""
        return datetime.now(UTC) + self.length

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A writing transaction that is rolled back, with LeaseLostError, if the lease is another's.

        Raises StoppingError in its place once the service is being stopped.
        """
        if self.stopping():
            raise StoppingError
        with self._renewed() as connection:
            yield connection

    @contextmanager
    def _renewed(self) -> Iterator[Connection]:
        with writing(self.engine) as connection:
            self.table.hold(connection, self.key, self.owner, self.until())
            yield connection

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self.length.total_seconds() / 3):
            try:
                with self._renewed():
                    pass
            except LeaseLostError:
                return  # the next transaction of the work itself finds out
            except StoreError:
                continue  # a database that is busy or away for a moment may be back before the lease runs out


@contextmanager
def leased(
    engine: Engine, table: Leased, key: int, owner: str, length: timedelta, stopping: Callable[[], bool]
) -> Iterator[Lease | None]:
    """The row's lease for the time of the block, or None where another replica has it."""
    lease = Lease(engine, table, key, owner, length, stopping)
    now = datetime.now(UTC)
    with writing(engine) as connection:
        taken = table.claim(connection, key, owner, now, lease.until())
    if not taken:
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(target=lease._keep, args=(done,), name=f"lease-{key}", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join()
        with writing(engine) as connection:
            table.release(connection, key, owner)
