"""Doing the next pieces of work while this one is looked at: in order, and bounded in number and in bytes."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from objects.surface import Objects

Item = TypeVar("Item")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is begun beside the piece that is looked at: `pieces`, which weigh `weight` bytes with it.

    A piece that is heavier than that is begun alone.
    """

    pieces: int
    weight: int = sys.maxsize


READS = Bounds(16, 32 << 20)
"""Requests to S3 in flight for one reader, and the bytes of their answers that wait for it or are in use."""


def ahead(
    work: Callable[[Item], Done],
    items: Iterable[Item],
    bounds: Bounds,
    weigh: Callable[[Item], int] = lambda _: 0,
) -> Generator[Done]:
    """`work(item)` for each item, in their order; whatever it raises is raised in its place.

    The work is done in threads: it pays where most of it waits, or leaves Python's lock alone. Close the
    iterator (`contextlib.closing`) where it may not come to its end: what is not begun by then never is.
    """
    with ThreadPoolExecutor(bounds.pieces, thread_name_prefix="ahead") as pool:
        line = _Line(pool, work, iter(items), bounds, weigh)
        try:
            while line.begin():
                future, weight = line.begun.popleft()
                done = future.result()
                del future
                line.begin()
                yield done
                del done
                line.held -= weight
        finally:
            for future, _ in line.begun:
                future.cancel()


@dataclass(slots=True)
class _Line(Generic[Item, Done]):
    """What is begun, in order, with its weights, and the one item that was found too heavy for now."""

    pool: ThreadPoolExecutor
    work: Callable[[Item], Done]
    coming: Iterator[Item]
    bounds: Bounds
    weigh: Callable[[Item], int]
    begun: deque[tuple[Future[Done], int]] = field(default_factory=deque)
    held: int = 0
    _next: list[Item] = field(default_factory=list)

    def begin(self) -> bool:
        """Begin what the bounds allow; says whether anything is under way."""
        while len(self.begun) < self.bounds.pieces:
            if not self._next and not self._take():
                break
            weight = self.weigh(self._next[0])
            if self.held and self.held + weight > self.bounds.weight:
                break
            self.begun.append((self.pool.submit(self.work, self._next.pop()), weight))
            self.held += weight
        return bool(self.begun)

    def _take(self) -> bool:
        for item in self.coming:
            self._next.append(item)
            return True
        return False


def read_ahead(objects: Objects, keys: Iterable[str], bounds: Bounds = READS) -> Generator[tuple[str, bytes]]:
    """Each key with its bytes, in order. May raise `PlaceError` in the place of an object.

    How heavy an object is shows when it is there: each is taken to be like the heaviest so far, and the first
    comes alone.
    """
    heaviest: int | None = None

    def read(key: str) -> tuple[str, bytes]:
        nonlocal heaviest
        data = objects.read(key)
        heaviest = max(len(data), heaviest or 0)
        return key, data

    return ahead(read, keys, bounds, lambda _: bounds.weight if heaviest is None else heaviest)
