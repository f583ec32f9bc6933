"""What is wrong with the way a workflow measures and registers its models: facts in, findings out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from retrain.evaluation import Splits


class Defect(StrEnum):
    """The kinds of what can be wrong."""

    DIFFERENT_SPLITS = "different_splits"
    UNKNOWN_SPLITS = "unknown_splits"
    EVALUATION_OVERWRITTEN = "evaluation_overwritten"
    APPROVED_BEFORE_JUDGED = "approved_before_judged"
    DEPLOYED_BEFORE_JUDGED = "deployed_before_judged"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen when a workflow had answered.

    `approved` is whether it had registered its version as approved, `deployed` whether that version was
    behind the endpoint already. `splits` is None where Kedge scored both models on the same records itself.
    `overwritten` is whether the challenger's evaluation lies where the champion's version has its own.
    """

    package: str | None = None
    approved: bool = False
    deployed: bool = False
    splits: Splits | None = None
    champion_at: str | None = None
    challenger_at: str | None = None
    overwritten: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect, in a sentence, and what to change in the workflow."""

    defect: Defect
    said: str
    change: str

    def __str__(self) -> str:
        return f"{self.said} {self.change}"


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Every defect that the facts show."""
    each = (_splits(facts), _overwritten(facts), _approved(facts), _deployed(facts))
    return tuple(found for found in each if found is not None)


def _splits(facts: Facts) -> Finding | None:
    change = "Score both models on one file, or let Kedge judge on its fresh window."
    where = f"({facts.champion_at} and {facts.challenger_at})"
    if facts.splits is Splits.DIFFERENT:
        said = f"Champion and challenger were measured on different splits {where}."
        return Finding(Defect.DIFFERENT_SPLITS, said, change)
    if facts.splits is Splits.UNKNOWN:
        said = (
            f"Champion and challenger were measured each by an evaluation of its own {where}, "
            "and nothing says that these were of the same split."
        )
        return Finding(Defect.UNKNOWN_SPLITS, said, change)
    return None


def _overwritten(facts: Facts) -> Finding | None:
    if not facts.overwritten:
        return None
    return Finding(
        Defect.EVALUATION_OVERWRITTEN,
        f"The workflow wrote its evaluation over the champion's, to {facts.challenger_at}.",
        "Give each execution an address of its own, such as one with its name.",
    )


def _approved(facts: Facts) -> Finding | None:
    if not facts.approved:
        return None
    said = f"The workflow registered {facts.package} as approved before it was judged."
    return Finding(
        Defect.APPROVED_BEFORE_JUDGED,
        said,
        "Register it as PendingManualApproval, and let whoever judges it approve it.",
    )


def _deployed(facts: Facts) -> Finding | None:
    if not facts.deployed:
        return None
    said = f"{facts.package} answered the endpoint's requests before it was judged."
    return Finding(
        Defect.DEPLOYED_BEFORE_JUDGED,
        said,
        "Deploy after approval; if it loses here, deploy the champion's version again.",
    )
