"""Asking for windows to be judged again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from store import windows
from store.engine import writing
from web import lookup


def mark(engine: Engine, name: str, start: datetime | None, end: datetime | None) -> int:
    """Mark the endpoint's windows inside a period, or all of them; the service's next tick judges them."""
    with writing(engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return windows.mark(connection, monitor.id, start, end)
