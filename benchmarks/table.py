"""What was measured, as a table for the terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

BEGIN = "<!-- make bench writes from here -->"
END = "<!-- to here -->"
_HEADING = "### "
FIRST = "kedge"
_HEADS = ("program", "wall s", "CPU s", "peak MB", "wall against Kedge")


class NoMarkersError(ValueError):
    """A page has no place for the table."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One run of one program: wall and CPU (user and system) seconds, and the peak of its memory in bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True)
class Row:
    """A program with its version, and its runs."""

    name: str
    version: str
    runs: tuple[Measure, ...]

    @property
    def middle(self) -> Measure:
        """The medians, each by itself."""
        return Measure(
            median(run.wall for run in self.runs),
            median(run.cpu for run in self.runs),
            int(median(run.peak for run in self.runs)),
        )


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, a line for each program, with its wall time as a multiple of Kedge's."""
    ours = next((row.middle.wall for row in rows if row.name == FIRST), None)
    cells = [_HEADS, *(_cells(row, ours) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    told = ["| " + " | ".join(_aligned(line, widths)) + " |" for line in cells]
    rule = (
        "|" + "|".join("-" * (width + 1) + ("-" if at == 0 else ":") for at, width in enumerate(widths)) + "|"
    )
    return "\n".join([told[0], rule, *told[1:]])


def put(page: Path, heading: str, text: str) -> None:
    """Write text under a heading between the two markers of a page, in place of what stood under it.

    Raises NoMarkersError where the markers are not both there.
    """
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarkersError(
            f"{page.name} has no place for the table: put the lines {BEGIN} and {END} into it"
        )
    _, *parts = f"\n{between.strip()}".split(f"\n{_HEADING}")
    sections = dict(_section(part) for part in parts) | {heading: text}
    told = "\n\n".join(f"{_HEADING}{name}\n\n{body}" for name, body in sections.items())
    page.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{after}", encoding="utf-8")


def _section(part: str) -> tuple[str, str]:
    name, _, body = part.partition("\n")
    return name.strip(), body.strip()


def _cells(row: Row, ours: float | None) -> tuple[str, ...]:
    middle = row.middle
    ratio = "–" if not ours else f"{middle.wall / ours:.1f} ×"
    name = f"{row.name} {row.version}".strip()
    return (name, f"{middle.wall:.2f}", f"{middle.cpu:.2f}", f"{middle.peak / 1e6:.0f}", ratio)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if at == 0 else cell.rjust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
