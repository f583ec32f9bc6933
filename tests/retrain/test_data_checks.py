"""A training set is held against its baseline: faults are refused, what is odd is told."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.constraints import Constraints, FeatureConstraints
from baselines.profile.types import DataType
from retrain import data_checks
from retrain.data_checks import TrainingSetError, require_sound

WANTED = Constraints(
    (
        FeatureConstraints("rings", DataType.FRACTIONAL),
        FeatureConstraints("length", DataType.FRACTIONAL, 1.0, is_non_negative=True),
        FeatureConstraints("sex", DataType.STRING, 0.5, domains=("F", "M")),
    )
)
Cells = list[str | None]


def training(
    rings: Cells | None = None, length: Cells | None = None, sex: Cells | None = None
) -> pl.DataFrame:
    columns = {
        "rings": rings or ["9", "10", "11.5"],
        "length": length or ["1", "2.5", "3"],
        "sex": sex or ["F", "M", "M"],
    }
    return pl.DataFrame(columns, schema_overrides=dict.fromkeys(columns, pl.String))


def test_a_sound_set_has_no_findings() -> None:
    assert require_sound(training(), "rings", WANTED) == ()


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (training(rings=["9", None, "nine"]), r"2 of the 3 labels \(rings\) .* are no finite number"),
        (training(rings=["9", "inf", "1"]), r"1 of the 3 labels"),
        (training(rings=["9", "9.0", "9"]), r"all 3 labels \(rings\) of the training set are alike"),
        (training(length=[None, None, None]), "the feature length has no value in any row"),
        (training(length=["1", "long", "2"]), "1 values of the feature length .* are no numbers"),
        (training().clear(), "no rows"),
    ],
)
def test_a_fault_is_refused_in_one_sentence(frame: pl.DataFrame, told: str) -> None:
    with pytest.raises(TrainingSetError, match=told) as refused:
        require_sound(frame, "rings", WANTED)
    assert "long" not in str(refused.value)
    assert "nine" not in str(refused.value)


def test_what_is_odd_is_a_warning() -> None:
    found = require_sound(training(length=["1", None, "-2"], sex=["F", "X", "M"]), "rings", WANTED)
    assert [(each.feature, each.check) for each in found] == [
        ("length", "completeness_check"),
        ("length", "non_negative_check"),
        ("sex", "categorical_values_check"),
    ]
    assert data_checks.told(found) == (
        " The training set has missing values, numbers below 0, values that the baseline does not know in "
        "length, sex: see its manifest."
    )


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30).map(str),
            st.one_of(st.none(), st.floats(0, 9).map(repr)),
            st.sampled_from(["F", "M"]),
        ),
        min_size=3,
        max_size=50,
    )
)
def test_what_the_constraints_allow_is_never_refused(rows: list[tuple[str, str | None, str]]) -> None:
    """Values of their types in their ranges, missing ones among them, are at most a warning."""
    rows = [("1", "0.5", "F"), ("2", "0.5", "M"), *rows]
    frame = training(*(list(column) for column in zip(*rows, strict=True)))
    found = require_sound(frame, "rings", WANTED)
    assert {each.check for each in found} <= {"completeness_check"}
