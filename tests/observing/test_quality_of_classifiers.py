"""Labels judge classifiers too: classes that are texts, probabilities, and a baseline of the quality."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import boto3
import polars as pl
import pytest

from baselines.quality import constraints, statistics, violations
from baselines.quality.analysis import analyze
from baselines.quality.problem import problem_of
from config.model import Endpoint
from config.problem import ProblemType
from monitor.publish import schedule_name
from store import executions
from store.engine import reading
from store.records import ExecutionKind, ExecutionStatus, MetricRow, Outcome
from tests.capture.events import captured, csv_line
from tests.clock import HOUR, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import capture_key, label_key

QUALITY = ExecutionKind.MODEL_QUALITY
ANIMALS = ("cat", "dog", "owl")


def entry(watch: Watch, problem: str, **given: Any) -> Endpoint:
    usual = {"ground_truth": f"{watch.yard.uri}/labels", "problem_type": problem, "prediction": "answer"}
    return watch.yard.endpoint("classes", **{**usual, **given})


def baseline(watch: Watch, answers: Sequence[str], names: str) -> None:
    """A baseline of the data, whose first columns are the answer's."""
    from baselines import constraints as data_constraints
    from baselines import statistics as data_statistics
    from baselines.create import create

    table = [f"{answer},{at}" for at, answer in enumerate([*answers] * 10)]
    profile, suggested = create("\n".join([f"{names},size", *table]).encode(), where="baseline.csv")
    watch.yard.put("baseline", "statistics.json", data_statistics.write(profile).encode())
    watch.yard.put("baseline", "constraints.json", data_constraints.write(suggested).encode())


def answer(watch: Watch, answers: Sequence[str]) -> None:
    time = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [csv_line(str(at), each, event_id=f"e{at}", time=time) for at, each in enumerate(answers)]
    watch.yard.put("capture", f"classes/{capture_key('AllTraffic', NOON, 'a')}", captured(*lines))


def label(watch: Watch, labels: Sequence[str]) -> None:
    lines = [
        {
            "groundTruthData": {"data": each, "encoding": "CSV"},
            "eventMetadata": {"eventId": f"e{at}"},
            "eventVersion": "0",
        }
        for at, each in enumerate(labels)
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    watch.yard.put("labels", label_key(NOON, "a"), body)


def quality_baseline(watch: Watch, frame: pl.DataFrame, problem: ProblemType) -> str:
    for name, text in analyze(frame, problem).files().items():
        watch.yard.put("quality", name, text.encode())
    return f"{watch.yard.uri}/quality"


def metrics(watch: Watch) -> dict[str, MetricRow]:
    (found,) = watch.judged(QUALITY, "classes")
    with reading(watch.engine) as connection:
        return {row.name: row for row in executions.metric_rows(connection, found.id)}


def test_classes_that_are_texts(watch: Watch) -> None:
    baseline(watch, ANIMALS, "answer")
    answered = [ANIMALS[at % 3] for at in range(60)]
    answer(watch, answered)
    label(watch, [ANIMALS[0] if at < 15 else each for at, each in enumerate(answered)])
    watch.fine(entry(watch, "multiclass_classification"), NOON + HOUR)
    (verdict,) = watch.judged(QUALITY, "classes")
    assert (verdict.status, verdict.message) == (ExecutionStatus.COMPLETED, "60 of 60 records are labelled.")
    found = metrics(watch)
    assert found["accuracy"].value == pytest.approx(50 / 60)  # 10 of the first 15 were other animals
    low, high = found["accuracy"].low, found["accuracy"].high
    assert low is not None
    assert high is not None
    assert 0.7 < low < 50 / 60 < high < 0.95
    assert found["weighted_f1"].count == 60


@pytest.mark.parametrize("problem", ["BinaryClassification", "MulticlassClassification"])
def test_cloudwatch_has_what_model_monitor_sends_of_classes(watch: Watch, aws: str, problem: str) -> None:
    answered, labels = ["1", "0"] * 30, ["1", "0", "1", "1"] * 15
    baseline(watch, answered, "answer")
    answer(watch, answered)
    label(watch, labels)
    watch.fine(entry(watch, problem, cloudwatch={}), NOON + HOUR)
    frame = pl.DataFrame({"prediction": answered, "label": labels})
    expected = analyze(frame, problem_of(problem)).statistics.cloudwatch
    assert "accuracy_best_constant_classifier" in expected
    client = boto3.client("cloudwatch")
    sent = client.list_metrics(Namespace="aws/sagemaker/Endpoints/model-metrics")["Metrics"]
    assert {each["MetricName"] for each in sent} == set(expected)


@pytest.mark.parametrize("column", ["both", "probability alone"])
def test_two_classes_with_a_probability(watch: Watch, column: str) -> None:
    """25 of 40 positives found and 5 false alarms; the probability tells the same at 0.5."""
    labels = [1] * 40 + [0] * 60
    scores = [0.9] * 25 + [0.2] * 15 + [0.6] * 5 + [0.1] * 55
    both = column == "both"
    rows = [f"{int(s > 0.5)}.0,{s}" if both else f"{s}" for s in scores]
    names = "answer,probability" if both else "probability"
    baseline(watch, rows, names)
    answer(watch, rows)
    label(watch, [str(each) for each in labels])
    given = {"probability": "probability", "prediction": "answer" if both else None}
    watch.fine(entry(watch, "BinaryClassification", **given), NOON + HOUR)
    found = metrics(watch)
    assert found["recall"].value == 25 / 40
    assert found["precision"].value == 25 / 30
    won = 25 * 60 + 15 * 55
    assert found["auc"].value == pytest.approx(won / (40 * 60))
    low, high = found["auc"].low, found["auc"].high
    assert low is not None
    assert high is not None
    assert low < won / (40 * 60) < high


def test_a_threshold_of_ones_own_and_classes_with_names(watch: Watch) -> None:
    rows = [f"{at / 100}" for at in range(100)]
    baseline(watch, rows, "probability")
    answer(watch, rows)
    label(watch, ["yes" if at >= 80 else "no" for at in range(100)])
    given = {
        "prediction": None,
        "probability": "probability",
        "probability_threshold": 0.895,
        "positive_class": "yes",
    }
    watch.fine(entry(watch, "binary_classification", **given), NOON + HOUR)
    found = metrics(watch)
    assert (found["recall"].value, found["precision"].value, found["auc"].value) == (0.5, 1.0, 1.0)


def test_classes_that_do_not_fit_are_told_and_stop_nothing(watch: Watch) -> None:
    baseline(watch, ANIMALS, "answer")
    answer(watch, list(ANIMALS) * 10)
    label(watch, list(ANIMALS) * 10)
    watch.fine(entry(watch, "binary_classification"), NOON + HOUR)
    (verdict,) = watch.judged(QUALITY, "classes")
    assert verdict.message.startswith(
        "30 of 30 records are labelled. Their quality can't be told: 3 classes are"
    )
    assert metrics(watch) == {}
    assert watch.fine(entry(watch, "binary_classification"), NOON + 2 * HOUR).measured == 0


class TestAgainstABaseline:
    """The baseline found 90 of 100; the window finds half."""

    def judged(self, watch: Watch, **given: Any) -> None:
        was = pl.DataFrame({"label": [1, 0] * 50, "prediction": [1, 0] * 45 + [0, 1] * 5})
        place = quality_baseline(watch, was, ProblemType.BINARY_CLASSIFICATION)
        rows = ["1", "0", "0", "1"] * 25
        baseline(watch, rows, "answer")
        answer(watch, rows)
        label(watch, ["1", "0"] * 50)
        given = {"quality_baseline": place, "results": f"{watch.yard.uri}/results"} | given
        watch.fine(entry(watch, "binary_classification", **given), NOON + HOUR)

    def test_its_files_lie_under_the_name_of_an_old_schedule(self, watch: Watch) -> None:
        self.judged(watch, quality_schedule="old-quality", variant="AllTraffic")
        found = watch.yard.place("results").objects.list("classes/old-quality/")
        assert {ref.key.rpartition("/")[2] for ref in found} >= {"constraint_violations.json"}

    def test_it_is_violated_in_the_database_and_in_the_result_tree(self, watch: Watch) -> None:
        self.judged(watch)
        (verdict,) = watch.judged(QUALITY, "classes")
        assert verdict.status is ExecutionStatus.COMPLETED_WITH_VIOLATIONS
        assert verdict.message == (
            "100 of 100 records are labelled. "
            "CompletedWithViolations: Job completed successfully with 10 violations."
        )
        rows = watch.checks(verdict)
        assert {row.outcome for row in rows} == {Outcome.VIOLATED}
        (accuracy,) = (row for row in rows if row.feature == "accuracy")
        assert (accuracy.check, accuracy.value, accuracy.threshold) == ("LessThanThreshold", 0.5, 0.9)
        folder = f"classes/{schedule_name('AllTraffic', QUALITY)}/2026/03/02/12/01"
        place = watch.yard.place(f"results/{folder}")
        texts = {
            name: place.objects.read(place.key(name)).decode()
            for name in ("statistics.json", "constraints.json", "constraint_violations.json")
        }
        told = violations.read(texts["constraint_violations.json"], "violations")
        assert "Metric accuracy with 0.5 +/- NaN was LessThanThreshold '0.9'" in {e.description for e in told}
        assert {"f0_5", "truePositiveRate"} <= {each.metric_name for each in told}
        measured = statistics.read(texts["statistics.json"], "statistics")
        assert (measured.item_count, measured.cloudwatch["recall"]) == (100, 0.5)
        suggested = constraints.read(texts["constraints.json"], "constraints")
        assert suggested.bounds["recall"].threshold == 0.5

    def test_compat_is_silent_where_model_monitor_is(self, watch: Watch) -> None:
        self.judged(watch, distance="compat")
        (verdict,) = watch.judged(QUALITY, "classes")
        assert "f0_5" not in {row.feature for row in watch.checks(verdict)}

    def test_a_baseline_of_another_kind_of_model_is_the_owners_to_mend(self, watch: Watch) -> None:
        numbers = pl.DataFrame({"label": [1.0, 2.0], "prediction": [1.0, 2.0]})
        place = quality_baseline(watch, numbers, ProblemType.REGRESSION)
        baseline(watch, ["1", "0"], "answer")
        answer(watch, ["1", "0"])
        given = entry(watch, "binary_classification", quality_baseline=place)
        done = watch.round(given, NOON + HOUR)
        assert done.problem is not None
        assert "its quality_baseline is of a regression" in done.problem
        assert done.judged == 1

    def test_few_labels_are_no_verdict(self, watch: Watch) -> None:
        self.judged(watch)
        label(watch, ["1", "0"] * 5)
        again = entry(watch, "binary_classification", quality_baseline=f"{watch.yard.uri}/quality")
        watch.fine(again, NOON + 2 * HOUR)
        (verdict,) = watch.judged(QUALITY, "classes")
        assert (verdict.records, verdict.violations, verdict.revision) == (10, 0, 2)
        assert {row.outcome for row in watch.checks(verdict)} == {Outcome.INSUFFICIENT_DATA}
