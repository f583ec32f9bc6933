"""`kedge baseline create --problem-type`: a baseline of what a model answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.line import kedge

SCORED = "label,answer,probability\n1,1,0.9\n1,0,0.4\n0,0,0.1\n0,0,0.2\n0,1,0.7\n"
NAMED = ("--ground-truth-attribute", "label", "--output", "made")


def made(folder: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "made" / name).read_text())
    return found


@pytest.fixture
def scored(folder: Path) -> Path:
    (folder / "scored.csv").write_text(SCORED)
    return folder


@pytest.mark.parametrize("spelt", ["BinaryClassification", "binary_classification"])
def test_two_classes(scored: Path, spelt: str) -> None:
    given = ("--problem-type", spelt, "--inference-attribute", "answer", "--probability-attribute")
    ran = kedge("baseline", "create", "scored.csv", *given, "probability", *NAMED)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("5 records, 11 constraints, written to made\n")
    assert sorted(each.name for each in (scored / "made").iterdir()) == [
        "constraints.json",
        "statistics.json",
    ]
    metrics = made(scored, "statistics.json")["binary_classification_metrics"]
    assert isinstance(metrics, dict)
    assert metrics["confusion_matrix"] == {"0": {"0": 2, "1": 1}, "1": {"0": 1, "1": 1}}
    assert metrics["auc"] == {"value": pytest.approx(5 / 6), "standard_deviation": "NaN"}


def test_a_threshold_tells_the_class_where_no_answer_does(scored: Path) -> None:
    given = ("--problem-type", "BinaryClassification", "--probability-attribute", "probability")
    ran = kedge(
        "baseline",
        "create",
        "scored.csv",
        *given,
        "--probability-threshold-attribute",
        "0.3",
        *NAMED,
        "--json",
    )
    assert ran.status == 0, ran
    found = json.loads(ran.out)
    assert (found["records"], found["left_out"]) == (5, 0)
    assert found["metrics"]["recall"] == 1
    assert found["metrics"]["precision"] == pytest.approx(2 / 3)


def test_columns_by_position(folder: Path) -> None:
    (folder / "scored.csv").write_text("1.5,1\n2.5,2\n4,4\n")
    ran = kedge(
        *("baseline", "create", "scored.csv", "--no-header", "--problem-type", "Regression"),
        *("--inference-attribute", "0", "--ground-truth-attribute", "_c1", "--output", "made"),
    )
    assert ran.status == 0, ran
    assert list(made(folder, "constraints.json")["regression_constraints"]) == ["mae", "mse", "rmse", "r2"]  # type: ignore[call-overload]


def test_records_without_a_label_are_told(folder: Path) -> None:
    (folder / "scored.csv").write_text("label,answer\na,a\n,b\nc,b\n")
    ran = kedge(
        *("baseline", "create", "scored.csv", "--problem-type", "MulticlassClassification"),
        *("--inference-attribute", "answer", *NAMED),
    )
    assert (ran.status, ran.err) == (0, "1 records lack an answer or a label and were left out\n")
    assert "2 records, 6 constraints" in ran.out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--problem-type", "regression", "--inference-attribute", "nowhere"), "has no column 'nowhere'"),
        (("--problem-type", "regression"), "scored.csv: there is no prediction"),
        (("--problem-type", "binary_classification"), "neither a prediction nor a probability"),
    ],
)
def test_columns_that_are_not_there(scored: Path, given: tuple[str, ...], said: str) -> None:
    assert said in kedge("baseline", "create", "scored.csv", *given, *NAMED).sentence
    assert not (scored / "made").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--problem-type", "ranking", "--ground-truth-attribute", "label"), "no problem type"),
        (("--problem-type", "regression"), "--ground-truth-attribute"),
        (("--inference-attribute", "answer", "--ground-truth-attribute", "label"), "--problem-type"),
    ],
)
def test_options_that_do_not_go_together(scored: Path, given: tuple[str, ...], said: str) -> None:
    ran = kedge("baseline", "create", "scored.csv", *given, "--output", "made")
    assert ran.status == 2
    assert said in ran.err
