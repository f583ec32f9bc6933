"""Are there as many columns as the baseline has?"""

from __future__ import annotations

from collections.abc import Mapping

from baselines.checks.names import Check
from store.records import CheckRow, Outcome

_SENTENCE = (
    "There are {word} columns in current dataset. Number of columns in current dataset: {found}, "
    "Number of columns in baseline constraints: {expected}"
)


def check_columns(rows: int, widths: Mapping[int, int], expected: int) -> CheckRow | None:
    """The violation when most records have another number of columns than `expected`, else None.

    `widths` counts all records by their number of columns, `rows` those of them that could be used. Single
    misfits are rejects, counted and shown with their line; only when they are the rule are the columns what
    is wrong.
    """
    misfits = {width: count for width, count in widths.items() if width != expected and count}
    if not misfits or sum(widths.values()) - rows <= rows:
        return None
    found = max(misfits, key=lambda width: (misfits[width], width))
    extra = found > expected
    check = Check.EXTRA_COLUMNS if extra else Check.MISSING_COLUMNS
    detail = _SENTENCE.format(word="extra" if extra else "missing", found=found, expected=expected)
    feature = "Extra columns" if extra else "Missing columns"
    return CheckRow(feature, check, Outcome.VIOLATED, float(found), float(expected), detail)
