"""Asking for windows to be judged again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from store import windows
from store.engine import writing
from web import lookup

_EARLIEST = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_LATEST = datetime.fromisoformat("9999-12-30T00:00:00+00:00")


def mark(engine: Engine, name: str, start: datetime | None, end: datetime | None) -> int:
    """Mark the endpoint's windows inside a period, or all of them; the service's next tick judges them."""
    with writing(engine) as connection:
        monitor = lookup.endpoint(connection, name)
        chosen = windows.between(connection, monitor.id, start or _EARLIEST, end or _LATEST)
        windows.mark(connection, [window.id for window in chosen])
    return len(chosen)
