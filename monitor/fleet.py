"""The fleet's turns in this process: a few workers, who take from the database's queue what they can do.

Nothing is lined up beyond a batch: what this process does not do, another takes, or it waits in the queue,
where everybody sees since when. An endpoint that is slow holds one worker, and no turn of others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from config.model import Config, Endpoint
from store import turns
from store.engine import StoreError, writing
from store.turns import Standing

log = structlog.get_logger(__name__)

WORKERS = 4
"""Endpoints that are observed at the same time."""
BATCH = 32
"""Turns that are taken from the queue at once; the last of them waits for so many others."""
LOOKS_A_SECOND = 25
"""The fleet is looked at so often in all, however large it is: listings cost money, and time."""


def pause(config: Config, tick_seconds: float) -> timedelta:
    """How long an endpoint with nothing new is left alone: what kedge.yaml says, or what the fleet allows."""
    if config.polling is not None:
        return max(config.polling, timedelta(seconds=tick_seconds))
    return timedelta(seconds=max(tick_seconds, len(config.endpoints) / LOOKS_A_SECOND))


@dataclass(slots=True)
class Fleet:
    """Gives the endpoints their turns.

    Attributes:
        turn: takes an endpoint's turn, and says whether it wants another at once; it raises nothing.
        stopping: whether the process is being stopped.
    """

    engine: Engine
    turn: Callable[[Endpoint, Standing], bool]
    stopping: Callable[[], bool]
    workers: int = WORKERS
    _entries: dict[str, Endpoint] = field(default_factory=dict)
    _pause: timedelta = timedelta(0)
    _pool: ThreadPoolExecutor = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _taken: deque[Standing] = field(default_factory=deque)
    _called: dict[str, None] = field(default_factory=dict)
    """Who has a turn here whenever it would come, in their order."""
    _at_work: set[str] = field(default_factory=set)
    _missed: set[int] = field(default_factory=set)
    """Monitors whose turn came while they were at work here: they have it when that ends."""
    _running: set[Future[None]] = field(default_factory=set)
    _began: datetime | None = None
    """When the endpoints were known, each of which had its turn due by then or later."""
    _of_first_pass: frozenset[str] | None = None
    """Who was at work when everybody's first turn had come; none before."""

    def __post_init__(self) -> None:
        """No worker runs yet."""
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="observe")

    def watch(self, endpoints: Iterable[Endpoint], pause: timedelta) -> None:
        """These are the endpoints from now on; one with nothing new has its next turn after a pause."""
        self._entries = {endpoint.name: endpoint for endpoint in endpoints}
        self._pause = pause
        self._began = self._began or datetime.now(UTC)

    def call(self, names: Collection[str]) -> None:
        """Of these something is known here, and here alone: their turns are this process's, from now on."""
        with self._lock:
            kept = {name: None for name in self._called if name in names}
            self._called = kept | dict.fromkeys(sorted(names))

    def begin(self) -> None:
        """See to it that somebody works as long as a turn is due."""
        with self._lock:
            self._hire()

    def wait(self) -> None:
        """Wait until no turn is due."""
        while running := tuple(self._running):
            wait(running)
            with self._lock:
                self._running -= {future for future in running if future.done()}

    def end(self) -> None:
        """Wait for the turns under way, take no more, and give back those that nobody here came to."""
        self._pool.shutdown(cancel_futures=True)
        with self._lock:
            left = [standing.monitor.id for standing in self._taken]
            self._taken.clear()
        self._give_back(left)

    def been_round(self) -> bool:
        """Whether every endpoint has had a turn since the beginning, by this process or another."""
        return self._of_first_pass is not None and not self._of_first_pass & self._at_work

    def _hire(self) -> None:
        self._running = {future for future in self._running if not future.done()}
        if len(self._running) < self.workers and not self.stopping():
            self._running.add(self._pool.submit(self._work))

    def _work(self) -> None:
        while not self.stopping():
            try:
                standing = self._next()
            except StoreError as error:
                log.error("database_unavailable", reason=str(error))
                return
            except Exception:
                log.exception("turns_not_taken")
                return
            if standing is None:
                return
            self._take_turn(standing)

    def _take_turn(self, standing: Standing) -> None:
        name, key = standing.monitor.name, standing.monitor.id
        more = False
        try:
            endpoint = self._entries.get(name)
            more = endpoint is not None and self.turn(endpoint, standing)
        finally:
            with self._lock:
                self._at_work.discard(name)
                more |= key in self._missed
                self._missed.discard(key)
        if more:
            self._give_back([key])

    def _give_back(self, keys: Collection[int]) -> None:
        """Let these have their turn now, here or elsewhere."""
        if not keys:
            return
        try:
            with writing(self.engine) as connection:
                turns.again_at(connection, keys, datetime.now(UTC))
        except StoreError as error:  # it comes again after the pause
            log.error("database_unavailable", reason=str(error))

    def _next(self) -> Standing | None:
        """The turn of the endpoint that waits longest and that nobody here is at work on."""
        with self._lock:
            while True:
                if not self._taken:
                    self._refill()
                if not self._taken:
                    return None
                standing = self._taken.popleft()
                if standing.monitor.name not in self._at_work:
                    self._at_work.add(standing.monitor.name)
                    if self._taken:
                        self._hire()
                    return standing
                self._missed.add(standing.monitor.id)

    def _refill(self) -> None:
        now = datetime.now(UTC)
        until = now + self._pause
        called = [name for name in self._called if name not in self._at_work]
        with writing(self.engine) as connection:
            mine = turns.take(connection, now, until, BATCH // 2, called) if called else ()
            taken = (*mine, *turns.take(connection, now, until, BATCH - len(mine)))
        self._taken.extend(taken)
        for standing in mine:
            del self._called[standing.monitor.name]
        if self._of_first_pass is None and all(self._had_a_turn(standing) for standing in taken):
            self._of_first_pass = frozenset(self._at_work)

    def _had_a_turn(self, standing: Standing) -> bool:
        began = self._began
        return began is not None and standing.due_at is not None and standing.due_at > began
