"""What the first windows of a new model show before labels come: errors, silence, and other predictions.

Labels say more, and later. So what is read off here is what no change of the world explains: answers that
can't be read, captures that cease, predictions that moved although no input did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist

from config.watch import Watch
from retrain.judging import COVERAGE

FEWEST_RECORDS = 50
"""An error share of fewer records says nothing: errors come in bursts, which no interval knows of."""
FEWEST_A_WINDOW = 20
"""A champion with a window of fewer records than this is not watched for silence …"""
TO_KNOW_A_DAY = timedelta(days=1)
"""… nor one whose windows are on record for less than this: nobody knows how quiet its nights are."""
_Z = NormalDist().inv_cdf((1 + COVERAGE) / 2)


@dataclass(frozen=True, slots=True)
class Seen:
    """A window's data: records read and lost, the share of those read that have no answer of the right type.

    `predictions` is how far the predictions are from the baseline's beyond chance, None where that was not
    measured or by too few records; `inputs_drifted` names the inputs that drifted too, `inputs_unknown` those
    of which nobody knows whether they did: the model takes them, and they were not compared.
    """

    records: int
    rejected: int
    unanswered: float = 0.0
    predictions: float | None = None
    inputs_drifted: tuple[str, ...] = ()
    inputs_unknown: tuple[str, ...] = ()

    @property
    def sent(self) -> int:
        """All that came."""
        return self.records + self.rejected

    @property
    def bad(self) -> int:
        """Those that could not be read, or have no answer that can."""
        return self.rejected + round(self.unanswered * self.records)


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval (Wilson 1927), between 0 and 1, of so many."""

    value: float
    low: float
    high: float
    count: int


def share_of_bad(windows: Sequence[Seen]) -> Share:
    """The share of bad records over all these windows; of none it is anything from 0 to 1."""
    count, bad = sum(window.sent for window in windows), sum(window.bad for window in windows)
    if not count:
        return Share(0.0, 0.0, 1.0, 0)
    value, square = bad / count, _Z**2 / count
    middle = (value + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(value * (1 - value) / count + square / (4 * count))
    return Share(value, max(0.0, middle - half), min(1.0, middle + half), count)


def errors(watch: Watch, since: Sequence[Seen], before: Sequence[Seen]) -> str | None:
    """A sentence where the new model's windows have too many errors, and more than the champion's had.

    `since` are the windows since the rollout, oldest first, of which the first `watch.windows` count, and
    `before` the champion's. The whole interval must lie above `watch.errors` and above that of before.
    """
    found = share_of_bad(since[: watch.windows])
    if found.count < FEWEST_RECORDS or found.low <= watch.errors:
        return None
    was = share_of_bad(before)
    if was.count and found.low <= was.high:
        return None
    told = f", where {was.value:.1%} of {was.count} were before" if was.count else ""
    return (
        f"{found.value:.1%} ({found.low:.1%} to {found.high:.1%}) of {found.count} records since the rollout "
        f"could not be read or have no answer, more than {watch.errors:.1%}{told}."
    )


def silence(watch: Watch, whole: Sequence[int], before: Sequence[int], length: timedelta) -> str | None:
    """A sentence where captures have all but ceased since the rollout.

    `whole` are the records of each window that lies wholly after the rollout and is over, `before` those of
    the champion's, gaps counted as 0, all of this length. Judged is whether the first `watch.windows` sank to
    the share `watch.volume` of the champion's *emptiest* window: traffic that rests at night, or now and
    then, has an emptiest window of next to nothing, and is never held to be silent.
    """
    if len(before) * length < TO_KNOW_A_DAY or len(whole) < watch.windows:
        return None
    least, came = min(before), sum(whole[: watch.windows])
    if least < FEWEST_A_WINDOW or came >= watch.volume * least * watch.windows:
        return None
    return (
        f"{came} records came in the first {watch.windows} windows since the rollout, where not one of the "
        f"{len(before)} before had fewer than {least}."
    )


def predictions(watch: Watch, since: Sequence[Seen]) -> str | None:
    """A sentence where the predictions are not those that the challenger gave before it was deployed.

    Of the first `watch.windows` windows in which they were measured one is enough, as far as every input was
    compared in it and none drifted: where the world moves too, the predictions of a good model move with it,
    and labels have to say.
    """
    measured = [window for window in since if window.predictions is not None]
    for window in measured[: watch.windows]:
        far = window.predictions or 0.0
        if far > watch.predictions and not (window.inputs_drifted or window.inputs_unknown):
            return (
                f"The predictions of {window.records} records are at a distance of {far:.3f}, beyond chance, "
                f"from what the challenger predicted before its rollout, more than {watch.predictions:g}, "
                "and no input drifted."
            )
    return None
