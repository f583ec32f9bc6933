"""Train/serve skew: inputs that are prepared one way for training and another way for serving.

The baseline is what the model was trained on. Where nearly every column lies far from it in the very first
window that the model is seen to serve, the two sides prepare their inputs differently: a world that changes
begins later than its model, and seldom moves every column at once. Pure decisions; `monitor.executions` asks
whether a window is the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from baselines.checks.names import Check
from baselines.profile.profile import Profile
from store.records import CheckRow, Outcome

FEWEST_RECORDS: Final = 100
"""A window of fewer records decides nothing; the first that has so many does."""
SOME_RECORDS: Final = 30
"""A window of so many shows columns that are near, whatever else it decides."""
FEWEST_COLUMNS: Final = 5
"""Fewer columns may well move together."""
NEAR: Final = 10
"""Of so many columns one may lie near all the same, and one of fewer."""
_ONE_LENGTH: Final = 0.005
"""So near to 1 are the mean squares of rows that were scaled to unit length, rounded as they may be."""


def far_columns(checks: Iterable[CheckRow]) -> tuple[CheckRow, ...]:
    """The drift rows of a window in which most columns are far from the baseline; else none.

    Far is what the drift check calls violated, which takes what chance explains off first. So a skew goes on
    where chance hides a column or two of it; it begins where `begins` says so.
    """
    far, compared = _far(checks)
    return far if compared >= FEWEST_COLUMNS and 2 * len(far) > compared else ()


def begins(checks: Iterable[CheckRow], records: int) -> bool:
    """Whether nearly every column is far off, in a window of records enough to say so."""
    far, compared = _far(checks)
    near = compared - len(far)
    return records >= FEWEST_RECORDS and compared >= FEWEST_COLUMNS and near <= max(1, compared // NEAR)


def is_near(checks: Iterable[CheckRow], records: int) -> bool:
    """Whether a window shows most columns near: it may be too small for a skew to begin, and show this."""
    far, compared = _far(checks)
    return records >= SOME_RECORDS and compared >= FEWEST_COLUMNS and 2 * len(far) <= compared


def are_alike(between: Iterable[CheckRow], columns: Sequence[CheckRow]) -> bool:
    """Whether most of these columns lie near in a baseline that was held against another (`between`)."""
    names = {row.feature for row in columns}
    far, compared = _far(row for row in between if row.feature in names)
    return 2 * compared > len(names) and 2 * len(far) <= compared


def _far(checks: Iterable[CheckRow]) -> tuple[tuple[CheckRow, ...], int]:
    """The columns that are far, and how many were compared."""
    drift = [row for row in checks if row.check == Check.DRIFT and row.outcome.is_compared]
    return tuple(row for row in drift if row.outcome is Outcome.VIOLATED), len(drift)


def summary(far: Sequence[CheckRow], shown: str) -> str:
    """What is said of a skew on these columns, named in `shown`."""
    values = [row.value for row in far if row.value is not None]
    apart = f", at distances of {min(values):.2f} to {max(values):.2f}" if values else ""
    return (
        f"Train/serve skew: from the first window of this model on, {len(far)} columns lie far from its "
        f"baseline{apart}: {shown}. No change of the world begins so: training and serving prepare the "
        "inputs differently."
    )


def scaling(current: Profile, baseline: Profile, inputs: Sequence[str]) -> str | None:
    """A sentence where rows had unit length in one of the two, and have not in the other.

    The squares of a row of unit length add up to 1, so the mean squares of its columns do; `inputs` are the
    columns that a row consists of. None where columns are missing, or no numbers.
    """
    was, now = _square(baseline, inputs), _square(current, inputs)
    if was is None or now is None or (abs(was - 1) < _ONE_LENGTH) is (abs(now - 1) < _ONE_LENGTH):
        return None
    return (
        f"The squares of a row's {len(inputs)} inputs add up to {was:.3f} on average in the baseline and to "
        f"{now:.3f} now: rows are scaled to unit length on one side and not, or not all of their columns, on "
        "the other."
    )


def _square(profile: Profile, inputs: Sequence[str]) -> float | None:
    """The mean over rows of the sum of the squares of these columns."""
    columns = [profile.columns.get(name) for name in inputs]
    if not inputs or any(column is None or not column.moments.count for column in columns):
        return None
    found = [column for column in columns if column is not None]
    return sum(column.moments.mean**2 + column.std_dev**2 for column in found)
