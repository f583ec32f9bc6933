"""The image in place of Model Monitor's for the quality of a model: createBaseline, and what is merged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.container import BASELINE, BASELINING, MONITORING, OUTPUT, Container

QUALITY = {
    **BASELINING,
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "Regression",
    "ground_truth_attribute": "label",
    "inference_attribute": "prediction",
}
"""What createBaseline of the abalone application sets."""
CHURN = {
    **BASELINING,
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "BinaryClassification",
    "ground_truth_attribute": "label",
    "inference_attribute": "prediction",
    "probability_attribute": "probability",
}


def evaluated(container: Container, text: str) -> None:
    container.path(f"{BASELINING['dataset_source']}/baseline.csv").write_text(text)


def merged(number: int, prediction: str, label: str, hour: int = 12) -> str:
    """A captured line with its ground truth, as Model Monitor's merge job leaves it."""

    def side(mode: str, data: str) -> dict[str, str]:
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    return json.dumps(
        {
            "eventVersion": "0",
            "groundTruthData": {"data": label, "encoding": "CSV"},
            "captureData": {
                "endpointInput": side("INPUT", "0.5,0.4"),
                "endpointOutput": side("OUTPUT", prediction),
            },
            "eventMetadata": {"eventId": str(number), "inferenceTime": f"2026-03-02T{hour}:00:11Z"},
        }
    )


@pytest.fixture
def monitoring(tmp_path: Path) -> Container:
    """A job on an hour of merged answers, held against the baseline of a better time."""
    baseline = Container(tmp_path / "before", dict(QUALITY))
    evaluated(baseline, "prediction,label\n" + "".join(f"{n % 9 + 0.5},{n % 9}\n" for n in range(300)))
    assert baseline.run().status == 0
    container = Container(
        tmp_path / "now", {**MONITORING, **{k: v for k, v in QUALITY.items() if k not in BASELINING}}
    )
    container.variables["dataset_format"] = (
        '{"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}'
    )
    container.variables["inference_attribute"] = "0"
    del container.variables["baseline_statistics"]
    made = tmp_path / "before" / OUTPUT.lstrip("/") / "constraints.json"
    shutil.copy(made, container.path(f"{BASELINE}/constraints/constraints.json"))
    lines = [merged(n, f"{n % 9 + 1.5}", str(n % 9)) for n in range(250)]
    lines += [merged(n, "99", "0", hour=13) for n in range(250, 260)]
    container.capture("2026/03/02/12/part-00000.jsonl", lines)
    return container


def test_create_baseline_of_the_abalone_application(tmp_path: Path) -> None:
    container = Container(tmp_path, dict(QUALITY))
    evaluated(container, "prediction,label\n9.5,9\n10.5,11\n8,8\n")
    ended = container.run()
    assert (ended.status, ended.files) == (0, {"statistics.json", "constraints.json"}), ended.said
    assert ended.message == "Completed: Job completed successfully with no violations."
    assert ended.file("statistics.json")["regression_metrics"]["mae"]["value"] == pytest.approx(1 / 3)
    assert ended.file("constraints.json")["regression_constraints"]["rmse"]["comparison_operator"] == (
        "GreaterThanThreshold"
    )


def test_the_churn_example_gives_amazons_numbers(golden: Path, tmp_path: Path) -> None:
    container = Container(tmp_path, dict(CHURN))
    evaluated(container, (golden / "model-monitor/model_quality/validation_with_predictions.csv").read_text())
    metrics = container.run().file("statistics.json")["binary_classification_metrics"]
    assert metrics["auc"]["value"] == 0.9395127993393898
    assert metrics["f2"]["value"] == 0.625
    assert metrics["confusion_matrix"] == {"0": {"0": 173, "1": 0}, "1": {"0": 12, "1": 16}}


def test_merged_answers_are_held_against_the_baseline(monitoring: Container) -> None:
    ended = monitoring.run()
    assert ended.status == 0, ended.said
    assert ended.message.startswith("CompletedWithViolations: Job completed successfully with ")
    found: list[dict[str, Any]] = ended.file("constraint_violations.json")["violations"]
    assert {each["metric_name"] for each in found} >= {"mae", "mse", "rmse"}
    (mae,) = (each for each in found if each["metric_name"] == "mae")
    assert mae["description"].startswith("Metric mae with 1.5 +/- ")
    assert ended.file("statistics.json")["dataset"]["item_count"] == 250
    told = {each["MetricName"]: each["Value"] for each in ended.metrics}
    assert told["mae"] == 1.5


def test_a_line_without_its_label_costs_no_other(monitoring: Container) -> None:
    monitoring.capture(
        "2026/03/02/12/part-00001.jsonl",
        ["garbage", merged(1, "5.5", "4"), merged(2, "5.5", "4").replace("groundTruthData", "truth")],
    )
    ended = monitoring.run()
    assert ended.status == 0, ended.said
    assert "251 records in 2 objects, 2 rejected" in ended.said
    assert "the line has no groundTruthData" in ended.said


@pytest.mark.parametrize("form", ["batch_csv", "endpoint_jsonlines"])
def test_what_model_monitor_merged_is_read(golden: Path, tmp_path: Path, form: str) -> None:
    variables = {
        **MONITORING,
        **CHURN,
        "dataset_source": MONITORING["dataset_source"],
        "dataset_format": '{"sagemakerMergeJson": {}}',
        "probability_attribute": "69" if form == "batch_csv" else "score",
    }
    for name in (
        "baseline_statistics",
        "baseline_constraints",
        "inference_attribute",
        "start_time",
        "end_time",
    ):
        del variables[name]
    container = Container(tmp_path, variables)
    text = (golden / f"model-monitor/merge/{form}_merged.jsonl").read_text()
    container.capture("2026/03/02/12/part-00000.jsonl", text.splitlines())
    ended = container.run()
    assert ended.status == 0, ended.said
    assert ended.file("statistics.json")["dataset"]["item_count"] == len(text.strip().splitlines())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"problem_type": ""}, "the variable problem_type is not set"),
        ({"problem_type": "Ranking"}, "'Ranking' is no problem type"),
        ({"inference_attribute": ""}, "neither inference_attribute nor probability_attribute is set"),
        ({"inference_attribute": "answer"}, "has no column 'answer': its columns are prediction, label"),
        ({"ground_truth_attribute": ""}, "ground_truth_attribute is not set"),
        ({"probability_threshold_attribute": "half"}, "is 'half', which is no number"),
    ],
)
def test_a_job_that_names_no_columns_says_which(tmp_path: Path, change: dict[str, str], said: str) -> None:
    container = Container(tmp_path, {**QUALITY, **change})
    evaluated(container, "prediction,label\n9.5,9\n10.5,11\n")
    ended = container.run()
    assert ended.status == 1
    assert said in ended.message


def answered(number: int, answer: Any, truth: Any) -> str:
    """A merged line in JSON, answer and ground truth."""
    line = json.loads(merged(number, json.dumps(answer), json.dumps(truth)))
    line["captureData"]["endpointOutput"] |= {"encoding": "JSON", "observedContentType": "application/json"}
    line["groundTruthData"]["encoding"] = "JSON"
    return json.dumps(line)


def of_json(monitoring: Container, lines: list[str], **attributes: str) -> Container:
    """The same job without a baseline, on other lines."""
    monitoring.variables |= attributes
    monitoring.variables.pop("baseline_constraints")
    monitoring.capture("2026/03/02/12/part-00000.jsonl", lines)
    return monitoring


def test_a_column_is_its_whole_name_before_it_is_the_end_of_one(monitoring: Container) -> None:
    lines = [
        answered(n, {"z_score": 50.0, "score": n % 9 + 0.5}, {"order": 1000, "label": n % 9})
        for n in range(250)
    ]
    ended = of_json(monitoring, lines, inference_attribute="score").run()
    assert ended.file("statistics.json")["regression_metrics"]["mae"]["value"] == 0.5, ended.said


def test_the_end_of_several_names_is_none_of_them(monitoring: Container) -> None:
    lines = [answered(n, {"z_score": 50.0, "a_score": 1.0}, {"label": 1}) for n in range(9)]
    ended = of_json(monitoring, lines, inference_attribute="score").run()
    assert ended.status == 1
    assert "none of 9 lines in 1 files" in ended.message
    assert "2 columns of the record end in _score: give the whole name of one" in ended.message


@pytest.mark.parametrize(
    ("truth", "label"),
    [
        ({"order": 1000, "truth": {"label": 3}}, "label"),
        ({"order": 1000, "truth": {"label": 3}}, "truth.label"),
        ({"truth": 3}, "label"),
        (3, "label"),
    ],
)
def test_the_label_is_the_one_that_is_named(monitoring: Container, truth: Any, label: str) -> None:
    lines = [answered(n, {"score": 3.5}, truth) for n in range(9)]
    ended = of_json(monitoring, lines, inference_attribute="score", ground_truth_attribute=label).run()
    assert ended.file("statistics.json")["regression_metrics"]["mae"]["value"] == 0.5, ended.said


def test_a_label_that_is_none_of_several_values_is_not_guessed(monitoring: Container) -> None:
    lines = [answered(n, {"score": 3.5}, {"order": 1000, "truth": 3}) for n in range(9)]
    ended = of_json(monitoring, lines, inference_attribute="score").run()
    assert ended.status == 1
    assert "can be used: the record has no column 'label'" in ended.message


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"score": 3.5}, "$.score"),
        ({"prediction": {"score": 3.5, "x": 1}}, "prediction.score"),
        ({"predictions": [{"score": 3.5, "x": 1}]}, "predictions[0].score"),
        ({"predictions": [{"score": 3.5, "x": 1}]}, "predictions[*].score"),
        ({"a b": {"score": 3.5}, "c": [1, 9]}, '$."a b".score'),
        ({"all": [9.0, 3.5]}, "all[1]"),
    ],
)
def test_answers_lie_at_a_path(monitoring: Container, answer: Any, path: str) -> None:
    lines = [answered(n, answer, {"label": 3}) for n in range(9)]
    ended = of_json(monitoring, lines, inference_attribute=path).run()
    assert ended.status == 0, ended.said
    assert ended.file("statistics.json")["regression_metrics"]["mae"]["value"] == 0.5


@pytest.mark.parametrize("path", ["predictions[", "prediction.nothing"])
def test_a_path_to_nothing_is_told(monitoring: Container, path: str) -> None:
    lines = [answered(n, {"prediction": {"score": 3.5}}, {"label": 3}) for n in range(9)]
    ended = of_json(monitoring, lines, inference_attribute=path).run()
    assert ended.status == 1
    assert "none of 9 lines in 1 files" in ended.message
    assert path in ended.message


def test_lines_without_ground_truth_are_told(monitoring: Container) -> None:
    lines = [merged(n, "5.5", "4").replace("groundTruthData", "truth") for n in range(9)]
    ended = of_json(monitoring, lines).run()
    assert "can be used: the line has no groundTruthData; check" in ended.message


def test_a_preprocess_script_is_refused(monitoring: Container) -> None:
    monitoring.path("/opt/ml/code/pre.py").write_text("def preprocess_handler(record):\n    return {}\n")
    monitoring.variables["record_preprocessor_script"] = "/opt/ml/code/pre.py"
    ended = monitoring.run()
    assert ended.status == 1
    assert "record_preprocessor_script is set, and a job of analysis_type MODEL_QUALITY" in ended.message


def test_the_positive_one_of_two_classes_is_named(tmp_path: Path) -> None:
    container = Container(tmp_path, {**QUALITY, "problem_type": "BinaryClassification"})
    evaluated(container, "prediction,label\nyes,yes\nyes,no\nno,no\n")
    assert (
        "name the positive one of two (positive_class in kedge.yaml, --positive-class, in the image "
        in container.run().message
    )
    container.variables["KEDGE_POSITIVE_CLASS"] = "yes"
    metrics = container.run().file("statistics.json")["binary_classification_metrics"]
    assert (metrics["recall"]["value"], metrics["precision"]["value"]) == (1.0, 0.5)
