"""A window's records from what its objects gave, in a number of additions that hardly grows with the objects.

The pieces of a window add up in the order of their places, and never in the order in which they came. Which
of them add up first is said by their names: a piece has a height by the hash of its object's name, one in
eight has a height of 1 or more, one in 64 of 2 or more, and so on. Pieces up to one of height 1 are a sum of
level 0, such sums up to a piece of height 2 a sum of level 1, and so on to the end of the window. So the same
pieces make the same profile to the last bit, whoever came first, and what was kept of earlier sums only
spares additions: another piece changes one sum of each level, and leaves the others as they are.

All here is pure; `store.rollups` keeps the sums.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from store.records import Piece, Rollup
from store.rollups import Gap

WORTH_KEEPING = 16
"""Additions that are not worth sparing: a window of few objects keeps no sums."""
_BITS = 3
_HASH_BITS = 64


def height(place: str) -> int:
    """How many levels of sums end with the piece at this place.

    By the object's own name: that of the endpoint or the folder would be the same for all.
    """
    name = place.rpartition("|")[0].rpartition("/")[2]
    digest = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=_HASH_BITS // 8).digest(), "big")
    zeros = (digest & -digest).bit_length() - 1 if digest else _HASH_BITS
    return zeros // _BITS


@dataclass(frozen=True, slots=True)
class Sum:
    """What adds up to one profile: first what was kept of it (`kept`), then its parts, in order.

    It reaches from after a place up to another, inclusive.
    """

    level: int
    after: str
    upto: str
    kept: Rollup | None
    parts: tuple[Sum | Piece, ...]

    @property
    def additions(self) -> int:
        """How many additions it takes, those within its parts included."""
        own = len(self.parts) + (self.kept is not None) - 1
        return own + sum(part.additions for part in self.parts if isinstance(part, Sum))

    def within(self) -> Iterator[Sum]:
        """This sum and every one in it, those in it first."""
        for part in self.parts:
            if isinstance(part, Sum):
                yield from part.within()
        yield self

    @property
    def closed(self) -> int:
        """How many of its parts nothing can be added to any more at their end.

        The last sum of a level below may go on with the window, and no sum is kept with that in it.
        """
        last = self.parts[-1] if self.parts else None
        goes_on = isinstance(last, Sum) and height(last.upto) < self.level
        return len(self.parts) - goes_on


def gaps(kept: Sequence[Rollup]) -> tuple[Gap, ...]:
    """Where no kept sum lies: the pieces there are wanted one by one. The last gap has no end."""
    found: list[Gap] = []
    reached = ""
    for one in sorted(kept, key=lambda one: (one.after, one.upto)):
        if one.after > reached:
            found.append((reached, one.after))
        reached = max(reached, one.upto)
    return (*found, (reached, None))


def plan(kept: Sequence[Rollup], loose: Sequence[Piece]) -> Sum | None:
    """How a window adds up, from the sums that are kept of it and the pieces in its `gaps`; None if empty."""
    places = [piece.place for piece in loose]
    ends = [*places, *(one.upto for one in kept)]
    if not ends:
        return None
    last = max(ends)
    known = _Known({(one.level, one.after): one for one in kept}, places, loose, last)
    # above the highest piece there is one sum alone
    return known.sum_of(max(height(end) for end in ends), "")


@dataclass(frozen=True, slots=True)
class _Known:
    kept: Mapping[tuple[int, str], Rollup]
    places: Sequence[str]
    loose: Sequence[Piece]
    last: str

    def sum_of(self, level: int, after: str) -> Sum:
        """The sum of a level that begins after a place, as far as it goes."""
        kept = self.kept.get((level, after))
        reached = after if kept is None else kept.upto
        parts: list[Sum | Piece] = []
        begun = kept is not None
        while not begun or (reached != self.last and height(reached) <= level):
            begun = True
            part = self._piece_after(reached) if level == 0 else self.sum_of(level - 1, reached)
            parts.append(part)
            reached = part.place if isinstance(part, Piece) else part.upto
        return Sum(level, after, reached, kept, tuple(parts))

    def _piece_after(self, place: str) -> Piece:
        # a window whose only piece has no place begins with it
        at = bisect_right(self.places, place) if place else 0
        return self.loose[at]


def used(total: Sum) -> Mapping[int, Rollup]:
    """The kept sums that are wanted, by key."""
    return {one.kept.id: one.kept for one in total.within() if one.kept is not None}
