"""Was a column profiled so that a check can be made of it?

A profile keeps moments and a sketch of numbers, or the categories of texts, as the baseline asked when the
records were read. Held against another baseline, which takes the column for the other, it can't answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from baselines.checks.names import Check
from baselines.constraints import FeatureConstraints
from baselines.profile.column import ColumnProfile
from monitor.capture.schema import text_columns

_AS_NUMBERS = (
    "Its records were profiled as numbers, whose texts are gone, and this baseline takes the feature for "
    "text: only captures that are read anew could tell."
)
_AS_TEXT = (
    "Its records were profiled as text, without a distribution of numbers, and this baseline takes the "
    "feature for numeric: only captures that are read anew could tell."
)
REASONS = (_AS_NUMBERS, _AS_TEXT)


def unanswered(column: ColumnProfile, constraint: FeatureConstraints) -> Mapping[Check, str]:
    """The checks that a column's profile can't answer for these constraints, and why; {} where it can.

    Types and missing values are counted alike in both kinds of column. One whose values are all no numbers is
    the same profiled as either.
    """
    numbers, types = column.moments.count, column.types
    if text_columns([constraint]):
        return dict.fromkeys((Check.DOMAIN, Check.DRIFT), _AS_NUMBERS) if numbers else {}
    if types.numeric and not numbers and _counts_all(column):
        return dict.fromkeys((Check.NON_NEGATIVE, Check.DRIFT, Check.UNIT), _AS_TEXT)
    return {}


def _counts_all(column: ColumnProfile) -> bool:
    """Whether the categories are of every present value: those of a numeric column are of strays alone."""
    categories = column.categories
    return categories.overflowed or sum(categories.counts.values()) == column.num_present
