"""Are as many of a feature's values present as the constraints ask for?"""

from __future__ import annotations

from baselines.checks.names import NO_COMPLETENESS, NO_RECORDS, Check, insufficient, not_applicable, percent
from baselines.constraints import FeatureConstraints
from baselines.profile.column import ColumnProfile
from store.records import CheckRow, Outcome


def check_completeness(column: ColumnProfile, constraint: FeatureConstraints) -> CheckRow:
    """The share of records in which the feature is present, against the constraint."""
    name, expected = constraint.name, constraint.completeness
    if expected is None:
        return not_applicable(name, Check.COMPLETENESS, NO_COMPLETENESS)
    if column.num_present + column.num_missing == 0:
        return insufficient(name, Check.COMPLETENESS, NO_RECORDS)
    observed = column.completeness
    if observed < expected:
        detail = (
            f"Data completeness requirement is not met. Expected: {percent(expected)}. "
            f"Observed: Only {percent(observed)}."
        )
        return CheckRow(name, Check.COMPLETENESS, Outcome.VIOLATED, observed, expected, detail)
    detail = f"{percent(observed)} of values are present."
    return CheckRow(name, Check.COMPLETENESS, Outcome.OK, observed, expected, detail)
