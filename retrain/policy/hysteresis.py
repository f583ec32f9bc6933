"""A breach that was decided on stays one until it has cleared: the recovery threshold of alerting tools.

A metric that hovers about its threshold crosses it again and again, and each crossing would be a new breach.
With a second threshold on the good side of the first, and a number of windows beyond it, only what has really
been over can begin anew. A breach that never ceased is not held back: it may be acted on again, at the pace
of the cooldown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from config.conditions import And, Comparison, Condition
from config.expressions import Seen, Truth
from config.policy import Clear
from retrain.policy.facts import DecidedOn
from retrain.policy.weighing import Look, Weighed

_WHOLE = 100.0


def held_by(
    weighed: Weighed, decided: Sequence[DecidedOn], clear: Clear, rest: timedelta
) -> DecidedOn | None:
    """The earlier breach that this condition's still belongs to, which forbids to act on it, or None.

    It does where the condition ceased to hold since and came back without having cleared. Lasting without a
    break, it is no hovering any more. What lies further back than the windows go is forgotten.
    """
    before = next((each for each in decided if each.condition == str(weighed.condition)), None)
    if before is None or weighed.change_at <= before.window or lasts(weighed, clear, rest):
        return None
    since = [look for look in weighed.known if look.start > before.window]
    reaches_back = any(look.start <= before.window for look in weighed.looks)
    if not reaches_back or has_cleared(weighed.condition, since, clear):
        return None
    return before


def wanted_windows(clear: Clear) -> int:
    """In how many windows what came back has to last: in more than it takes to clear."""
    return clear.windows + 1


def lasts(weighed: Weighed, clear: Clear, rest: timedelta) -> bool:
    """Whether what came back has lasted for a whole rest, and in enough windows.

    One window may be as long as the rest, and one hit is just what hovers.
    """
    return weighed.lasted >= rest and weighed.lasted_windows >= wanted_windows(clear)


def has_cleared(condition: Condition, known: Sequence[Look], clear: Clear) -> bool:
    """Whether the condition was quiet in so many of as many windows in a row that have a say."""
    quiet = [is_quiet(condition, look, clear) for look in known]
    last = max(1, len(quiet) - clear.windows + 1)
    return any(sum(quiet[at : at + clear.windows]) >= clear.quiet for at in range(last))


def is_quiet(condition: Condition, look: Look, clear: Clear) -> bool:
    """Whether it does not hold in this window by the second threshold either."""
    return _still(condition, iter(look.outcome.seen), clear.percent / _WHOLE) is Truth.FALSE


def _still(condition: Condition, seen: Iterator[Seen], share: float) -> Truth:
    """The condition by the second threshold, over what was seen of each comparison, in order (Kleene)."""
    if isinstance(condition, Comparison):
        return _comparison_still(next(seen), share)
    found = {_still(part, seen, share) for part in condition.parts}
    settling = Truth.FALSE if isinstance(condition, And) else Truth.TRUE
    if settling in found:
        return settling
    other = Truth.TRUE if settling is Truth.FALSE else Truth.FALSE
    return Truth.UNKNOWN if Truth.UNKNOWN in found else other


def _comparison_still(seen: Seen, share: float) -> Truth:
    if seen.reading is None or seen.threshold is None:
        return Truth.UNKNOWN
    op, away = seen.comparison.op, abs(seen.threshold) * share
    limit = seen.threshold - away if op.upward else seen.threshold + away
    return Truth.TRUE if op.holds(seen.reading.value, limit) else Truth.FALSE
