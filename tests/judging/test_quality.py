"""Realised quality, with intervals that hold the truth as often as they say."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.quality import curves
from baselines.quality.pairs import Choices, Floats
from config.problem import ProblemType
from monitor import quality
from monitor.quality import classification, regression
from store.records import MetricRow

NUMBERS = st.integers(-(10**9), 10**9).map(lambda thousandths: thousandths / 1000)


def measured(predictions: list[float] | Floats, labels: list[float] | Floats) -> dict[str, MetricRow]:
    rows = regression(np.asarray(predictions, np.float64), np.asarray(labels, np.float64), seed=1)
    return {row.name: row for row in rows}


def test_by_hand() -> None:
    found = measured([2, 4, 6], [1, 4, 8])
    assert found["mae"].value == 1.0  # (1 + 0 + 2) / 3
    assert found["rmse"].value == pytest.approx(math.sqrt(5 / 3))  # (1 + 0 + 4) / 3
    assert found["r2"].value == pytest.approx(1 - 5 / (74 / 3))  # labels 1, 4, 8 about their mean 13/3
    assert {row.count for row in found.values()} == {3}


def test_a_perfect_model() -> None:
    found = measured([1, 2, 3], [1, 2, 3])
    assert [found[name].value for name in ("mae", "rmse", "r2")] == [0, 0, 1]
    assert (found["rmse"].low, found["rmse"].high) == (0, 0)


def test_pairs_that_lack_a_side_are_left_out() -> None:
    whole = measured([1, 2, 4], [2, 2, 2])
    nan, inf = math.nan, math.inf
    assert measured([1, nan, 2, 9, 4, inf], [2, 5, 2, nan, 2, 3]) == whole
    assert measured([nan, 1], [1, nan]) == {}
    assert measured([], []) == {}


def test_one_pair_has_no_interval() -> None:
    found = measured([1], [3])
    assert found["rmse"] == MetricRow("rmse", 2.0, None, None, 1)
    assert found["r2"] == MetricRow("r2", None, None, None, 1)


@pytest.mark.parametrize("label", [0.1, 7.0, 1e9 + 0.1])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_equal_labels_leave_nothing_to_explain(label: float, count: int) -> None:
    found = measured([label + 1] * count, [label] * count)
    assert (found["r2"].value, found["r2"].low, found["r2"].high) == (None, None, None)
    assert found["mae"].value == pytest.approx(1, abs=1e-6)


def test_a_metric_beyond_what_a_double_holds_is_none() -> None:
    found = measured([1e300, -1e300, 1.0], [-1e300, 1e300, 1.0])
    assert found["rmse"].value is None
    assert found["mae"].value is not None
    assert all(
        bound is None or math.isfinite(bound) for row in found.values() for bound in (row.low, row.high)
    )


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=50),
    st.integers(0, 2**32 - 1),
)
def test_the_metrics_are_ordered_and_reproducible(pairs: list[tuple[float, float]], seed: int) -> None:
    predictions, labels = (np.array(side) for side in zip(*pairs, strict=True))
    found = regression(predictions, labels, seed)
    assert found == regression(predictions, labels, seed)
    mae, r2, rmse = found
    assert mae.value is not None
    assert rmse.value is not None
    assert 0 <= mae.value <= rmse.value * (1 + 1e-12)
    assert r2.value is None or r2.value <= 1
    for row in found:
        assert (row.low is None) == (row.high is None)
        if row.low is not None and row.high is not None:
            assert row.low <= row.high


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator, sigma, tries = np.random.default_rng(5), 2.0, 200
    held = {"rmse": 0, "mae": 0}
    truth = {"rmse": sigma, "mae": sigma * math.sqrt(2 / math.pi)}
    for seed in range(tries):
        labels = generator.normal(10, 3, 300)
        found = regression(labels + generator.normal(0, sigma, 300), labels, seed)
        for row in found:
            if row.name in held and row.low is not None and row.high is not None:
                held[row.name] += row.low <= truth[row.name] <= row.high
    # 95 % of 200 is 190; a coverage of 95 % leaves these bounds less than once in a thousand times
    assert all(177 <= count <= 199 for count in held.values())


def test_more_pairs_give_narrower_intervals_and_memory_stays_flat() -> None:
    generator = np.random.default_rng(6)
    widths = []
    for count in (100, 1600, 25_600):
        labels = generator.normal(size=count)
        rmse = regression(labels + generator.normal(size=count), labels, 1)[2]
        assert rmse.low is not None
        assert rmse.high is not None
        widths.append(rmse.high - rmse.low)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


@pytest.fixture(scope="module")
def many() -> tuple[Floats, Floats]:
    """Labels and errors with heavy tails, in the order of the labels."""
    rng = np.random.default_rng(3)
    labels = np.sort(rng.normal(10.0, 3.0, 60_000))
    return labels, rng.standard_t(5, labels.size)


def test_of_many_pairs_the_intervals_are_as_wide_as_theory_says(many: tuple[Floats, Floats]) -> None:
    labels, errors = many
    found = measured(labels + errors, labels)
    for name, values in {"mae": np.abs(errors), "mse": errors**2}.items():
        half = 1.96 * float(values.std()) / math.sqrt(values.size)
        row = found["mae"] if name == "mae" else found["rmse"]
        assert row.value is not None
        assert row.low is not None
        assert row.high is not None
        width = row.high - row.low if name == "mae" else row.high**2 - row.low**2
        assert width == pytest.approx(2 * half, rel=0.15)
        assert row.low < row.value < row.high
    assert found["r2"] == measured(labels + errors, labels)["r2"]


def test_of_many_pairs_the_intervals_are_those_of_the_few(
    many: tuple[Floats, Floats], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, errors = many
    by_groups = measured(labels + errors, labels)
    monkeypatch.setattr(quality, "MANY", labels.size)
    one_by_one = measured(labels + errors, labels)
    for name, row in one_by_one.items():
        assert row.low is not None
        assert row.high is not None
        assert row.value == by_groups[name].value
        width = row.high - row.low
        assert by_groups[name].low == pytest.approx(row.low, abs=width / 5)
        assert by_groups[name].high == pytest.approx(row.high, abs=width / 5)


def test_a_million_pairs_take_no_minutes() -> None:
    rng = np.random.default_rng(3)
    labels = rng.normal(10.0, 3.0, 1_000_000)
    began = time.process_time()
    found = measured(labels + rng.normal(0, 1, labels.size), labels)
    assert time.process_time() - began < 20
    assert found["rmse"].value == pytest.approx(1.0, abs=0.01)


def test_many_equal_labels_leave_nothing_to_explain_either() -> None:
    count = 30_000
    found = measured(np.linspace(0, 1, count), np.full(count, 0.1))
    assert (found["r2"].value, found["r2"].low, found["r2"].high) == (None, None, None)
    assert found["rmse"].low is not None


def of_classes(labels: Floats, predictions: Floats, scores: Floats | None, seed: int) -> dict[str, MetricRow]:
    """Two classes, by 0 and 1."""
    codes = (predictions.astype(np.intp), labels.astype(np.intp))
    rows = classification(Choices(("0", "1"), *codes, scores, 1), ProblemType.BINARY_CLASSIFICATION, seed)
    return {row.name: row for row in rows}


def test_intervals_of_classes_hold_the_truth_as_often_as_they_say() -> None:
    """A model that finds 7 of 10 positives, 300 times over: its intervals hold 0.7 in about 95 of 100."""
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(300):
        labels = (rng.random(400) < 0.5).astype(np.float64)
        answers = np.where(rng.random(400) < 0.7, labels, 1 - labels)
        row = of_classes(labels, answers, None, seed)["recall"]
        assert row.low is not None
        assert row.high is not None
        held += row.low <= 0.7 <= row.high
    assert 0.91 < held / 300 < 0.985


def test_the_interval_of_an_area_is_as_wide_as_resampled_records_make_it() -> None:
    rng = np.random.default_rng(6)
    labels = (rng.random(3000) < 0.3).astype(np.float64)
    scores = rng.normal(labels, 1.0)
    row = of_classes(labels, labels, scores, 1)["auc"]
    drawn = []
    for _ in range(200):
        at = rng.integers(0, 3000, 3000)
        drawn.append(float(curves.auc(curves.tally(scores[at], labels[at].astype(np.intp)))))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row.low == pytest.approx(low, abs=0.006)
    assert row.high == pytest.approx(high, abs=0.006)


def test_metrics_of_classes_come_by_name_and_the_same_again() -> None:
    labels, answers = np.array([1.0, 0, 1, 0]), np.array([1.0, 0, 0, 0])
    found = of_classes(labels, answers, np.array([0.9, 0.1, 0.4, 0.2]), 3)
    assert list(found) == sorted(found)
    assert found == of_classes(labels, answers, np.array([0.9, 0.1, 0.4, 0.2]), 3)
    assert found["auc"].value == 1
    alone = of_classes(labels[:1], answers[:1], None, 3)
    assert alone["accuracy"] == MetricRow("accuracy", 1.0, None, None, 1)
