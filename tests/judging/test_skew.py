"""Train/serve skew: nearly every column far off at once, and what says that rows were scaled otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.checks.names import Check
from baselines.create import create
from baselines.profile.profile import Profile
from monitor.incidents import breaches
from monitor.skew import FEWEST_COLUMNS, FEWEST_RECORDS, begins, scaling
from store.records import CheckRow, IncidentKind, Outcome

NAMES = tuple("abcdefg")


def drift(far: int, near: int, other: int = 0) -> list[CheckRow]:
    """Drift rows: so many far, so many near, so many that could not be compared."""
    outcomes = [Outcome.VIOLATED] * far + [Outcome.OK] * near + [Outcome.INSUFFICIENT_DATA] * other
    return [
        CheckRow(f"f{at}", Check.DRIFT, outcome, 0.4 if outcome is Outcome.VIOLATED else 0.01, 0.1, "")
        for at, outcome in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("far", "near", "other", "records", "looks"),
    [
        (11, 0, 0, 240, True),
        (10, 1, 0, 240, True),  # the prediction may lie near
        (9, 2, 0, 240, False),
        (18, 2, 0, 240, True),
        (5, 0, 0, 240, True),
        (4, 0, 0, 240, False),  # few columns may move together
        (4, 0, 9, 240, False),  # as may few that were compared
        (11, 0, 0, FEWEST_RECORDS - 1, False),
        (0, 11, 0, 240, False),
    ],
)
def test_nearly_every_column_has_to_be_far_off(
    far: int, near: int, other: int, records: int, looks: bool
) -> None:
    assert begins(drift(far, near, other), records) is looks


@given(far=st.integers(0, 60), near=st.integers(0, 60), records=st.integers(0, 1000))
def test_it_begins_where_hardly_any_is_near_and_goes_on_while_most_are_far(
    far: int, near: int, records: int
) -> None:
    rows = drift(far, near)
    kinds = {breach.kind for breach in breaches(rows, records, 0)}
    assert (IncidentKind.DRIFT in kinds) is (far > 0)
    assert (IncidentKind.SKEW in kinds) is (far > near and far + near >= FEWEST_COLUMNS)
    if begins(rows, records):
        assert near <= max(1, (far + near) / 10)
        assert records >= FEWEST_RECORDS
        assert IncidentKind.SKEW in kinds


def test_the_sentence_names_columns_and_distances() -> None:
    found = next(each for each in breaches(drift(7, 0), 240, 0) if each.kind is IncidentKind.SKEW)
    assert found.summary == (
        "Train/serve skew: from the first window of this model on, 7 columns lie far from its baseline, "
        "at distances of 0.40 to 0.40: f0, f1, f2, f3, f4 and 2 more. No change of the world begins so: "
        "training and serving prepare the inputs differently."
    )
    assert found.features == tuple(f"f{at}" for at in range(7))


def profile(rows: np.ndarray) -> Profile:
    lines = "\n".join(",".join(f"{value:.6f}" for value in row) for row in rows.tolist())
    return create(f"{','.join(NAMES)}\n{lines}\n".encode(), where="rows.csv")[0]


def test_rows_that_are_scaled_on_one_side_alone_are_told() -> None:
    raw = np.random.default_rng(3).gamma(2.0, 1.0, (400, len(NAMES)))
    scaled = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    told = scaling(profile(raw), profile(scaled), NAMES)
    assert told is not None
    assert "add up to 1.000 on average in the baseline and to " in told
    assert scaling(profile(scaled), profile(raw), NAMES) is not None
    assert scaling(profile(raw), profile(raw * 2), NAMES) is None
    assert scaling(profile(scaled), profile(scaled[::2]), NAMES) is None
    assert scaling(profile(raw), profile(scaled), (*NAMES, "h")) is None
