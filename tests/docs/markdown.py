"""Reading Markdown pages: their fences, code, links, anchors and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A Markdown page, named by its path from the root."""

    name: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @property
    def blocks(self) -> tuple[tuple[str, str], ...]:
        """Each fenced block: its language and its text."""
        return tuple((found[1], found[2]) for found in _FENCE.finditer(self.text))

    @property
    def code(self) -> tuple[str, ...]:
        """Each line of a block without a language, and each piece of inline code; comments left out."""
        lines = (line for kind, text in self.blocks if kind == "" for line in text.splitlines())
        spans = (" ".join(found[1].split()) for found in _SPAN.finditer(self.prose))
        return tuple(line.partition(" # ")[0].strip() for line in (*lines, *spans))

    @property
    def links(self) -> tuple[str, ...]:
        """Where the links and images lead that stay within the project."""
        targets = (found[2] for found in _LINK.finditer(self.prose))
        return tuple(target for target in targets if "://" not in target)

    @property
    def anchors(self) -> frozenset[str]:
        """What GitHub calls the headings."""
        seen: dict[str, int] = {}
        names = []
        for heading in _HEADING.findall(self.prose):
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            names.append(f"{slug}-{seen[slug]}" if slug in seen else slug)
            seen[slug] = seen.get(slug, 0) + 1
        return frozenset(names)

    @property
    def sections(self) -> Mapping[str, str]:
        """Each second-level heading with the text below it."""
        parts = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> Iterator[tuple[str, ...]]:
    """The rows of the tables in a text, without their heads."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        head = at + 1 < len(lines) and lines[at + 1].startswith("|---")
        if line.startswith("|") and not line.startswith("|---") and not head:
            yield tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1])


def page(name: str) -> Page:
    """One page."""
    return Page(name, (ROOT / name).read_text(encoding="utf-8"))


def pages() -> tuple[Page, ...]:
    """Every page of the project."""
    found = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
    return tuple(page(path.relative_to(ROOT).as_posix()) for path in found)


def resolve(name: str, target: str) -> Path:
    """The file that a link on a page leads to."""
    return ((ROOT / name).parent / target.partition("#")[0]) if not target.startswith("#") else ROOT / name
