"""Every metric by hand, and what must hold for any answers and labels."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.quality.analysis import Analysis, analyze
from baselines.quality.measures import CURVE_POINTS, FEWEST
from baselines.quality.problem import QualityError, problem_of
from config.problem import ProblemType

REGRESSION = ProblemType.REGRESSION
BINARY = ProblemType.BINARY_CLASSIFICATION
MULTICLASS = ProblemType.MULTICLASS_CLASSIFICATION


def values(found: Analysis) -> dict[str, float]:
    return {name: each.value for name, each in found.statistics.quality.metrics.items()}


def of_classes(labels: list[object], predictions: list[object]) -> Analysis:
    frame = pl.DataFrame({"label": map(str, labels), "prediction": map(str, predictions)})
    return analyze(frame, MULTICLASS)


def test_a_regression() -> None:
    frame = pl.DataFrame({"label": [1.0, 4.0, 8.0], "prediction": [2.0, 4.0, 6.0]})
    found = values(analyze(frame, REGRESSION))
    assert found == {
        "mae": 1.0,
        "mse": pytest.approx(5 / 3),
        "rmse": pytest.approx(math.sqrt(5 / 3)),
        "r2": pytest.approx(1 - 5 / (74 / 3)),
    }


def test_two_classes() -> None:
    frame = pl.DataFrame({"label": [1, 1, 1, 0, 0], "prediction": [1, 1, 0, 1, 0]})
    found = values(analyze(frame, BINARY))
    assert found["recall"] == found["true_positive_rate"] == 2 / 3
    assert found["precision"] == 2 / 3
    assert found["accuracy"] == 3 / 5
    assert found["true_negative_rate"] == found["false_positive_rate"] == 1 / 2
    assert found["false_negative_rate"] == pytest.approx(1 / 3)
    assert found["f0_5"] == found["f1"] == found["f2"] == pytest.approx(2 / 3)
    # the best constant classifier says 1, of which 3 of 5 are
    assert found["recall_best_constant_classifier"] == 1
    assert found["precision_best_constant_classifier"] == found["accuracy_best_constant_classifier"] == 3 / 5
    assert found["f1_best_constant_classifier"] == pytest.approx(0.75)
    assert "auc" not in found  # without probabilities


def test_several_classes() -> None:
    labels = ["cat", "cat", "cat", "dog", "dog", "owl"]
    found = of_classes(list(labels), ["cat", "cat", "dog", "dog", "cat", "cat"])
    assert found.statistics.quality.confusion == {
        "cat": {"cat": 2, "dog": 1, "owl": 0},
        "dog": {"cat": 1, "dog": 1, "owl": 0},
        "owl": {"cat": 1, "dog": 0, "owl": 0},
    }
    metrics = values(found)
    assert metrics["accuracy"] == metrics["weighted_recall"] == 3 / 6
    assert metrics["weighted_precision"] == pytest.approx((3 * 2 / 4 + 2 * 1 / 2 + 1 * 0) / 6)
    f1 = [2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3), 2 * 0.5 * 0.5 / (0.5 + 0.5), 0]
    assert metrics["weighted_f1"] == pytest.approx((3 * f1[0] + 2 * f1[1]) / 6)
    assert metrics["accuracy_best_constant_classifier"] == 3 / 6
    assert metrics["weighted_precision_best_constant_classifier"] == pytest.approx(0.25)


def test_several_classes_are_never_all_0_where_answers_are_right() -> None:
    """Model Monitor printed 0.0 for every metric beside a right confusion matrix."""
    metrics = values(of_classes([0, 1, 2, 2], ["0.0", "1.0", "2.0", "2.0"]))
    assert {metrics[name] for name in metrics if "constant" not in name} == {1.0}


def test_one_class_has_one_name_however_it_is_written() -> None:
    found = of_classes([1, " 1.0", "01", "10", "a"], ["1", 1.0, "1e0", "1e1", " a "])
    assert list(found.statistics.quality.confusion) == ["1", "10", "a"]
    assert values(found)["accuracy"] == 1


def test_true_and_false_are_1_and_0_of_two_classes() -> None:
    frame = pl.DataFrame({"label": ["true", "False", "1"], "prediction": ["1", "0", "TRUE"]})
    assert values(analyze(frame, BINARY))["accuracy"] == 1


def test_a_positive_class_can_be_named() -> None:
    frame = pl.DataFrame({"label": ["yes", "no", "yes"], "probability": [0.9, 0.7, 0.4]})
    found = analyze(frame, BINARY, threshold=0.6, positive="yes")
    assert found.statistics.quality.confusion == {"no": {"no": 0, "yes": 1}, "yes": {"no": 1, "yes": 1}}
    assert values(found)["auc"] == 0.5


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_a_probability_above_the_threshold_is_positive(threshold: float) -> None:
    frame = pl.DataFrame({"label": [1, 0, 1], "probability": [0.3, 0.7, 1.0]})
    found = analyze(frame, BINARY, threshold=threshold).statistics.quality.confusion
    answered = sum(row["1"] for row in found.values())
    assert answered == sum(each > threshold for each in (0.3, 0.7, 1.0))


def test_what_nothing_is_known_of_is_no_number_and_no_violation() -> None:
    quiet = pl.DataFrame({"label": [0, 0, 0], "prediction": [0, 0, 0]})
    before = analyze(pl.DataFrame({"label": [1, 0], "prediction": [1, 0]}), BINARY)
    found = analyze(quiet, BINARY, constraints=before.constraints)
    assert math.isnan(values(found)["recall"])
    assert math.isnan(values(found)["precision"])
    assert found.violations == ()
    assert "recall" not in found.cloudwatch
    assert "recall" not in found.constraints.bounds


@pytest.mark.parametrize("size", [FEWEST - 1, FEWEST])
def test_a_spread_wants_200_records(size: int) -> None:
    frame = pl.DataFrame({"label": [at % 7 for at in range(size)], "prediction": [3] * size})
    spreads = [
        each.standard_deviation for each in analyze(frame, REGRESSION).statistics.quality.metrics.values()
    ]
    assert all(math.isnan(each) for each in spreads) is (size < FEWEST)
    text = analyze(frame, REGRESSION).files()["statistics.json"]
    assert ('"standard_deviation" : "NaN"' in text) is (size < FEWEST)


def test_a_curve_of_many_scores_is_thinned_and_its_area_is_not() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    labels = (rng.random(20_000) < scores).astype(int)
    frame = pl.DataFrame({"label": labels, "probability": scores})
    found = analyze(frame, BINARY)
    roc = found.statistics.quality.roc
    assert roc is not None
    assert roc.x.size == CURVE_POINTS
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert values(found)["auc"] == pytest.approx(5 / 6, abs=0.01)  # E of P(score⁺ > score⁻) by integration


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=60))
def test_auc_is_the_share_of_pairs_in_the_right_order(records: list[tuple[bool, int]]) -> None:
    frame = pl.DataFrame(
        {"label": [int(label) for label, _ in records], "probability": [score / 6 for _, score in records]}
    )
    positives = [score for label, score in records if label]
    negatives = [score for label, score in records if not label]
    auc = values(analyze(frame, BINARY))["auc"]
    if not positives or not negatives:
        assert math.isnan(auc)
        return
    won = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    assert auc == pytest.approx(won / (len(positives) * len(negatives)))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=60))
def test_weighted_metrics_are_the_classes_own_by_definition(records: list[tuple[str, str]]) -> None:
    found = values(of_classes([label for label, _ in records], [answer for _, answer in records]))
    total = dict.fromkeys(("recall", "precision", "f2"), 0.0)
    for name in "abcd":
        labelled = sum(label == name for label, _ in records)
        answered = sum(answer == name for _, answer in records)
        hit = sum(label == answer == name for label, answer in records)
        recall, precision = hit / labelled if labelled else 0, hit / answered if answered else 0
        f2 = 5 * precision * recall / (4 * precision + recall) if hit else 0
        for metric, value in (("recall", recall), ("precision", precision), ("f2", f2)):
            total[metric] += labelled * value / len(records)
    assert {name: found[f"weighted_{name}"] for name in total} == pytest.approx(total)
    assert found["accuracy"] == pytest.approx(found["weighted_recall"])


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.floats(0, 1)), min_size=1, max_size=300), st.randoms())
def test_the_order_of_records_changes_no_value(records: list[tuple[int, float]], shuffler: object) -> None:
    frame = pl.DataFrame(records, schema=["label", "probability"], orient="row")
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=3)
    assert values(analyze(frame, BINARY)) == pytest.approx(values(analyze(mixed, BINARY)), nan_ok=True)


def test_records_that_lack_a_side_are_left_out_and_counted() -> None:
    frame = pl.DataFrame({"label": ["1", None, "x", "4"], "prediction": ["2", "5", "3", "nan"]})
    found = analyze(frame, REGRESSION)
    assert (found.left_out, found.statistics.item_count) == (3, 1)


@pytest.mark.parametrize(
    ("columns", "problem", "said"),
    [
        ({"prediction": [1]}, REGRESSION, "no ground truth"),
        ({"label": [1]}, REGRESSION, "no prediction"),
        ({"label": [1]}, BINARY, "neither a prediction nor a probability"),
        ({"label": [1], "probability": [0.5]}, MULTICLASS, "no prediction"),
        ({"label": ["a", "b"], "prediction": ["a", "b"]}, BINARY, "name the positive one"),
        ({"label": [0, 1, 2], "prediction": [0, 1, 2]}, BINARY, "multiclass_classification"),
        ({"label": [None], "prediction": [1.0]}, REGRESSION, "none of the 1 records"),
        ({"label": ["?"], "prediction": [1.0]}, REGRESSION, "none of the 1 records"),
    ],
)
def test_what_no_quality_can_be_measured_by(
    columns: dict[str, list[object]], problem: ProblemType, said: str
) -> None:
    with pytest.raises(QualityError, match=said):
        analyze(pl.DataFrame(columns), problem)


def test_texts_that_are_no_classes_are_refused_before_they_fill_the_memory() -> None:
    texts = [f"text {at}" for at in range(200_000)]
    with pytest.raises(QualityError, match="200000 classes are answered or labelled"):
        analyze(pl.DataFrame({"label": texts, "prediction": texts}), MULTICLASS)


def test_more_than_two_classes_beside_a_named_positive_one() -> None:
    frame = pl.DataFrame({"label": ["a", "b", "c"], "prediction": ["a", "a", "a"]})
    with pytest.raises(QualityError, match="2 classes are answered or labelled beside"):
        analyze(frame, BINARY, positive="a")


def test_constraints_of_another_problem_type_are_refused() -> None:
    other = analyze(pl.DataFrame({"label": [1, 2], "prediction": [1, 2]}), REGRESSION).constraints
    with pytest.raises(QualityError, match="can't be held against"):
        analyze(pl.DataFrame({"label": [1, 0], "prediction": [1, 0]}), BINARY, constraints=other)


@pytest.mark.parametrize("said", ["BinaryClassification", "binary_classification", "BINARY_CLASSIFICATION"])
def test_a_problem_type_is_known_by_each_of_its_names(said: str) -> None:
    assert problem_of(said) is BINARY


def test_a_problem_type_that_is_none() -> None:
    with pytest.raises(QualityError, match="'ranking' is no problem type"):
        problem_of("ranking")
