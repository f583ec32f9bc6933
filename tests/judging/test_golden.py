"""What Model Monitor's own runs printed comes out of Kedge too."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.constraints import Constraints
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType
from config.distance import Distance
from monitor.judge import Verdict, judge
from monitor.violations import write
from store.records import Outcome


@pytest.fixture(scope="module")
def cookbook(golden: Path) -> Path:
    return golden / "model-monitor" / "cookbook"


@pytest.fixture(scope="module")
def edited(cookbook: Path) -> Constraints:
    """The constraints as the cookbook's run had them: the label's type edited to Fractional."""
    read = constraints_file.read((cookbook / "constraints.json").read_bytes(), "constraints.json")
    assert [feature.name for feature in read.features] == ["label", "a", "b", "c", "d"]
    label, *others = read.features
    return replace(read, features=(replace(label, inferred_type=DataType.FRACTIONAL), *others))


@pytest.fixture(scope="module")
def captured(cookbook: Path) -> Profile:
    """The run's 18 rows, which its sketches still hold in order; whole numbers were captured as such."""
    run = statistics_file.read((cookbook / "monitor_statistics.json").read_bytes(), "monitor_statistics.json")
    rows = {
        name: [f"{value:g}" if name in "cd" else repr(value) for value in column.sketch.levels[0].tolist()]
        for name, column in run.columns.items()
    }
    profile = profile_frame(pl.DataFrame(rows), exact=True)
    assert profile.rows == 18
    return profile


def judged(cookbook: Path, captured: Profile, edited: Constraints, mode: Distance) -> Verdict:
    text = (cookbook / "baseline_statistics.json").read_bytes()
    return judge(captured, statistics_file.read(text, "baseline_statistics.json"), edited, mode)


def drifts(verdict: Verdict) -> dict[str, float | None]:
    return {row.feature: row.value for row in verdict.violations if row.check == "baseline_drift_check"}


def test_the_runs_own_statistics_come_out_of_its_rows_again(cookbook: Path, captured: Profile) -> None:
    """All but the last digits of what is summed: the run added it up over several partitions."""
    printed = json.loads((cookbook / "monitor_statistics.json").read_text())
    ours = json.loads(statistics_file.write(captured))
    assert len(ours["features"]) == len(printed["features"]) == 5
    for mine, theirs in zip(ours["features"], printed["features"], strict=True):
        for name in ("sum", "mean", "std_dev"):
            one, other = (each["numerical_statistics"].pop(name) for each in (mine, theirs))
            assert one == pytest.approx(other, rel=1e-9)
        assert mine == theirs


def test_compat_finds_what_model_monitor_found_word_for_word(
    cookbook: Path, captured: Profile, edited: Constraints
) -> None:
    violations = judged(cookbook, captured, edited, Distance.COMPAT).violations
    as_the_run_listed_them = sorted(violations, key=lambda row: row.feature, reverse=True)
    assert write(as_the_run_listed_them) == (cookbook / "constraint_violations.json").read_text()


def test_correct_finds_the_drift_too_that_model_monitor_is_blind_to(
    cookbook: Path, captured: Profile, edited: Constraints
) -> None:
    verdict = judged(cookbook, captured, edited, Distance.CORRECT)
    found = drifts(verdict)
    assert found["a"] == pytest.approx(0.382, abs=5e-4)
    assert found["b"] == pytest.approx(0.228, abs=5e-4)
    compat = judged(cookbook, captured, edited, Distance.COMPAT)
    assert {row.detail for row in compat.violations} <= {row.detail for row in verdict.violations}


def test_columns_of_another_type_are_compared_as_numbers_in_correct_mode_alone(
    cookbook: Path, captured: Profile, edited: Constraints
) -> None:
    assert {"c", "d"} <= drifts(judged(cookbook, captured, edited, Distance.CORRECT)).keys()
    compat = judged(cookbook, captured, edited, Distance.COMPAT)
    skipped = [row for row in compat.checks if row.check == "baseline_drift_check" and row.feature in "cd"]
    assert [row.outcome for row in skipped] == [Outcome.NOT_APPLICABLE] * 2
    assert all("Inferred data type don't match for column" in row.detail for row in skipped)


@pytest.mark.parametrize("mode", Distance)
def test_a_surplus_column_is_the_one_violation(golden: Path, mode: Distance) -> None:
    boston = golden / "model-monitor" / "boston"
    baseline = statistics_file.read((boston / "baseline1_statistics.json").read_bytes(), "statistics.json")
    constraints = constraints_file.read((boston / "baseline1_constraints.json").read_bytes(), "constraints")
    current = replace(Profile.empty(baseline.columns), widths={14: 77})
    verdict = judge(current, baseline, constraints, mode)
    printed = pl.read_json(boston / "extra_column_violations.json")["violations"].explode().struct.unnest()
    assert [(row.feature, row.check, row.detail) for row in verdict.violations] == printed.rows()
    assert verdict.checks == verdict.violations


@pytest.mark.parametrize("mode", Distance)
@pytest.mark.parametrize("number", [1, 2])
def test_a_baseline_held_against_itself_is_without_a_violation(
    golden: Path, number: int, mode: Distance
) -> None:
    boston = golden / "model-monitor" / "boston"
    texts = [
        (boston / f"baseline{number}_{name}.json").read_bytes() for name in ("statistics", "constraints")
    ]
    profile = statistics_file.read(texts[0], "statistics.json")
    verdict = judge(profile, profile, constraints_file.read(texts[1], "constraints.json"), mode)
    assert verdict.violations == ()
    assert [row.feature for row in verdict.features] == list(profile.columns)
    assert all(row.drift == 0 for row in verdict.features)
