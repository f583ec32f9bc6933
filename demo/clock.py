"""Business time, as the story tells it to `kedge serve`: an ISO 8601 instant in a file replaced whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


class StoryClock:
    """Writes the file that `KEDGE_CLOCK` names; a reader sees one instant or the next, never half of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def set(self, instant: datetime) -> datetime:
        """Make it `instant`, which must carry a time zone; returns it in UTC."""
        if instant.tzinfo is None:
            raise ValueError(
                f"the story's clock was set to {instant}, which has no time zone: give it in UTC"
            )
        now = instant.astimezone(UTC)
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        fresh.write_text(now.isoformat() + "\n", encoding="ascii")
        fresh.replace(self.path)
        return now

    def advance(self, step: timedelta) -> datetime:
        """Let `step` of business time go by."""
        return self.set(self.now() + step)

    def now(self) -> datetime:
        """What the file says. Raises FileNotFoundError before the first `set`."""
        return datetime.fromisoformat(self.path.read_text(encoding="ascii").strip())
