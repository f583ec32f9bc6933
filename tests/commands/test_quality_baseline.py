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
    assert (ran.status, ran.err) == (0, "1 record left out for want of an answer or a label\n")
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


def quality(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.csv").write_text(text)
    given = ("--inference-attribute", "answer", "--ground-truth-attribute", "label", "--output", name)
    ran = kedge("baseline", "create", f"{name}.csv", "--problem-type", "BinaryClassification", *given)
    assert ran.status == 0, ran.err


def test_two_of_them_are_told_apart_metric_by_metric(folder: Path) -> None:
    quality(folder, "old", "label,answer\n1,1\n1,0\n0,0\n0,0\n")
    quality(folder, "new", "label,answer\n1,1\n1,1\n0,0\n0,1\n0,0\n")
    ran = kedge("baseline", "diff", "old", "new")
    assert (ran.status, ran.err) == (0, "")
    told = ran.out.splitlines()
    assert told[0].startswith("4 records → 5; binary_classification, ")
    assert told[1] == "recall  0.5 → 1; threshold 0.5 (LessThanThreshold) → 1 (LessThanThreshold)"
    found = json.loads(kedge("baseline", "diff", "old", "new", "--json").out)
    (accuracy,) = (each for each in found["metrics"] if each["name"] == "accuracy")
    assert accuracy["value"] == accuracy["threshold"] == {"old": 0.75, "new": 0.8}
    same = kedge("baseline", "diff", "old", "old").out.splitlines()
    assert same[1] == "recall  0.5, the same"
    assert not any("→" in line for line in same[1:])


def test_one_of_data_or_of_another_kind_of_model_is_not_compared_with_it(folder: Path) -> None:
    quality(folder, "old", "label,answer\n1,1\n1,0\n0,0\n0,0\n")
    assert kedge("baseline", "create", "old.csv", "--output", "data").status == 0
    given = ("--inference-attribute", "answer", "--ground-truth-attribute", "label", "--output", "numbers")
    assert kedge("baseline", "create", "old.csv", "--problem-type", "Regression", *given).status == 0
    mixed = kedge("baseline", "diff", "data", "old").sentence
    assert mixed.endswith(" one of data: give two of a kind")
    other = kedge("baseline", "diff", "old", "numbers").sentence
    assert "is of a binary_classification and " in other
    assert other.endswith("of a regression: give two baselines of one kind of model")
