"""A condition over the windows: in how many of the last ones that have a say does it hold?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.expressions import Condition, Outcome, Truth, evaluate
from config.metrics import is_of_quality
from config.retraining import Persistence
from retrain.readings import WindowReadings
from store.retraining import SeenCondition, SeenValue, SeenWindow


@dataclass(frozen=True, slots=True)
class Look:
    """One condition in one window."""

    start: datetime
    end: datetime
    outcome: Outcome

    @property
    def is_hit(self) -> bool:
        """Whether it holds there, for certain."""
        return self.outcome.truth is Truth.TRUE

    @property
    def is_known(self) -> bool:
        """Whether the window has a say: a value that was measured and is only doubtful has, and is no hit.

        Each comparison must have been made, also where one settles the whole: if not, those windows whose
        labels are still to come would count or not by what the rest of the condition says of them.
        """
        return all(seen.threshold is not None for seen in self.outcome.seen)

    @property
    def seen(self) -> SeenWindow:
        """What is kept of it."""
        return SeenWindow(
            self.start,
            self.outcome.truth.value,
            tuple(
                SeenValue(
                    str(each.comparison),
                    each.reading.value if each.reading else None,
                    each.reading.low if each.reading else None,
                    each.reading.high if each.reading else None,
                    each.threshold,
                )
                for each in self.outcome.seen
            ),
        )


@dataclass(frozen=True, slots=True)
class Weighed:
    """One condition over the windows, newest first; `known` are those that have a say.

    None of them lies in a data fault; `at_fault` are the starts of those that do.
    """

    condition: Condition
    wanted: Persistence
    looks: tuple[Look, ...]
    known: tuple[Look, ...]
    at_fault: tuple[datetime, ...] = ()

    @property
    def counted(self) -> tuple[Look, ...]:
        """The last M that have a say."""
        return self.known[: self.wanted.windows]

    @property
    def left_out(self) -> int:
        """How many windows of data faults would be among them, or stand before them."""
        oldest = self.counted[-1].start if self.counted else None
        return sum(oldest is None or start > oldest for start in self.at_fault)

    @property
    def hits(self) -> tuple[Look, ...]:
        """Those of them in which it holds."""
        return tuple(look for look in self.counted if look.is_hit)

    @property
    def is_breached(self) -> bool:
        """Whether they are N."""
        return len(self.hits) >= self.wanted.hits

    @property
    def newest(self) -> Look | None:
        """The window to tell of: the newest breach, else the newest that is known, else the newest."""
        return next(iter((*self.hits, *self.counted, *self.looks)), None)

    @property
    def change_at(self) -> datetime:
        """Where the stretch of hits begins, as far as the windows go."""
        return first_of_stretch(self.known, self.wanted, self.hits[0].start)

    @property
    def lasted(self) -> timedelta:
        """How long that stretch is: to the end of its newest hit, behind which labels may still come."""
        return self.hits[0].end - self.change_at

    @property
    def lasted_windows(self) -> int:
        """In how many windows that have a say, those it forgives among them."""
        began, newest = self.change_at, self.hits[0].start
        return sum(began <= look.start <= newest for look in self.known)

    @property
    def seen(self) -> SeenCondition:
        """What is kept of it."""
        return SeenCondition(
            str(self.condition),
            str(self.wanted),
            self.is_breached,
            self.hits[0].start if self.hits else None,
            tuple(look.seen for look in self.counted),
        )


def first_of_stretch(known: Iterable[Look], wanted: Persistence, newest: datetime) -> datetime:
    """Where a stretch of hits begins, read from its newest on, and no further than it lasts.

    As many misses in a row as "N of M" forgives don't end it.
    """
    forgiven, misses, first = wanted.windows - wanted.hits, 0, newest
    for look in known:
        misses = 0 if look.is_hit else misses + 1
        if misses > forgiven:
            break
        first = look.start if look.is_hit else first
    return first


@dataclass(slots=True)
class Looks:
    """Every look once: decisions that follow each other are given most windows again."""

    _made: dict[Condition, dict[WindowReadings, tuple[Look, bool]]] = field(default_factory=dict)
    """Each with whether it has a say."""

    def at(self, condition: Condition, windows: Iterable[WindowReadings]) -> list[tuple[Look, bool]]:
        """The condition in each of them, and whether the window has a say."""
        made = self._made.setdefault(condition, {})
        found = []
        for window in windows:
            known = made.get(window)
            if known is None:
                outcome = evaluate(condition, window.metrics)
                look = Look(window.start, window.start + window.length, outcome)
                known = made[window] = look, look.is_known
            found.append(known)
        return found


def weigh(
    condition: Condition, windows: Sequence[WindowReadings], wanted: Persistence, looks: Looks
) -> Weighed:
    """Hold a condition against each window, newest first; those of a data fault are left out."""
    windows = without_gap(condition, windows)
    found = looks.at(condition, (window for window in windows if not window.at_fault))
    return Weighed(
        condition,
        wanted,
        tuple(look for look, _ in found),
        tuple(look for look, has_say in found if has_say),
        tuple(window.start for window in windows if window.at_fault),
    )


def without_gap(condition: Condition, windows: Sequence[WindowReadings]) -> Sequence[WindowReadings]:
    """The windows between which none is missing that would have a say on this condition.

    Of what waits for no label that is those before the gap: behind it the labelled ones alone are given.
    """
    if is_of_quality(condition):
        return windows
    return tuple(window for window in windows if not window.apart)
