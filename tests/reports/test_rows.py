"""Reference rows: distributed as the baseline says, feature by feature, and the same each time."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import statistics
from baselines.profile.kll import Sketch
from baselines.profile.profile import Profile, profile_frame
from config.distance import Distance
from monitor.distances.simple import simple
from monitor.distances.step import step_cdf
from monitor.reports.rows import (
    MAX_ROWS,
    can_rebuild,
    is_number,
    numbers_of,
    reference_rows,
    sampled_rows,
    texts_of,
)

FINITE = st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: value + 0.0)


def _baseline(frame: pl.DataFrame, *text: str) -> Profile:
    """As it is read back from the file that baselining writes."""
    return statistics.read(statistics.write(profile_frame(frame, text=text)), "statistics.json")


@given(st.lists(FINITE, min_size=1, max_size=500))
def test_a_sketch_that_kept_every_value_gives_those_very_values(values: list[float]) -> None:
    sketch = Sketch.of(np.array(values))
    assert numbers_of(sketch, len(values)).tolist() == sorted(values)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(500, MAX_ROWS), size=st.integers(1, 60_000))
def test_rebuilt_numbers_are_as_near_to_the_sketch_as_their_number_allows(
    seed: int, count: int, size: int
) -> None:
    sketch = Sketch.of(np.random.default_rng(seed).lognormal(size=size))
    rebuilt = Sketch.of(numbers_of(sketch, count))
    gap = simple(step_cdf(rebuilt, Distance.CORRECT), step_cdf(sketch, Distance.CORRECT))
    assert gap < 1 / count + 0.01  # the second sketch, too, rounds ranks


@given(
    counts=st.dictionaries(st.text(max_size=3), st.integers(1, 10**6), min_size=1, max_size=40),
    count=st.integers(1, 5000),
)
def test_rebuilt_texts_are_in_proportion_to_less_than_one(counts: dict[str, int], count: int) -> None:
    rebuilt = texts_of(counts, count)
    assert len(rebuilt) == count
    for text, weight in counts.items():
        assert abs(rebuilt.count(text) - weight * count / sum(counts.values())) < 1


def test_rows_have_the_baselines_missing_values_and_types() -> None:
    frame = pl.DataFrame({"length": ["1.5", "2.5", None, "3.5"] * 100, "sex": ["F", None, "M", None] * 100})
    rows = reference_rows(_baseline(frame, "sex"), ["length", "sex"])
    assert rows.schema == {"length": pl.Float64, "sex": pl.String}
    assert rows.height == 400
    assert rows["length"].null_count() == 100
    assert rows["sex"].null_count() == 200
    assert sorted(rows["length"].drop_nulls().unique()) == [1.5, 2.5, 3.5]
    assert rows["sex"].value_counts().sort("sex").rows() == [(None, 200), ("F", 100), ("M", 100)]


def test_features_hang_together_by_chance_alone() -> None:
    values = [f"{value:.6f}" for value in np.random.default_rng(1).normal(size=3000)]
    frame = pl.DataFrame({"a": values, "b": values})
    rows = reference_rows(_baseline(frame), ["a", "b"])
    correlation = rows.select(pl.corr("a", "b")).item()
    assert abs(correlation) < 0.1
    assert sorted(rows["a"]) == sorted(rows["b"])


def test_the_same_baseline_gives_the_same_rows() -> None:
    baseline = _baseline(pl.DataFrame({"a": [f"{value}" for value in range(100)]}))
    assert reference_rows(baseline, ["a"]).equals(reference_rows(baseline, ["a"]))


def test_large_baselines_give_a_bounded_number_of_rows() -> None:
    frame = pl.DataFrame({"a": [f"{value}" for value in range(30_000)]})
    assert reference_rows(_baseline(frame), ["a"]).height == MAX_ROWS


@pytest.mark.parametrize(
    ("values", "text", "number", "rebuilt"),
    [
        (["1", "2"], False, True, True),
        (["a", "b"], True, False, True),
        ([None, None], False, False, False),
        ([f"name {n}" for n in range(2000)], True, False, False),
    ],
)
def test_what_has_no_distribution_can_not_be_rebuilt(
    values: list[str | None], text: bool, number: bool, rebuilt: bool
) -> None:
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    column = _baseline(frame, *(["x"] if text else [])).columns["x"]
    assert (is_number(column), can_rebuild(column)) == (number, rebuilt)


@pytest.mark.parametrize("name", ["length", "^l.*$", "*", "<b>"])
def test_sampled_rows_keep_numbers_that_are_numbers_whatever_their_column_is_called(name: str) -> None:
    baseline = _baseline(pl.DataFrame({name: ["1", "2"], "sex": ["F", "M"]}), "sex")
    frame = pl.DataFrame(
        {name: ["1.5", " 2", "NaN", "inf", "no", None], "sex": ["F", "", None, "M", "M", "M"]}
    )
    ids = pl.Series([str(row) for row in range(6)])
    current = profile_frame(frame, text=["sex"], ids=ids, sample_rows=10)
    rows = sampled_rows(current, baseline, [name, "sex", "another"])
    assert rows.columns == [name, "sex"]
    assert sorted(value for value in rows[name].to_list() if value is not None) == [1.5, 2.0]
    assert sorted(rows["sex"].drop_nulls()) == ["", "F", "M", "M", "M"]
