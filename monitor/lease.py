"""A monitor's lease, kept alive while work is under way, so that a dead replica is noticed within seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from store import monitors
from store.engine import StoreError, writing
from store.monitors import LeaseLostError


class StoppingError(Exception):
    """The service is being stopped: the round ends here, between two transactions."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease. Leases run on wall time: they guard against a dead process, not a business rule."""

    engine: Engine
    monitor_id: int
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
            monitors.hold(connection, self.monitor_id, self.owner, self.until())
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
    engine: Engine, monitor_id: int, owner: str, length: timedelta, stopping: Callable[[], bool]
) -> Iterator[Lease | None]:
    """The monitor's lease for the time of the block, or None where another replica has it."""
    lease = Lease(engine, monitor_id, owner, length, stopping)
    now = datetime.now(UTC)
    with writing(engine) as connection:
        taken = monitors.claim(connection, monitor_id, owner, now, lease.until())
    if not taken:
        yield None
        return
    done = threading.Event()
    keeper = threading.Thread(target=lease._keep, args=(done,), name=f"lease-{monitor_id}", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join()
        with writing(engine) as connection:
            monitors.release(connection, monitor_id, owner)
