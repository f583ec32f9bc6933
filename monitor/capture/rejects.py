"""What could not be used of an object, counted exactly and shown by example; never a captured value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

EXAMPLES = 20
"""Examples kept of each kind."""


class RejectKind(StrEnum):
    """Why a line, a record or an object was not used."""

    NOT_JSON = "not_json"
    CUT_OFF = "cut_off"
    NOT_CAPTURE = "not_capture"
    WRONG_COLUMNS = "wrong_columns"
    NOT_UTF8 = "not_utf8"
    BAD_TIME = "bad_time"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    BAD_GZIP = "bad_gzip"
    OUTSIDE_LAYOUT = "outside_layout"
    ROWS_DIFFER = "rows_differ"
    NOT_DECODABLE = "not_decodable"
    NO_PAYLOAD = "no_payload"
    NO_ID = "no_id"
    TOO_LATE = "too_late"
    HOOK_FAILED = "hook_failed"
    FAILED = "failed"


class OddityKind(StrEnum):
    """What is strange about a value that was kept."""

    NOT_FINITE = "not_finite"
    TEXT_FOR_NUMBER = "text_for_number"
    NUMBER_FOR_TEXT = "number_for_text"


Kind = RejectKind | OddityKind


@dataclass(frozen=True, slots=True)
class Reject:
    """One example: its line (1-based; None: the whole object), its column if it has one, and what was wrong.

    `detail` is a sentence without any captured value.
    """

    kind: Kind
    line: int | None
    column: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rejects:
    """How many of each kind (lines, records or values), and the first `EXAMPLES` of each."""

    counts: Mapping[Kind, int] = field(default_factory=lambda: MappingProxyType({}))
    examples: tuple[Reject, ...] = ()

    def __add__(self, other: Rejects) -> Rejects:
        """Counts add up; the examples of the left come first."""
        kinds = [*self.counts, *(kind for kind in other.counts if kind not in self.counts)]
        counts = {kind: self.counts.get(kind, 0) + other.counts.get(kind, 0) for kind in kinds}
        return Rejects(MappingProxyType(counts), _first(self.examples + other.examples))

    def count(self, kind: Kind) -> int:
        """How many there were of `kind`."""
        return self.counts.get(kind, 0)

    @property
    def lost(self) -> int:
        """Lines, records and objects that were not used."""
        return sum(count for kind, count in self.counts.items() if isinstance(kind, RejectKind))

    @property
    def odd(self) -> int:
        """Values that were kept and are strange."""
        return sum(count for kind, count in self.counts.items() if isinstance(kind, OddityKind))


NONE = Rejects()
"""Nothing was wrong."""


def one(kind: Kind, detail: str, line: int | None = None, column: str | None = None) -> Rejects:
    """A single one."""
    return Rejects(MappingProxyType({kind: 1}), (Reject(kind, line, column, detail),))


def many(kind: Kind, count: int, examples: Iterable[Reject]) -> Rejects:
    """`count` of one kind, with the first few of them."""
    return Rejects(MappingProxyType({kind: count}), _first(tuple(examples))) if count else NONE


def listed(rejects: Sequence[Reject]) -> Rejects:
    """Each of `rejects` counted."""
    return Rejects(MappingProxyType(Counter(reject.kind for reject in rejects)), _first(tuple(rejects)))


def by_line(parts: Iterable[Rejects]) -> Rejects:
    """The rejects of one object, found in parts that interleave: its examples are the first by line.

    What concerns the whole object comes first.
    """
    parts = list(parts)
    counts = Counter[Kind]()
    for part in parts:
        counts.update(part.counts)
    examples = sorted((example for part in parts for example in part.examples), key=lambda one: one.line or 0)
    return Rejects(MappingProxyType(counts), _first(tuple(examples)))


def _first(examples: tuple[Reject, ...]) -> tuple[Reject, ...]:
    """The first `EXAMPLES` of each kind, in the order given."""
    seen: dict[Kind, int] = {}
    kept = []
    for example in examples:
        seen[example.kind] = seen.get(example.kind, 0) + 1
        if seen[example.kind] <= EXAMPLES:
            kept.append(example)
    return tuple(kept)
