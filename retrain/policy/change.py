"""Since when the world is another: where a breach began, however far back that is.

A decision is given the newest windows, which say whether something is breached. What a run learns from begins
where the breach began, which may be long before them: then the windows before those are read too, some at a
time, until the stretch ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from config.expressions import Condition
from config.retraining import Retrain
from retrain.policy.weighing import Look, Looks, first_of_stretch, weigh, without_gap
from retrain.readings import WindowReadings

Earlier = Callable[[datetime], Sequence[WindowReadings]]
"""The windows before a moment, newest first, some at a time; none where there are no more."""

_READ_ON_TO = 4000
"""So many windows are read for it at most."""


def changed_at(retrain: Retrain, windows: Sequence[WindowReadings], earlier: Earlier) -> datetime | None:
    """The start of the first window of the longest breach, None where nothing is breached."""
    found = []
    for condition in retrain.when:
        weighed = weigh(condition, windows, retrain.persistence, Looks())
        if weighed.is_breached:
            known = chain(weighed.known, _before(condition, windows, retrain, earlier))
            found.append(first_of_stretch(known, retrain.persistence, weighed.hits[0].start))
    return min(found, default=None)


def _before(
    condition: Condition, windows: Sequence[WindowReadings], retrain: Retrain, earlier: Earlier
) -> Iterator[Look]:
    """What has a say before these windows, read as it is asked for; once none of many has, that is all."""
    read = 0
    while (given := without_gap(condition, windows)) and read < _READ_ON_TO:
        windows = earlier(given[-1].start)
        read += len(windows)
        known = weigh(condition, windows, retrain.persistence, Looks()).known
        if not known:
            return
        yield from known
