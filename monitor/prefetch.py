"""Doing the next pieces of work while this one is looked at, in order and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

DEPTH = 2
"""Pieces that are done, or being done, beside the one that is looked at: memory holds no more of them."""


def prefetched(work: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
    """`work(item)` for each item, in their order; whatever it raises is raised in its place.

    The work is done in threads: it pays where most of it leaves Python's lock alone.
    """
    coming = iter(items)
    with ThreadPoolExecutor(DEPTH, thread_name_prefix="prefetch") as pool:
        begun: deque[Future[Done]] = deque(pool.submit(work, item) for item in islice(coming, DEPTH))
        try:
            while begun:
                done = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in islice(coming, 1))
                yield done
        finally:
            for waiting in begun:
                waiting.cancel()
