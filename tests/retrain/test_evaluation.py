"""A workflow's own evaluation: both of its shapes, the records behind it, and what two of them say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.problem import ProblemType
from retrain.evaluation import (
    Evaluation,
    EvaluationError,
    Records,
    Splits,
    answers,
    compare,
    read,
    records_of,
    splits,
    with_records,
)

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40)


def stated(rmse: float, uri: str = "s3://b/evaluation.json") -> Evaluation:
    return Evaluation(uri, {"rmse": rmse})


def drawn(error: float, *, seed: int, size: int = 400, uri: str = "") -> Evaluation:
    """A model that errs so far on records of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(10, 3, size)
    found = json.dumps(
        {"GroundTruth": labels.tolist(), "Predictions": (labels + rng.normal(0, error, size)).tolist()}
    )
    return read(found.encode(), uri or f"s3://b/{seed}.json")


def test_what_is_nested_too_deep_is_no_evaluation() -> None:
    with pytest.raises(EvaluationError, match=r"s3://b/e\.json is no JSON object"):
        read(b"[" * 100_000, "s3://b/e.json")


def test_a_number_that_no_double_holds_is_left_out() -> None:
    found = read(json.dumps({"rmse": 10**400, "mae": {"value": 1}}).encode(), "s3://b/e.json")
    assert found.metrics == {"mae": 1.0}


@given(PAIRS)
def test_metrics_are_computed_of_ground_truth_and_predictions(pairs: list[tuple[float, float]]) -> None:
    truth, predicted = ([pair[at] for pair in pairs] for at in (0, 1))
    found = read(json.dumps({"GroundTruth": truth, "Predictions": predicted}).encode(), "s3://b/e.json")
    off = np.subtract(predicted, truth)
    assert found.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(off**2)))
    assert found.metrics["mae"] == pytest.approx(np.mean(np.abs(off)))
    assert found.records is not None
    assert found.records.labels.tolist() == truth


def test_a_networks_answers_may_be_lists_of_one_number() -> None:
    found = read(b'{"GroundTruth": [1, 2], "Predictions": [[1.5], [2.5]]}', "s3://b/e.json")
    assert found.metrics["rmse"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "content",
    [
        {"GroundTruth": [1], "Predictions": [1, 2]},
        {"GroundTruth": [], "Predictions": []},
        {"GroundTruth": ["a"], "Predictions": [1]},
        {"GroundTruth": [None], "Predictions": [1]},
        {"GroundTruth": [1, 2], "Predictions": [[1], [2, 3]]},
        {"GroundTruth": 3, "Predictions": {"a": 1}},
        {"GroundTruth": [10**400], "Predictions": [1]},
        [],
        "rmse",
    ],
)
def test_what_is_no_evaluation_is_told_with_its_address(content: Any) -> None:
    with pytest.raises(EvaluationError, match=r"s3://b/e\.json"):
        read(json.dumps(content).encode(), "s3://b/e.json")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_evaluation_or_told(data: bytes) -> None:
    try:
        found = read(data, "s3://b/e.json")
    except EvaluationError:
        return
    assert all(np.isfinite(value) for value in found.metrics.values())


def test_a_baseline_csv_gives_its_records_and_leaves_out_what_is_no_number() -> None:
    found = records_of(answers(b"label,prediction\n1,2\n,3\nx,4\n5,6\n", "s3://b/baseline.csv"))
    assert (found.labels.tolist(), found.predictions.tolist()) == ([1, 5], [2, 6])


@pytest.mark.parametrize("data", [b"", b"rings\n1\n", b"prediction,label\n", b"prediction,label\n1,x\n"])
def test_a_baseline_csv_that_is_none_is_told(data: bytes) -> None:
    with pytest.raises(EvaluationError, match=r"s3://b/baseline\.csv"):
        answers(data, "s3://b/baseline.csv")


def test_an_evaluation_of_classes_is_read_as_it_is_stated() -> None:
    told = b'{"binary_classification_metrics": {"f1": {"value": 0.5}, "confusion_matrix": {"0": {"0": 1}}}}'
    found = read(told, "s3://b/e.json", ProblemType.BINARY_CLASSIFICATION)
    assert (dict(found.metrics), found.records) == ({"f1": 0.5}, None)
    with pytest.raises(EvaluationError, match="of numbers alone: write multiclass_classification_metrics"):
        read(
            b'{"GroundTruth": [1], "Predictions": [1]}',
            "s3://b/e.json",
            ProblemType.MULTICLASS_CLASSIFICATION,
        )


def test_answers_of_classes_keep_their_names_and_leave_out_what_lacks_a_side() -> None:
    data = b"prediction,probability,label\nyes,0.9,yes\nno,,no\n,0.1,no\nno,0.2,01\n"
    columns = {"prediction": "prediction", "probability": "probability"}
    found = answers(data, "s3://b/baseline.csv", columns, ProblemType.BINARY_CLASSIFICATION)
    assert found.rows() == [("yes", 0.9, "yes"), ("no", 0.2, "01")]
    with pytest.raises(EvaluationError, match="no CSV with the header prediction,probability,label"):
        answers(b"prediction,label\n1,1\n", "s3://b/b.csv", columns, ProblemType.BINARY_CLASSIFICATION)


def test_records_of_another_model_are_not_taken_for_the_evaluations_own() -> None:
    records = Records(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    assert with_records(stated(1.0), records).records is records
    assert with_records(stated(1.5), records).records is None


def test_the_splits_are_told_by_their_labels() -> None:
    one, other = drawn(1.0, seed=1), drawn(1.0, seed=2)
    assert splits(one, other) is Splits.DIFFERENT
    assert splits(one, drawn(2.0, seed=1, uri="s3://b/again.json")) is Splits.SAME
    assert splits(one, stated(1.0)) is Splits.UNKNOWN


def test_on_different_records_the_interval_knows_both_sides() -> None:
    """Against the standard error of two rmses, each near sigma / sqrt(2 n)."""
    trial = compare(drawn(2.0, seed=1, size=2000), drawn(2.0, seed=2, size=500), "rmse")
    assert trial is not None
    assert trial.low < 0 < trial.high
    expected = 2 * 1.96 * 2.0 * np.sqrt(1 / 4000 + 1 / 1000)
    assert trial.high - trial.low == pytest.approx(expected, rel=0.15)
    assert trial.count == 500


def test_records_whose_error_is_beyond_numbers_are_not_those_of_an_evaluation() -> None:
    records = records_of(answers(b"prediction,label\n1e200,1\n2,2\n", "baseline.csv"))
    assert with_records(stated(2.0), records) == stated(2.0)


def test_on_the_same_records_the_difference_is_paired() -> None:
    rng = np.random.default_rng(4)
    labels, hard = rng.normal(10, 3, 400), rng.normal(0, 2, 400)
    one, other = (
        Evaluation(f"s3://b/{scale}.json", {"rmse": float(scale)}, Records(labels, labels + hard * scale))
        for scale in (1.0, 0.97)
    )
    trial = compare(one, other, "rmse")
    assert trial is not None
    assert trial.high < 0, "three percent are seen where what is hard for both cancels out"
    apart = compare(drawn(2.0, seed=1), drawn(1.94, seed=2), "rmse")
    assert apart is not None
    assert apart.low < 0 < apart.high


def test_bare_numbers_have_no_interval_and_no_count() -> None:
    trial = compare(stated(2.4), stated(2.1), "rmse")
    assert trial is not None
    assert [trial.difference, trial.low, trial.high] == pytest.approx([-0.3, -0.3, -0.3])
    assert trial.count == 0
    assert compare(stated(2.4), stated(2.1), "mae") is None
