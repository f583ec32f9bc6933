"""Slices that a challenger must not lose: it wins nothing by what it takes from a part of the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from config.metrics import FRESH, LOWER_IS_BETTER
from config.slices import Slice
from retrain.judged import Judged
from retrain.judging import COVERAGE, Judgement, JudgingError, compared
from retrain.slicing import Cut
from store.retraining import Trial

_TOLD: Final = 5
"""So many slices with too few labels are named in the sentence."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What the slices say.

    Attributes:
        trials: one for each slice that decides, its data set called ``fresh:`` and the slice.
        lost: those of them on which the challenger is shown to be worse by more than the slice's margin.
        undecided: what is said of each other slice.
    """

    trials: tuple[Trial, ...] = ()
    lost: tuple[Trial, ...] = ()
    undecided: tuple[str, ...] = ()


def guard(judged: Judged, cuts: Sequence[Cut], metric: str, seed: int) -> Guard:
    """Compare on each slice that has labels enough, by the paired bootstrap of the whole window.

    Each slice is one more chance to be called worse by mere luck. Of k slices that decide, each interval is
    of coverage 1 - (1 - COVERAGE) / k (Bonferroni), so that all of them together take a challenger that is
    worse nowhere for one that is, in at most (1 - COVERAGE) / 2 of all cases, however many the owner names.
    """
    many = [cut for cut in cuts if int(cut.inside.sum()) >= cut.wanted.minimum]
    undecided = [
        f"{cut.name} has {int(cut.inside.sum())} labelled records, and {cut.wanted.minimum} are wanted"
        for cut in cuts
        if int(cut.inside.sum()) < cut.wanted.minimum
    ]
    coverage = 1 - (1 - COVERAGE) / max(len(many), 1)
    trials: list[Trial] = []
    lost: list[Trial] = []
    for cut in many:
        try:
            trial = judged.among(cut.inside).trial(metric, seed, f"{FRESH}:{cut.name}", coverage)
        except JudgingError as error:
            undecided.append(f"{cut.name}: {error}")
            continue
        trials.append(trial)
        if is_worse(trial, cut.wanted):
            lost.append(trial)
    return Guard(tuple(trials), tuple(lost), tuple(undecided))


def is_worse(trial: Trial, wanted: Slice) -> bool:
    """Whether the whole interval lies on the champion's side, beyond the slice's margin."""
    allowed = wanted.margin * abs(trial.champion)
    return trial.low > allowed if trial.metric in LOWER_IS_BETTER else trial.high < -allowed


def held(judgement: Judgement, told: str, found: Guard) -> tuple[Judgement, str]:
    """The judgement on the whole window, and its sentence, with what the slices say.

    One that won loses where a slice is lost; one that lost anyway is told of the slices too.
    """
    words = [told]
    if found.lost:
        slices = "; ".join(f"where {_slice(trial)}, {compared(trial)}" for trial in found.lost)
        if judgement is Judgement.WON:
            judgement = Judgement.LOST
            words = [f"The challenger is worse on a slice that must not lose: {slices}. In sum: {told}"]
        else:
            words.append(f"It is worse on a slice that must not lose, too: {slices}.")
    elif found.trials:
        count = len(found.trials)
        words.append(f"On none of {count} slices it is shown to be worse." if count > 1 else _one(found))
    if found.undecided:
        shown = "; ".join(found.undecided[:_TOLD])
        others = len(found.undecided) - _TOLD
        more = f"; and {others} more" if others > 0 else ""
        words.append(f"Slices that decide nothing: {shown}{more}.")
    return judgement, " ".join(words)


def _one(found: Guard) -> str:
    return f"Where {_slice(found.trials[0])} it is not shown to be worse."


def _slice(trial: Trial) -> str:
    return trial.dataset.removeprefix(f"{FRESH}:")
