"""`kedge demo` plays the whole story: quiet while the world is, drift found soon after it moved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

KEYS = [
    "seed", "rows_per_window", "shift_sd", "windows", "quiet_windows_before_drift", "false_alarms",
    "windows_to_detect", "drifted_features", "champion_rmse_before", "champion_rmse_after", "retraining_runs",
    "outcome", "challenger_rmse", "model_package", "endpoint_config", "baseline_version", "quiet_after",
    "seconds",
]  # fmt: skip
RETRAINING = ["retraining_runs", "outcome", "challenger_rmse", "model_package", "quiet_after"]


def kedge(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from commands import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A short story's export, and what it printed."""
    folder = tmp_path_factory.mktemp("story") / "export"
    told = kedge(
        "demo", "--once", "--seed", "11", "--windows", "4", "--shifted", "4", "--rows", "220",
        "--export", str(folder),
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return folder, told.stdout


def test_it_ends_with_one_line_of_json_with_every_key(exported: tuple[Path, str]) -> None:
    summary: dict[str, Any] = json.loads(exported[1].splitlines()[-1])
    assert list(summary) == KEYS
    assert [summary[key] for key in RETRAINING] == [None] * len(RETRAINING)
    assert (summary["seed"], summary["rows_per_window"], summary["shift_sd"]) == (11, 220, 1.0)
    assert (summary["windows"], summary["quiet_windows_before_drift"], summary["false_alarms"]) == (8, 4, 0)
    assert summary["windows_to_detect"] in (1, 2, 3)
    assert summary["champion_rmse_after"] > 1.1 * summary["champion_rmse_before"]
    assert "length" in summary["drifted_features"]
    assert summary["baseline_version"] == 1
    assert 0 < summary["seconds"] < 280


def test_it_tells_the_story_in_words_before(exported: tuple[Path, str]) -> None:
    said = exported[1]
    assert "The dashboard: http://127.0.0.1:" in said
    assert "4 windows before the shift of 1.0 standard deviations: 0 false alarms." in said
    assert "Drift found in window " in said
    assert "rings before" in said


def test_a_check_on_the_export_finds_the_drift(exported: tuple[Path, str], tmp_path: Path) -> None:
    folder = exported[0]
    found = kedge(
        "check", "--capture", str(folder / "capture"), "--baseline", str(folder / "baseline"),
        "--start", "2026-05-04T04:00", "--output", str(tmp_path), "--fail-on-violations",
    )  # fmt: skip
    assert found.returncode == 3, found.stderr
    assert "880 records" in found.stdout
    violations = json.loads((tmp_path / "constraint_violations.json").read_text())["violations"]
    assert {"length", "rings"} <= {each["feature_name"] for each in violations}
    assert {each["constraint_check_type"] for each in violations} == {"baseline_drift_check"}


def test_a_check_on_the_quiet_hours_finds_nothing(exported: tuple[Path, str]) -> None:
    folder = exported[0]
    found = kedge(
        "check", "--capture", str(folder / "capture"), "--baseline", str(folder / "baseline"),
        "--end", "2026-05-04T04:00", "--fail-on-violations",
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert "880 records" in found.stdout


def test_the_export_holds_training_data_and_labels(exported: tuple[Path, str]) -> None:
    folder = exported[0]
    assert (folder / "survey.csv").read_text().startswith("sex,length")
    assert (folder / "baseline.csv").read_text().startswith("rings,length")
    labels = [file.read_text() for file in (folder / "ground-truth").rglob("*.jsonl")]
    assert sum(text.count("\n") for text in labels) == 8 * 220


def test_data_that_is_not_there_is_one_sentence() -> None:
    refused = kedge("demo", "--once", "--data", "/nowhere/abalone.csv")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "/nowhere/abalone.csv" in refused.stderr
