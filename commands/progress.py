"""A bar on a terminal while long work goes on, and nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def shown(items: Iterable[Item], total: int, of: str) -> Iterator[Item]:
    """The items, with how many of `total` are done on standard error; `of` says of what."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, of, total, console=Console(stderr=True), transient=True)
