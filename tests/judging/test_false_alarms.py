"""Ordinary windows raise no alarm, and a shift of one standard deviation is found at once."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from baselines.profile.moments import Moments
from baselines.profile.profile import Profile
from baselines.profile.types import TypeCounts
from config.distance import Distance
from monitor.judge import judge
from tests.judging.profiles import Floats, asking

FEATURES = tuple(f"f{i}" for i in range(10))
ROWS = 200
WINDOWS = 1000


def survey(generator: np.random.Generator, rows: int) -> Floats:
    """Ten features of one population: normal, skewed, uniform, discrete and heavy-tailed ones, correlated."""
    normal = generator.normal(size=(rows, 4))
    return np.column_stack(
        [
            normal,
            normal[:, 0] * 0.9 + generator.normal(size=rows) * 0.1,
            generator.lognormal(size=rows),
            generator.uniform(size=rows),
            generator.poisson(9, size=rows),
            generator.integers(0, 2, size=rows),
            generator.standard_t(3, size=rows),
        ]
    )


def profiled(rows: Floats) -> Profile:
    """What profiling these numbers gives, without going through their texts."""
    columns = {
        name: ColumnProfile(TypeCounts(fractional=len(rows)), Moments.of(values), Sketch.of(values))
        for name, values in zip(FEATURES, rows.T, strict=True)
    }
    return Profile(len(rows), columns, {len(FEATURES): len(rows)})


@pytest.fixture(scope="module")
def baseline() -> Profile:
    return profiled(survey(np.random.default_rng(1), 3000))


def drifted(current: Profile, baseline: Profile) -> tuple[str, ...]:
    found = judge(current, baseline, asking(*FEATURES), Distance.CORRECT)
    return tuple(row.feature for row in found.violations)


def test_a_thousand_ordinary_windows_raise_no_alarm(baseline: Profile) -> None:
    generator = np.random.default_rng(2)
    alarms = [drifted(profiled(survey(generator, ROWS)), baseline) for _ in range(WINDOWS)]
    assert [features for features in alarms if features] == []


def test_a_shift_of_one_standard_deviation_is_found_in_its_first_window(baseline: Profile) -> None:
    generator = np.random.default_rng(3)
    for _ in range(100):
        rows = survey(generator, ROWS)
        rows[:, :4] += 1.0
        assert set(FEATURES[:4]) <= set(drifted(profiled(rows), baseline))


def test_the_larger_the_shift_the_more_often_it_is_found(baseline: Profile) -> None:
    def found(shift: float) -> int:
        generator = np.random.default_rng(4)
        return sum("f0" in drifted(profiled(survey(generator, ROWS) + shift), baseline) for _ in range(100))

    table = [found(shift) for shift in (0.0, 0.3, 0.5, 0.7, 1.0)]
    assert table == sorted(table)
    assert table[0] == 0
    assert table[-1] == 100
    assert 0 < table[2] < 100
