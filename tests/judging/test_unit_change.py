"""A change of unit is found, and no drift is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines.checks.names import DATA_FAULTS, Check
from baselines.constraints import MonitoringConfig, suggest
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile, profile_frame
from config.distance import Distance
from demo import survey
from monitor.checks.unit import check_unit
from monitor.incidents import breaches
from monitor.judge import judge
from monitor.violations import write
from store.records import CheckRow, IncidentKind, Outcome

Floats = NDArray[np.float64]

ANIMALS = survey.survey(seed=3, rows=12_000)
BEFORE = {name: ANIMALS[name].to_numpy()[:3000] for name in survey.MEASURES}
NOW = {name: ANIMALS[name].to_numpy()[3000:] for name in survey.MEASURES}
NARROW = ("length", "diameter", "height")  # their spread is a quarter of their size


def profiled(**columns: Floats) -> Profile:
    texts = {
        name: [f"{value:.6f}".rstrip("0").rstrip(".") for value in column.tolist()]
        for name, column in columns.items()
    }
    return profile_frame(pl.DataFrame(texts), text=frozenset(), exact=True)


def column(values: Floats) -> ColumnProfile:
    return profiled(x=values).columns["x"]


def outcome(current: Floats, baseline: Floats) -> Outcome:
    return check_unit("x", column(current), column(baseline)).outcome


def drawn(name: str, seed: int, rows: int = 400) -> Floats:
    return np.random.default_rng(seed).choice(NOW[name], rows)


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0, 25.4, 200.0, 1000.0])
@pytest.mark.parametrize("name", survey.MEASURES)
def test_every_measure_in_another_unit_is_found(name: str, factor: float) -> None:
    assert outcome(drawn(name, 1) * factor, BEFORE[name]) is Outcome.VIOLATED


@pytest.mark.parametrize("factor", [1 / 3.28, 3.28])
@pytest.mark.parametrize("name", NARROW)
def test_feet_for_metres_are_found_where_the_spread_is_small(name: str, factor: float) -> None:
    assert outcome(drawn(name, 1) * factor, BEFORE[name]) is Outcome.VIOLATED


def test_whole_numbers_are_known_again() -> None:
    rings = ANIMALS["rings"].to_numpy().astype(np.float64)
    assert outcome(np.random.default_rng(1).choice(rings, 400) * 12, rings[:3000]) is Outcome.VIOLATED


def test_readings_rounded_in_the_new_unit_are_known_again() -> None:
    assert outcome(np.rint(drawn("length", 2) * 25.4), BEFORE["length"]) is Outcome.VIOLATED


@given(seed=st.integers(0, 2**20), sd=st.floats(0.0, 3.0), rows=st.sampled_from([40, 150, 400, 3000]))
@settings(max_examples=25, deadline=None)
def test_no_shift_of_the_demo_is_a_change_of_unit(seed: int, sd: float, rows: int) -> None:
    shifted = survey.shifted(ANIMALS, sd, seed).sample(rows, seed=seed)
    for name in survey.MEASURES:
        assert outcome(shifted[name].to_numpy(), BEFORE[name]) is not Outcome.VIOLATED


SHAPES = {
    "normal": lambda rng, size: rng.normal(10, 2, size).clip(0.1),
    "lognormal": lambda rng, size: rng.lognormal(0, 1, size),
    "gamma": lambda rng, size: rng.gamma(2, 2, size) + 0.01,
    "uniform": lambda rng, size: rng.uniform(1, 5, size),
    "exponential": lambda rng, size: rng.exponential(3, size) + 0.001,
}


@given(
    seed=st.integers(0, 2**20),
    shape=st.sampled_from(sorted(SHAPES)),
    factor=st.floats(0.45, 2.2),
    rows=st.sampled_from([30, 200, 2000]),
)
@settings(max_examples=60, deadline=None)
def test_growth_by_less_than_a_unit_is_drift(seed: int, shape: str, factor: float, rows: int) -> None:
    rng = np.random.default_rng(seed)
    before, now = SHAPES[shape](rng, 3000), SHAPES[shape](rng, rows) * factor
    assert outcome(now, before) is not Outcome.VIOLATED


@given(seed=st.integers(0, 2**20), shift=st.floats(0.0, 1.5), rows=st.sampled_from([30, 200, 2000]))
@settings(max_examples=40, deadline=None)
def test_a_wide_feature_that_shifts_is_drift_whatever_its_ratio(seed: int, shift: float, rows: int) -> None:
    """One and a half standard deviations of a logarithm make a factor of four and a half."""
    rng = np.random.default_rng(seed)
    before, now = rng.lognormal(0, 1, 3000), rng.lognormal(shift, 1, rows)
    assert outcome(now, before) is not Outcome.VIOLATED


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(lambda rng: rng.normal(60, 2, 400), id="far away and much narrower for it"),
        pytest.param(lambda rng: rng.uniform(30, 150, 400), id="far away and of another shape"),
        pytest.param(lambda rng: np.full(400, 100.0), id="stuck"),
        pytest.param(lambda rng: rng.normal(10, 2, 400) * rng.choice([1, 100], 400), id="half of them"),
    ],
)
def test_what_is_far_and_no_multiple_is_drift(now: object) -> None:
    assert callable(now)
    rng = np.random.default_rng(5)
    assert outcome(now(rng), rng.normal(10, 2, 3000).clip(0.1)) is Outcome.OK


NORMAL = np.random.default_rng(0).normal(10, 2, 3000).clip(0.1)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (NORMAL - 10, NORMAL - 10, "both sides of zero"),
        (NORMAL * 10, NORMAL - 10, "both sides of zero"),
        (np.tile([0.0, 1.0], 200), np.tile([0.0, 1.0], 200), "zero"),
        (np.tile([10.0, 20.0, 30.0], 200), np.tile([1.0, 2.0, 3.0], 200), "too few different values"),
        (np.full(400, 10.0), np.ones(400), "too few different values"),
    ],
)
def test_where_a_factor_says_nothing_it_is_not_applied(now: Floats, before: Floats, said: str) -> None:
    found = check_unit("x", column(now), column(before))
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert said in found.detail


def test_text_has_no_unit() -> None:
    words = profile_frame(pl.DataFrame({"x": ["a", "b"] * 50}), text=frozenset({"x"}), exact=True)
    found = check_unit("x", words.columns["x"], words.columns["x"])
    assert found.outcome is Outcome.NOT_APPLICABLE


def test_a_handful_of_values_is_too_few() -> None:
    assert outcome(drawn("length", 1, 10) * 25.4, BEFORE["length"]) is Outcome.INSUFFICIENT_DATA


def test_it_is_no_comparison_where_the_constraints_disable_that() -> None:
    baseline, current = profiled(length=BEFORE["length"]), profiled(length=drawn("length", 1) * 25.4)
    off = replace(suggest(baseline), monitoring=MonitoringConfig(perform_comparison=False))
    found = judge(current, baseline, off, Distance.CORRECT)
    assert found.violations == ()
    (told,) = (row for row in found.checks if row.check == Check.UNIT)
    assert (told.outcome, told.detail) == (Outcome.NOT_APPLICABLE, "The constraints disable the comparison.")


def violated(mode: Distance) -> tuple[CheckRow, ...]:
    baseline = profiled(length=BEFORE["length"], height=BEFORE["height"])
    current = profiled(length=drawn("length", 1) * 25.4, height=drawn("height", 1))
    return judge(current, baseline, suggest(baseline), mode).violations


def test_it_is_told_by_its_factor_and_is_a_data_fault() -> None:
    (found,) = (row for row in violated(Distance.CORRECT) if row.check == Check.UNIT)
    assert found.feature == "length"
    assert found.value == pytest.approx(25.4, rel=0.05)
    assert "the unit has changed" in found.detail
    assert Check.UNIT in DATA_FAULTS
    fault = next(each for each in breaches([found], 400, 0) if each.kind is IncidentKind.DATA_FAULT)
    assert fault.severity == 1.0
    assert fault.summary == "Data fault: unit_change_check on length."


def test_model_monitor_s_mode_and_files_do_not_know_it() -> None:
    assert Check.UNIT not in {row.check for row in violated(Distance.COMPAT)}
    ours = violated(Distance.CORRECT)
    written = json.loads(write(ours))["violations"]
    assert {entry["constraint_check_type"] for entry in written} == {"baseline_drift_check"}
    assert len(written) == len(ours) - 1
