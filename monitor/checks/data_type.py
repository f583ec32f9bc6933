"""Are a feature's values of the type that the constraints name?"""

from __future__ import annotations

from baselines.checks.names import NO_VALUES, Check, insufficient, not_applicable, percent
from baselines.constraints import FeatureConstraints
from baselines.profile.column import ColumnProfile
from baselines.profile.types import DataType, TypeCounts
from config.assumptions import CONSERVATIVE, Assume
from store.records import CheckRow, Outcome


def check_data_type(
    column: ColumnProfile,
    constraint: FeatureConstraints,
    threshold: float,
    assume: Assume = CONSERVATIVE,
) -> CheckRow:
    """The share of present values whose type satisfies the constraint, against the threshold."""
    name, expected = constraint.name, constraint.inferred_type
    if expected is DataType.UNKNOWN:
        return not_applicable(name, Check.DATA_TYPE, NO_VALUES)
    if column.num_present == 0:
        return insufficient(name, Check.DATA_TYPE, "No value of this feature is present.")
    share = _matching(column.types, expected, assume) / column.num_present
    if share < threshold:
        detail = (
            f"Data type match requirement is not met. Expected data type: {expected}, "
            f"Expected match: {percent(threshold)}. Observed: Only {percent(share)} of data is {expected}."
        )
        return CheckRow(name, Check.DATA_TYPE, Outcome.VIOLATED, share, threshold, detail)
    return CheckRow(
        name, Check.DATA_TYPE, Outcome.OK, share, threshold, f"{percent(share)} of data is {expected}."
    )


def _matching(types: TypeCounts, expected: DataType, assume: Assume) -> int:
    """Present values of the expected type, by the reading that the owner assumes."""
    if expected is DataType.FRACTIONAL and not assume.integral_is_fractional:
        return types.fractional
    if expected is DataType.STRING and not assume.string_takes_all:
        return types.string + types.boolean  # the files know no Boolean: it is written as String
    return types.matching(expected)
