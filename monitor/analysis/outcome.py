"""What a job found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.comparison import Gathered


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a job found: its files by name, the metrics' lines, how much was read, its last words."""

    files: Mapping[str, str]
    metrics: str
    gathered: Gathered
    message: str
