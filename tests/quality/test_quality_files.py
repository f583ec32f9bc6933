"""The three files come back as they were written, and a wrong one is told where it is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from baselines.quality import constraints, statistics, violations
from baselines.quality.analysis import Analysis, analyze
from baselines.quality.problem import QualityError
from config.problem import ProblemType

FRAMES = {
    ProblemType.REGRESSION: pl.DataFrame(
        {"label": range(300), "prediction": [each + 0.5 for each in range(300)]}
    ),
    ProblemType.BINARY_CLASSIFICATION: pl.DataFrame(
        {"label": [at % 2 for at in range(300)], "probability": [(at * 7 % 10) / 10 for at in range(300)]}
    ),
    ProblemType.MULTICLASS_CLASSIFICATION: pl.DataFrame(
        {"label": [f"c{at % 3}" for at in range(300)], "prediction": [f"c{at % 4}" for at in range(300)]}
    ),
}


def analysis(problem: ProblemType) -> Analysis:
    before = analyze(FRAMES[problem], problem)
    at = datetime(2026, 3, 2, 12, 30, 1, 250_000, tzinfo=UTC)
    worse = FRAMES[problem].with_columns(label=pl.col("label").reverse())
    return analyze(worse, problem, constraints=before.constraints, evaluation_time=at)


@pytest.mark.parametrize("problem", ProblemType)
def test_what_is_written_is_what_is_read(problem: ProblemType) -> None:
    files = analysis(problem).files()
    assert list(files) == ["statistics.json", "constraints.json", "constraint_violations.json"]
    for (name, text), module in zip(files.items(), (statistics, constraints, violations), strict=True):
        assert module.write(module.read(text, name)) == text
        json.loads(text)


@pytest.mark.parametrize("problem", ProblemType)
def test_the_same_records_give_the_same_files(problem: ProblemType) -> None:
    assert analysis(problem).files() == analysis(problem).files()


def test_the_layout_of_statistics_is_model_monitors() -> None:
    text = analysis(ProblemType.REGRESSION).files()["statistics.json"]
    assert text.startswith(
        '{\n  "version" : 0.0,\n  "dataset" : {\n    "item_count" : 300,\n'
        '    "evaluation_time" : "2026-03-02T12:30:01.250Z"\n  },\n'
        '  "regression_metrics" : {\n    "mae" : {\n'
        '      "value" : '
    )


def test_the_order_of_two_classes_is_that_of_the_documentation() -> None:
    text = analysis(ProblemType.BINARY_CLASSIFICATION).files()["statistics.json"]
    assert list(json.loads(text)["binary_classification_metrics"]) == [
        "confusion_matrix",
        "recall",
        "precision",
        "accuracy",
        "recall_best_constant_classifier",
        "precision_best_constant_classifier",
        "accuracy_best_constant_classifier",
        "true_positive_rate",
        "true_negative_rate",
        "false_positive_rate",
        "false_negative_rate",
        "receiver_operating_characteristic_curve",
        "precision_recall_curve",
        "auc",
        "f0_5",
        "f1",
        "f2",
        "f0_5_best_constant_classifier",
        "f1_best_constant_classifier",
        "f2_best_constant_classifier",
    ]


def test_a_violation_is_told_in_model_monitors_words() -> None:
    found = analysis(ProblemType.REGRESSION).violations
    assert [each.metric_name for each in found] == ["mae", "mse", "rmse", "r2"]
    first = found[0]
    assert first.constraint_check_type == "GreaterThanThreshold"
    assert first.description.startswith("Metric mae with ")
    assert " +/- " in first.description
    assert first.description.endswith(" was GreaterThanThreshold '0.5'")


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("auc", "auc"),
        ("true_positive_rate", "truePositiveRate"),
        ("f0_5", "f0_5"),
        ("weighted_f0_5", "weightedF0_5"),
        ("weighted_recall", "weightedRecall"),
    ],
)
def test_a_metric_is_in_camel_case(metric: str, said: str) -> None:
    assert violations.camel_case(metric) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "s.json is not a statistics.json: line 1"),
        ("[]", "it is not a JSON object"),
        ("{}", "it has none of regression_metrics"),
        ('{"regression_metrics": {"mae": 3}}', "regression_metrics.mae must be an object"),
        ('{"regression_metrics": {"mae": {"value": "a"}}}', "regression_metrics.mae.value must be a number"),
        (
            '{"dataset": {"evaluation_time": "noon"}, "regression_metrics": {}}',
            "dataset.evaluation_time must be a time",
        ),
        (
            '{"binary_classification_metrics": {"precision_recall_curve": '
            '{"recalls": [1], "precisions": []}}}',
            "lists of the same length",
        ),
    ],
)
def test_statistics_that_are_none(text: str, said: str) -> None:
    with pytest.raises(QualityError) as told:
        statistics.read(text, "s.json")
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "c.json is not a constraints.json: line 1"),
        ('{"features": []}', "it has none of regression_constraints"),
        (
            '{"regression_constraints": {"mae": {"threshold": 1, "comparison_operator": "Near"}}}',
            "must be one of LessThanThreshold, GreaterThanThreshold",
        ),
    ],
)
def test_constraints_that_are_none(text: str, said: str) -> None:
    with pytest.raises(QualityError) as told:
        constraints.read(text, "c.json")
    assert said in str(told.value)


def test_violations_that_are_none() -> None:
    with pytest.raises(QualityError, match=r"v\.json is not a model-quality constraint_violations.json"):
        violations.read('{"violations": [{"metric_name": "auc"}]}', "v.json")
    with pytest.raises(QualityError, match="line 1"):
        violations.read("{", "v.json")
