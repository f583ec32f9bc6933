"""Model Monitor's own numbers and files, to the digit: a miniature of ours, and the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from baselines.quality import constraints, statistics, violations
from baselines.quality.analysis import analyze
from baselines.quality.constraints import Bound, Operator
from baselines.quality.measures import Measured
from baselines.quality.violations import Checked
from config.problem import ProblemType

BINARY = ProblemType.BINARY_CLASSIFICATION
PLACE = Path("model-monitor/model_quality")
PRINTED = {
    "accuracy": 0.9402985074626866,
    "recall": 0.5714285714285714,
    "precision": 1.0,
    "f1": 0.7272727272727273,
    "f2": 0.625,
    "true_positive_rate": 0.5714285714285714,
    "true_negative_rate": 1.0,
    "false_positive_rate": 0.0,
    "false_negative_rate": 0.4285714285714286,
    "accuracy_best_constant_classifier": 173 / 201,
    "recall_best_constant_classifier": 0.0,
}
CONFUSION = {"0": {"0": 173, "1": 0}, "1": {"0": 12, "1": 16}}


def churn() -> pl.DataFrame:
    """A miniature with the confusion matrix of the churn run: 173 rightly quiet, 12 missed, 16 found."""
    return pl.DataFrame(
        {
            "label": [0] * 173 + [1] * 28,
            "prediction": [0] * 185 + [1] * 16,
            "probability": [at / 400 for at in range(173)] + [0.2 + at / 40 for at in range(28)],
        }
    )


def test_the_confusion_matrix_of_the_churn_run_has_its_metrics_to_the_digit() -> None:
    found = analyze(churn(), BINARY)
    assert found.statistics.quality.confusion == CONFUSION
    assert {name: found.cloudwatch[name] for name in PRINTED} == PRINTED


def test_the_real_data_of_the_churn_run_gives_what_was_printed(golden: Path) -> None:
    frame = pl.read_csv(golden / PLACE / "validation_with_predictions.csv")
    found = analyze(frame, BINARY)
    assert found.statistics.item_count == 201
    assert found.statistics.quality.confusion == CONFUSION
    assert {name: found.cloudwatch[name] for name in PRINTED} == PRINTED
    assert found.cloudwatch["auc"] == 0.9395127993393898
    rounded = constraints.read((golden / PLACE / "binary_constraints_rounded.json").read_bytes(), "rounded")
    assert list(rounded.bounds) == list(found.constraints.bounds)
    for name, bound in found.constraints.bounds.items():
        assert rounded.bounds[name] == Bound(round(bound.threshold, 6), bound.operator)
    # and the file of violations names its thresholds in full
    for each in violations.read((golden / PLACE / "binary_constraint_violations.json").read_bytes(), "v"):
        metric = next(
            name for name in found.constraints.bounds if violations.camel_case(name) == each.metric_name
        )
        assert each.description.endswith(f"'{found.constraints.bounds[metric].threshold}'")


def test_every_real_violation_is_told_as_it_was(golden: Path) -> None:
    for name in ("binary", "regression"):
        text = (golden / PLACE / f"{name}_constraint_violations.json").read_bytes()
        given = violations.read(text, name)
        for each in given:
            value, rest = each.description.removeprefix(f"Metric {each.metric_name} with ").split(" +/- ")
            spread, rest = rest.split(" was ")
            operator, threshold = rest.split(" ")
            metric = "".join(f"_{c.lower()}" if c.isupper() else c for c in each.metric_name)
            bound = Bound(float(threshold.strip("'")), Operator(operator))
            checked = Checked(metric, Measured(float(value), float(spread)), bound)
            assert checked.violated
            assert checked.violation == each
        assert json.loads(violations.write(given)) == json.loads(text)


@pytest.mark.parametrize("name", ["binary_statistics.json", "regression_statistics.json"])
def test_every_real_statistics_file_is_written_as_it_was_read(golden: Path, name: str) -> None:
    text = (golden / PLACE / name).read_text()
    assert json.loads(statistics.write(statistics.read(text, name))) == json.loads(text)


def test_a_file_of_the_analyzer_comes_back_as_the_same_text(golden: Path) -> None:
    text = (golden / PLACE / "regression_statistics.json").read_text()
    assert statistics.write(statistics.read(text, "regression")) == text


def test_real_constraints_are_written_as_they_were_read(golden: Path) -> None:
    text = (golden / PLACE / "binary_constraints_rounded.json").read_text()
    assert json.loads(constraints.write(constraints.read(text, "rounded"))) == json.loads(text)


def test_the_run_whose_f0_5_was_never_reported() -> None:
    """1318 positives of which 151 were found, 499 negatives of which 65 were not: the churn run."""
    now = pl.DataFrame(
        {
            "label": [1] * 1318 + [0] * 499,
            "prediction": [1] * 151 + [0] * 1167 + [1] * 65 + [0] * 434,
        }
    )
    bounds = analyze(churn(), BINARY).constraints
    compat = analyze(now, BINARY, constraints=bounds, compat=True)
    correct = analyze(now, BINARY, constraints=bounds)
    values = {
        "precision": 0.6990740740740741,
        "recall": 0.11456752655538695,
        "accuracy": 0.3219592735277931,
        "f1": 0.196870925684485,
        "f2": 0.1375728862973761,
        "true_negative_rate": 0.8697394789579158,
        "false_positive_rate": 0.13026052104208416,
        "false_negative_rate": 0.8854324734446131,
    }
    assert {name: compat.cloudwatch[name] for name in values} == values
    said = {each.metric_name for each in compat.violations}
    silent = {each.metric_name for each in correct.violations} - said
    assert silent == {"f0_5"}
    assert len(compat.violations) == 9  # the tenth was auc, which wants probabilities
    # the printed spreads were 0.0045, 0.0074 and 0.0031: of samples without replacement
    spread = {name: each.standard_deviation for name, each in correct.statistics.quality.metrics.items()}
    assert 0.001 < spread["accuracy"] < 0.01
    assert 0.002 < spread["true_negative_rate"] < 0.015
