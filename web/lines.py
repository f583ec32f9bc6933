"""Drift over time, feature by feature: what the picture, the table and the small lines are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from store.records import Outcome
from store.series import DriftPoint


@dataclass(frozen=True, slots=True)
class FeatureLine:
    """One feature's distances in the windows of a period, oldest first."""

    feature: str
    points: tuple[DriftPoint, ...]

    @property
    def last(self) -> DriftPoint:
        """Its newest window."""
        return self.points[-1]

    @property
    def worst(self) -> float | None:
        """The largest distance of the period."""
        return max((p.drift for p in self.points if p.drift is not None), default=None)

    @property
    def violated(self) -> int:
        """In how many windows it was over its threshold."""
        return sum(p.outcome is Outcome.VIOLATED for p in self.points)


def by_feature(points: Iterable[DriftPoint]) -> tuple[FeatureLine, ...]:
    """The points as lines, in the order in which the features come."""
    grouped: dict[str, list[DriftPoint]] = {}
    for point in points:
        grouped.setdefault(point.feature, []).append(point)
    return tuple(FeatureLine(feature, tuple(found)) for feature, found in grouped.items())


def most_moved(lines: Iterable[FeatureLine]) -> tuple[FeatureLine, ...]:
    """The lines that were violated most often first, then by their largest distance."""
    return tuple(sorted(lines, key=lambda line: (-line.violated, -(line.worst or 0.0))))


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window across several features: a cell for each, or None where it has no such feature."""

    execution_id: int
    start: datetime
    cells: tuple[DriftPoint | None, ...]


def by_window(lines: Sequence[FeatureLine]) -> tuple[WindowRow, ...]:
    """The lines as rows of a table, newest window first."""
    cells = {(point.execution_id, at): point for at, line in enumerate(lines) for point in line.points}
    starts = {point.execution_id: point.start for point in cells.values()}
    return tuple(
        WindowRow(key, start, tuple(cells.get((key, at)) for at in range(len(lines))))
        for key, start in sorted(starts.items(), key=lambda item: (item[1], item[0]), reverse=True)
    )


@dataclass(frozen=True, slots=True)
class Spark:
    """A small line in a box of `width` by `height`: an SVG path, and where the threshold lies in it."""

    width: int
    height: int
    path: str
    end: tuple[float, float] | None
    threshold: float | None


def spark(
    values: Sequence[float | None], threshold: float | None, *, width: int = 120, height: int = 24
) -> Spark:
    """A line from 0 up to the larger of the threshold and the largest value; gaps where there is none."""
    present = [value for value in values if value is not None]
    top = max([*present, (threshold or 0.0) * 1.25, 1e-12])
    room = height - 4
    step = (width - 6) / max(1, len(values) - 1)

    def at(value: float) -> float:
        return round(height - 2 - room * max(0.0, value) / top, 1)

    places = [None if v is None else (round(2 + i * step, 1), at(v)) for i, v in enumerate(values)]
    known = [place for place in places if place is not None]
    return Spark(
        width,
        height,
        _path(places),
        known[-1] if known else None,
        None if threshold is None else at(threshold),
    )


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    parts, pen = [], "M"
    for place in places:
        if place is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place[0]:g} {place[1]:g}")
        pen = "L"
    return "".join(parts)
