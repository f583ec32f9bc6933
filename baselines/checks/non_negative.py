"""Are a feature's numbers 0 or more, as the constraints say?"""

from __future__ import annotations

from baselines.checks.names import NO_SIGN, Check, insufficient, not_applicable, printed
from baselines.constraints import FeatureConstraints
from baselines.profile.column import ColumnProfile
from store.records import CheckRow, Outcome


def check_non_negative(column: ColumnProfile, constraint: FeatureConstraints) -> CheckRow:
    """The least number, against 0, where `is_non_negative` is asked for."""
    name = constraint.name
    if not constraint.is_non_negative:
        return not_applicable(name, Check.NON_NEGATIVE, NO_SIGN)
    if column.moments.count == 0:
        return insufficient(name, Check.NON_NEGATIVE, "No value of this feature is a number.")
    least = column.moments.minimum
    if least < 0:
        detail = (
            f"Non-negative requirement is not met. Expected: 0.0 or more. Observed minimum: {printed(least)}."
        )
        return CheckRow(name, Check.NON_NEGATIVE, Outcome.VIOLATED, least, 0.0, detail)
    return CheckRow(
        name, Check.NON_NEGATIVE, Outcome.OK, least, 0.0, f"The least number is {printed(least)}."
    )
