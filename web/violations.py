"""Violations that repeat from window to window, told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from store.records import CheckRow, Execution


@dataclass(frozen=True, slots=True)
class Repeated:
    """One check on one feature: its newest violation, and in how many windows it was violated."""

    execution: Execution
    check: CheckRow
    windows: int


def repeated(newest_first: Iterable[tuple[Execution, CheckRow]]) -> tuple[Repeated, ...]:
    """The violations by feature and check, those of the newest windows first, then the most frequent."""
    found: dict[tuple[str, str], Repeated] = {}
    for execution, check in newest_first:
        key = (check.feature, check.check)
        known = found.get(key)
        found[key] = (
            Repeated(execution, check, 1) if known is None else replace(known, windows=known.windows + 1)
        )
    return tuple(sorted(found.values(), key=lambda each: (-each.execution.start.timestamp(), -each.windows)))
