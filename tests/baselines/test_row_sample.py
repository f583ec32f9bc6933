"""A sample of rows is bounded, belongs to the rows' identities alone, and adds up."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.profile.sample import RowSample


def rows(start: int, stop: int) -> pl.DataFrame:
    return pl.DataFrame({"length": [str(i) for i in range(start, stop)]}, schema={"length": pl.String})


def ids(start: int, stop: int) -> pl.Series:
    return pl.Series([f"event-{i}" for i in range(start, stop)], dtype=pl.String)


def sample(start: int, stop: int, k: int = 5) -> RowSample:
    return RowSample.of(rows(start, stop), ids(start, stop), k)


def test_k_rows_are_kept_as_they_were() -> None:
    kept = sample(0, 100)
    assert kept.rows.height == 5
    assert kept.hashes.tolist() == sorted(kept.hashes.tolist())
    assert set(kept.rows["length"]) <= set(rows(0, 100)["length"])


def test_fewer_rows_than_k_are_all_kept() -> None:
    assert sorted(sample(0, 3).rows["length"]) == ["0", "1", "2"]


def test_k_of_zero_keeps_nothing() -> None:
    assert sample(0, 100, k=0) == RowSample.empty()
    assert sample(0, 100, k=0).rows.is_empty()


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 12))
def test_samples_add_up_in_any_order(one: int, other: int, k: int) -> None:
    whole = sample(0, one + other, k)
    assert sample(0, one, k) + sample(one, one + other, k) == whole
    assert sample(one, one + other, k) + sample(0, one, k) == whole


def test_the_rows_of_one_request_are_told_apart() -> None:
    kept = RowSample.of(rows(0, 50), pl.Series(["one event"] * 50, dtype=pl.String), 10)
    assert len(set(kept.hashes.tolist())) == 10
    assert kept.rows["length"].n_unique() == 10
    assert sorted(kept.rows["length"]) != [str(i) for i in range(10)]


def test_every_row_has_the_same_chance() -> None:
    kept = RowSample.of(rows(0, 10_000), ids(0, 10_000), 1000).rows["length"].cast(pl.Int64)
    assert abs(float(str(kept.mean())) - 5000) < 5 * 2887 / 1000**0.5


def test_samples_of_frames_with_other_columns_keep_both() -> None:
    other = RowSample.of(pl.DataFrame({"height": ["9"]}), pl.Series(["z"]), 5)
    both = sample(0, 2) + other
    assert both.rows.height == 3
    assert set(both.rows.columns) == {"length", "height"}
