"""The features that a policy names, held against those that there are: one that there is not never fires."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from config.conditions import comparisons
from config.metrics import METRICS, Argument
from config.retraining import Retrain
from config.source import shown

_NO_DISTANCE = (
    "ask for drifted_features or violations(baseline_drift_check), or set categorical_drift_method to "
    "LInfinity in its constraints"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """A record's columns by name, as `source` (such as ``the baseline``) has them.

    `outputs` are those that the model answers, `excluded` those that nobody looks at, `tested` those that a
    chi-squared test compares, of which no distance is known.
    """

    source: str
    names: Sequence[str]
    outputs: Sequence[str] = ()
    excluded: Collection[str] = ()
    tested: Collection[str] = ()

    @property
    def looked_at(self) -> tuple[str, ...]:
        """What can drift, and be missing."""
        return tuple(name for name in self.names if name not in self.excluded)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the model takes."""
        return tuple(name for name in self.looked_at if name not in self.outputs)


def outputs_of(
    names: Sequence[str], given: Sequence[str] | None, answers: Sequence[str | None]
) -> tuple[str, ...]:
    """The columns that a model answers: those that are `given`, else those of its answers, else the first."""
    named = {each for each in answers if each}
    return tuple(given or [name for name in names if name in named] or names[:1])


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A key that asks for what there is not: what is said of it, and what to do."""

    path: tuple[str | int, ...]
    said: str
    advice: str

    def __str__(self) -> str:
        return f"{shown(self.path)} {self.said}; {self.advice}"


def misnamed(retrain: Retrain, columns: Columns) -> Iterator[Misnamed]:
    """Each feature that the policy names and that there is not, or of which there is no distance."""
    for index, condition in enumerate(retrain.when):
        for each in comparisons(condition):
            of_feature = METRICS[each.metric].argument is Argument.FEATURE
            if of_feature and each.feature is not None and each.feature not in columns.looked_at:
                said, advice = _told(each.feature, columns, columns.looked_at)
                yield Misnamed(("retrain", "when", index), f"asks for {each.subject}, and {said}", advice)
            elif each.metric == "drift" and each.feature in columns.tested:
                said = f"{columns.source} has it compared by a chi-squared test, which tells no distance"
                path = ("retrain", "when", index)
                yield Misnamed(path, f"asks for {each.subject}, and {said}", _NO_DISTANCE)
    for index, wanted in enumerate(retrain.slices):
        if wanted.feature not in columns.inputs:
            said, advice = _told(wanted.feature, columns, columns.inputs)
            yield Misnamed(("retrain", "slices", index), f"names {wanted.feature}, and {said}", advice)


def _told(name: str, columns: Columns, known: Sequence[str]) -> tuple[str, str]:
    """What is wrong with a name, and what to do."""
    if name in columns.excluded:
        return f"exclude leaves {name} out", "take it out of one of the two"
    if name in columns.names:
        return f"{name} is what the model answers", f"name one of its inputs: {', '.join(known)}"
    lacks = f"{columns.source} has no feature {name}"
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return lacks, f"did you mean {by_folded[near[0]]}?" if near else f"those are {', '.join(known)}"
