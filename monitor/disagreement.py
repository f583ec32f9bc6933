"""Model Monitor's verdict and the right one side by side, with a sentence where they disagree."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.checks.names import Check
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile
from config.distance import Distance
from monitor.distances.step import step_cdf
from monitor.judge import Verdict
from store.records import CheckRow, Outcome


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One check of one feature in both modes; `compat` is None where Model Monitor has no such check.

    `why` says why they disagree in their number or their outcome, and is empty where they agree.
    """

    feature: str
    check: str
    compat: CheckRow | None
    correct: CheckRow
    why: str


def side_by_side(
    compat: Verdict, correct: Verdict, current: Profile, baseline: Profile
) -> tuple[SideBySide, ...]:
    """Every check of the correct verdict beside its like, in the correct verdict's order."""
    theirs = {(row.feature, row.check): row for row in compat.checks}
    return tuple(
        SideBySide(row.feature, row.check, like, row, _why(like, row, current, baseline))
        for row in correct.checks
        for like in [theirs.get((row.feature, row.check))]
    )


def _why(compat: CheckRow | None, correct: CheckRow, current: Profile, baseline: Profile) -> str:
    if compat is None:
        return "Model Monitor does not check this." if correct.outcome is Outcome.VIOLATED else ""
    if (compat.outcome, compat.value) == (correct.outcome, correct.value):
        return ""
    if correct.check != Check.DRIFT:
        return f"Model Monitor says: {compat.detail}"
    ours, expected = current.columns[correct.feature], baseline.columns[correct.feature]
    if compat.outcome is Outcome.NOT_APPLICABLE:
        return (
            "Model Monitor compares columns of one inferred type alone, and these are now "
            f"{ours.inferred_type.in_files} and were {expected.inferred_type.in_files}; "
            f"here {_compared(ours, expected)}."
        )
    told = [_weighed_once(which, column) for which, column in (("now", ours), ("baseline", expected))]
    repeated = " and ".join(each for each in told if each)
    if repeated:
        return (
            f"Model Monitor weighs a value once however often it occurs (awslabs/deequ#392): {repeated}, "
            "so it compares other distributions than the data's, and thinks chance larger than it is."
        )
    return "Model Monitor gives a verdict however few the values are."


def _compared(ours: ColumnProfile, expected: ColumnProfile) -> str:
    if not ours.num_present:
        return "it is told that no value is there"
    if expected.inferred_type.numeric:
        return "numbers are compared, whatever else is there"
    return "text is compared, whatever it looks like"


def _weighed_once(which: str, column: ColumnProfile) -> str:
    every = step_cdf(column.sketch, Distance.CORRECT).total
    once = step_cdf(column.sketch, Distance.COMPAT).total
    return f"{once:.0f} of {every:.0f} values count ({which})" if once != every else ""
