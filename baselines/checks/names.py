"""The checks' names and sentences, as Model Monitor's readers know them."""

from __future__ import annotations

from enum import StrEnum

from baselines.jackson import java_double
from store.records import CheckRow, Outcome


class Check(StrEnum):
    """`constraint_check_type` in constraint_violations.json; Model Monitor has no change of unit."""

    EXTRA_COLUMNS = "extra_column_check"
    MISSING_COLUMNS = "missing_column_check"
    DATA_TYPE = "data_type_check"
    COMPLETENESS = "completeness_check"
    DOMAIN = "categorical_values_check"
    DRIFT = "baseline_drift_check"
    NON_NEGATIVE = "non_negative_check"
    UNIT = "unit_change_check"


DATA_FAULTS = frozenset(Check) - {Check.DRIFT}
"""Breaches that say the data is broken, not that the world has changed."""
OURS_ALONE = frozenset({Check.UNIT})
"""Checks that Model Monitor does not have: its files leave them out, and its mode does not make them."""

NOT_COMPARED = "The constraints disable the comparison."
DISABLED = "The constraints disable the checks of this feature."
NO_COLUMN = "The records were read without a column of this name."
NO_STATISTICS = "The baseline's statistics don't have this feature."
NO_VALUES = "The baseline has no values of this feature."
NO_SKETCH = "The baseline holds no sketch of this feature."
NO_HISTOGRAM = "The baseline holds no histogram of this feature: it has too many values."
NO_SHAPE = "The baseline has too few different values."
NO_UNIT = "Only numbers have a unit."
NO_COMPLETENESS = "The constraints ask for no completeness."
NO_DOMAIN = "The constraints list no values for this feature."
NO_SIGN = "The constraints allow numbers below 0."
NO_RECORDS = "There are no records."
NOT_ASKED = frozenset(
    {
        NOT_COMPARED,
        DISABLED,
        NO_COLUMN,
        NO_STATISTICS,
        NO_VALUES,
        NO_SKETCH,
        NO_HISTOGRAM,
        NO_SHAPE,
        NO_UNIT,
        NO_COMPLETENESS,
        NO_DOMAIN,
        NO_SIGN,
    }
)
"""What is said of checks that the entry or its baseline does not ask for, whatever the records are like."""


def printed(number: float) -> str:
    """A number as Model Monitor prints it: one in a hundred thousand is 1.0E-5."""
    return java_double(number).strip('"')


def percent(share: float) -> str:
    """A share as Model Monitor prints it: 12 of 18 is 66.66666666666666%."""
    return f"{printed(100.0 * share)}%"


def not_applicable(feature: str, check: Check, why: str) -> CheckRow:
    """A check that has nothing to say here."""
    return CheckRow(feature, check, Outcome.NOT_APPLICABLE, None, None, why)


def insufficient(feature: str, check: Check, why: str) -> CheckRow:
    """A check that had too little to go by."""
    return CheckRow(feature, check, Outcome.INSUFFICIENT_DATA, None, None, why)
