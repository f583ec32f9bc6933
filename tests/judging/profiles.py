"""Profiles and constraints for the tests of judging, and how hypothesis draws them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.constraints import (
    CategoricalDriftMethod,
    Constraints,
    DistanceMethod,
    FeatureConstraints,
    MonitoringConfig,
    suggest,
)
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType
from tests.baselines.frames import NUMBERS, STRAYS, TEXTS, cells

Floats = NDArray[np.float64]


def texts_of(values: Sequence[float] | Floats) -> list[str]:
    """Numbers as a capture has them."""
    return [repr(float(value)) for value in values]


def column(values: Sequence[str | None], *, text: bool = False) -> ColumnProfile:
    """The profile of one column of captured texts."""
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    return profile_frame(frame, text=["x"] if text else []).columns["x"]


def numbers(values: Sequence[float] | Floats) -> ColumnProfile:
    """The profile of a column of numbers."""
    return column(texts_of(values))


def table(columns: dict[str, Floats]) -> Profile:
    """The profile of a table of numbers."""
    return profile_frame(pl.DataFrame({name: texts_of(values) for name, values in columns.items()}))


def asking(*names: str, kind: DataType = DataType.FRACTIONAL) -> Constraints:
    """Constraints that ask for complete columns of one type, with Model Monitor's defaults."""
    return Constraints(tuple(FeatureConstraints(name, kind) for name in names))


ABALONES = table({"rings": np.arange(30.0), "length": np.arange(30) / 10})
STATISTICS_TEXT = statistics_file.write(ABALONES)
CONSTRAINTS_TEXT = constraints_file.write(suggest(ABALONES))
"""A baseline of two columns and 30 records, as its two files."""

NUMERIC_COLUMNS = st.lists(cells(st.one_of(NUMBERS, STRAYS)), max_size=40).map(column)
TEXT_COLUMNS = st.lists(cells(st.one_of(NUMBERS, TEXTS)), max_size=40).map(
    lambda values: column(values, text=True)
)
COLUMNS = st.one_of(NUMERIC_COLUMNS, TEXT_COLUMNS)

THRESHOLDS = st.floats(0, 1)
CONFIGS = st.builds(
    MonitoringConfig,
    evaluate_constraints=st.booleans(),
    datatype_check_threshold=THRESHOLDS,
    domain_content_threshold=THRESHOLDS,
    perform_comparison=st.booleans(),
    comparison_threshold=THRESHOLDS,
    comparison_method=st.sampled_from(DistanceMethod),
    categorical_comparison_threshold=st.none() | THRESHOLDS,
    categorical_drift_method=st.sampled_from(CategoricalDriftMethod),
)
FEATURES = st.builds(
    FeatureConstraints,
    name=st.just("x"),
    inferred_type=st.sampled_from(DataType),
    completeness=THRESHOLDS,
    domains=st.none() | st.lists(TEXTS, max_size=4).map(tuple),
)
