"""A shifted world: every measure drifts by what was asked for, and rings no longer mean what they meant."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import ks_2samp

from demo import survey

SHIFTS = (0.0, 0.1, 0.3, 0.5, 1.0, 2.0)


@pytest.fixture(scope="module")
def before() -> pl.DataFrame:
    return survey.survey(seed=11, rows=4000)


def moved(before: pl.DataFrame, after: pl.DataFrame, name: str) -> float:
    """How far the mean went, in standard deviations of the original."""
    values = before[name].to_numpy()
    return float((after[name].to_numpy().mean() - values.mean()) / values.std())


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_no_shift_changes_nothing_at_all(seed: int, rows: int) -> None:
    frame = survey.survey(seed, rows)
    assert_frame_equal(survey.shifted(frame, 0.0, seed), frame)


@pytest.mark.parametrize("sd", SHIFTS)
@pytest.mark.parametrize("name", survey.MEASURES)
def test_every_measure_moves_by_the_standard_deviations_asked_for(
    name: str, sd: float, before: pl.DataFrame
) -> None:
    assert moved(before, survey.shifted(before, sd, seed=1), name) == pytest.approx(sd, rel=0.03, abs=0.01)


@pytest.mark.parametrize("name", survey.MEASURES)
def test_the_distance_of_each_distribution_grows_with_the_shift(name: str, before: pl.DataFrame) -> None:
    distances = [ks_2samp(before[name], survey.shifted(before, sd, seed=1)[name]).statistic for sd in SHIFTS]
    assert distances == sorted(distances)
    assert distances[0] == 0
    assert len(set(distances)) == len(distances)


def test_the_same_rings_now_belong_to_bigger_and_heavier_animals(before: pl.DataFrame) -> None:
    after = survey.shifted(before, 0.5, seed=1)
    for rings in (6, 8, 10, 12):
        for name in survey.MEASURES:
            was = before.filter(pl.col("rings") == rings)[name].to_numpy().mean()
            assert after.filter(pl.col("rings") == rings)[name].to_numpy().mean() > 1.05 * was


def test_an_animal_responds_in_all_its_measures_together(before: pl.DataFrame) -> None:
    after = survey.shifted(before, 1.0, seed=1)
    grown = (after["length"] / before["length"]).to_numpy()
    heavier = (after["whole_weight"] / before["whole_weight"]).to_numpy()
    big = before["length"].to_numpy() > 0.4  # where the steps of the ruler do not hide it
    assert np.corrcoef(grown[big], heavier[big])[0, 1] > 0.95


def test_nobody_shrinks_and_nobody_grows_older(before: pl.DataFrame) -> None:
    after = survey.shifted(before, 0.7, seed=1)
    for name in survey.MEASURES:
        assert (after[name] >= before[name]).all()
    assert (after["rings"] <= before["rings"]).all()
    assert (after["rings"] >= 1).all()
    assert after["sex"].equals(before["sex"])
    assert after.schema == before.schema


def test_the_same_seed_shifts_alike_and_another_does_not(before: pl.DataFrame) -> None:
    assert_frame_equal(survey.shifted(before, 0.5, seed=1), survey.shifted(before, 0.5, seed=1))
    assert not survey.shifted(before, 0.5, seed=1).equals(survey.shifted(before, 0.5, seed=2))


@pytest.mark.parametrize("sd", [-0.1, float("nan"), float("inf")])
def test_a_shift_that_makes_no_sense_is_refused(sd: float, before: pl.DataFrame) -> None:
    with pytest.raises(ValueError, match="give 0 or more"):
        survey.shifted(before, sd, seed=1)
