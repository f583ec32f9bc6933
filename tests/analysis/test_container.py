"""The image in place of Model Monitor's: the same variables and paths, the same files and last words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from tests.analysis.container import BASELINE, BASELINING, ENDPOINT, MONITORING, OUTPUT, SCHEDULE, Container
from tests.clock import HOUR, MINUTE, NOON
from tests.judging.test_comparison import line

TRAINING = "rings,length\n" + "".join(f"{n % 29 + 1}.0,{0.2 + n % 40 / 100}\n" for n in range(1200))
QUIET = "Completed: Job completed successfully with no violations."


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A job on an hour of quiet traffic, with captures of the hour after it lying there too."""
    made = Container(tmp_path)
    made.baseline(TRAINING)
    quiet = [line(NOON + n * MINUTE / 10, n % 29 + 1.0, f"{0.2 + n % 40 / 100}") for n in range(580)]
    made.capture("2026/03/02/12/00-00-000-a.jsonl", quiet)
    later = [line(NOON + HOUR + n * MINUTE / 10, 500.0 + n, f"{90 + n}.5") for n in range(50)]
    made.capture("2026/03/02/13/00-00-000-b.jsonl", later)
    return made


def test_a_quiet_hour_completes(container: Container) -> None:
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert ended.files == {"statistics.json", "constraints.json"}
    assert ended.file("statistics.json")["dataset"] == {"item_count": 580}
    assert [each["name"] for each in ended.file("constraints.json")["features"]] == ["rings", "length"]


def test_its_metrics_are_those_that_alarms_wait_for(container: Container) -> None:
    metrics = {each["MetricName"]: each for each in container.run().metrics}
    assert set(metrics) == {
        f"feature_{kind}_{name}"
        for kind in ("data", "non_null", "baseline_drift")
        for name in ("rings", "length")
    }
    data = metrics["feature_data_rings"]
    assert data["Dimensions"] == [
        {"Name": "Endpoint", "Value": ENDPOINT},
        {"Name": "MonitoringSchedule", "Value": SCHEDULE},
    ]
    assert data["Timestamp"] == "2026-03-02T13:00:00Z"
    assert data["StatisticValues"]["SampleCount"] == 580.0
    assert (data["StatisticValues"]["Minimum"], data["StatisticValues"]["Maximum"]) == (1.0, 29.0)
    assert metrics["feature_non_null_length"]["Value"] == 1.0
    assert "StatisticValues" not in metrics["feature_baseline_drift_length"]


@pytest.mark.parametrize("off", ["variable", "constraints", "feature"])
def test_no_metrics_where_they_are_switched_off(container: Container, off: str) -> None:
    path = container.path(f"{BASELINE}/constraints/constraints.json")
    constraints = json.loads(path.read_text())
    if off == "variable":
        container.variables["publish_cloudwatch_metrics"] = "Disabled"
    elif off == "constraints":
        constraints["monitoring_config"]["emit_metrics"] = "Disabled"
    else:
        constraints["features"][0]["monitoringConfigOverrides"] = {"emit_metrics": "Disabled"}
    path.write_text(json.dumps(constraints))
    names = {each["MetricName"] for each in container.run().metrics}
    assert names == (
        {f"feature_{k}_length" for k in ("data", "non_null", "baseline_drift")} if off == "feature" else set()
    )


def test_an_hour_with_violations_exits_as_well_as_a_quiet_one(container: Container) -> None:
    container.variables |= {"start_time": "2026-03-02T13:00:00Z", "end_time": "2026-03-02T14:00:00Z"}
    ended = container.run()
    assert ended.status == 0, ended.said
    assert ended.message == "CompletedWithViolations: Job completed successfully with 2 violations."
    found = ended.file("constraint_violations.json")["violations"]
    assert [(each["feature_name"], each["constraint_check_type"]) for each in found] == [
        ("rings", "baseline_drift_check"),
        ("length", "baseline_drift_check"),
    ]


def test_the_distances_are_model_monitors_unless_others_are_asked_for(container: Container) -> None:
    # one frequent value: what Model Monitor cannot see
    same = [
        line(NOON + n * MINUTE / 10, 7.0 if n % 10 else n % 29 + 1.0, f"{0.2 + n % 40 / 100}")
        for n in range(580)
    ]
    container.capture("2026/03/02/12/00-00-000-a.jsonl", same)
    assert container.run().message == QUIET
    container.variables["KEDGE_DISTANCE"] = "correct"
    assert container.run().message == "CompletedWithViolations: Job completed successfully with 1 violations."


def test_the_drift_of_categories_is_measured_as_the_variable_says(container: Container) -> None:
    container.baseline("sex\n" + "M\nF\n" * 600)
    container.variables |= {"dataset_format": '{"csv": {"header": true}}', "dataset_source": "/data/now"}
    container.path("/data/now/a.csv").write_text("sex\n" + "M\n" * 150 + "F\n" * 250)
    assert container.run().message == QUIET
    container.variables["categorical_drift_method"] = "Chi_Squared"
    (violation,) = container.run().file("constraint_violations.json")["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("sex", "baseline_drift_check")


def test_a_baselining_job_writes_a_baseline(tmp_path: Path) -> None:
    container = Container(tmp_path, dict(BASELINING))
    container.path(f"{BASELINING['dataset_source']}/training.csv").write_text(TRAINING)
    ended = container.run()
    assert (ended.status, ended.message, ended.metrics) == (0, QUIET, []), ended.said
    assert ended.files == {"statistics.json", "constraints.json"}
    assert ended.file("statistics.json")["dataset"] == {"item_count": 1200}


@pytest.mark.parametrize(
    ("spelling", "name", "data"),
    [
        ('{"csv": {"header": "true"}}', "a.csv", b"rings,length\n7,0.5\n8,\n"),
        (
            '{"csv": {"header": ["true"], "output_columns_position": ["END"]}}',
            "a",
            b"rings,length\n7,0.5\n8,\n",
        ),
        ('{"json": {"lines": true}}', "a.jsonl", b'{"rings": 7, "length": 0.5}\n{"rings": 8}\n'),
        (
            '{"json": {"line": "true"}}',
            "a.json",
            b'[{"rings": 7, "length": 0.5}, {"rings": 8, "length": null}]',
        ),
        ('{"csv": {"header": true}}', "a.csv.gz", gzip.compress(b"rings,length\n7,0.5\n8,\n", mtime=0)),
        (
            '{"json": {"lines": true}}',
            "a.json.gz",
            gzip.compress(b'[{"rings": 7, "length": 0.5}, {"rings": 8}]', mtime=0),
        ),
        ('{"parquet": {}}', "a.parquet", b""),
    ],
)
def test_a_data_set_in_any_form_makes_the_same_baseline(
    tmp_path: Path, spelling: str, name: str, data: bytes
) -> None:
    container = Container(tmp_path, {**BASELINING, "dataset_format": spelling})
    path = container.path(f"{BASELINING['dataset_source']}/{name}")
    if data:
        path.write_bytes(data)
    else:
        pl.DataFrame({"rings": [7, 8], "length": [0.5, None]}).write_parquet(path)
    ended = container.run()
    assert ended.status == 0, ended.said
    found = {each["name"]: each["completeness"] for each in ended.file("constraints.json")["features"]}
    assert found == {"rings": 1.0, "length": 0.5}


def test_a_csv_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    container = Container(tmp_path, {**BASELINING, "dataset_format": '{"csv": {"header": false}}'})
    container.path(f"{BASELINING['dataset_source']}/a.csv").write_text("7,0.5\n")
    container.path(f"{BASELINING['dataset_source']}/b.csv").write_text("M,0.5\n")
    features = container.run().file("statistics.json")["features"]
    assert [(each["name"], each["inferred_type"]) for each in features] == [
        ("_c0", "String"),
        ("_c1", "Fractional"),
    ]


def test_captures_without_a_baseline_make_one_of_their_own_columns(container: Container) -> None:
    for name in ("baseline_constraints", "baseline_statistics"):
        del container.variables[name]
    ended = container.run()
    assert ended.status == 0, ended.said
    assert [each["name"] for each in ended.file("statistics.json")["features"]] == ["_c0", "_c1"]


def test_a_batch_of_csv_is_held_against_the_baseline(container: Container) -> None:
    container.variables |= {
        "dataset_format": '{"csv": {"header": false}}',
        "dataset_source": "/opt/ml/processing/batch",
    }
    container.path("/opt/ml/processing/batch/part-0").write_text(
        "".join(f"{n % 29 + 1}.0,\n" for n in range(200))
    )
    ended = container.run()
    assert ended.status == 0, ended.said
    found = ended.file("constraint_violations.json")["violations"]
    assert {(each["feature_name"], each["constraint_check_type"]) for each in found} == {
        ("length", "completeness_check")
    }
    container.path("/opt/ml/processing/batch/part-0").write_text("1.0,0.3,9\n" * 50)
    (violation,) = container.run().file("constraint_violations.json")["violations"]
    assert violation["constraint_check_type"] == "extra_column_check"


def test_the_variables_may_stand_in_the_jobs_configuration(container: Container) -> None:
    container.path("/opt/ml/config/processingjobconfig.json").write_text(
        json.dumps({"Environment": MONITORING})
    )
    assert container.run(variables={}).message == QUIET


@pytest.mark.parametrize(
    ("side", "rows"), [("endpointOutput", "rings\n1.0\n29.0\n"), ("endpointInput", "length\n0.2\n0.5\n")]
)
def test_captures_of_one_side_are_those_columns(container: Container, side: str, rows: str) -> None:
    container.baseline(rows)
    container.variables["dataset_format"] = json.dumps(
        {"sagemakerCaptureJson": {"captureIndexNames": [side]}}
    )
    ended = container.run()
    assert ended.status == 0, ended.said
    (feature,) = ended.file("statistics.json")["features"]
    assert feature["name"] == rows.split("\n")[0]
    assert ended.file("statistics.json")["dataset"] == {"item_count": 580}


def test_outputs_that_come_last_are_the_first_columns(container: Container) -> None:
    container.variables |= {
        "dataset_format": '{"csv": {"header": false, "output_columns_position": "END"}}',
        "dataset_source": "/opt/ml/processing/batch",
    }
    container.path("/opt/ml/processing/batch/part-0").write_text(
        "".join(f"{0.2 + n % 40 / 100},{500 + n}.0\n" for n in range(200))
    )
    (violation,) = container.run().file("constraint_violations.json")["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == (
        "rings",
        "baseline_drift_check",
    )


def test_a_baseline_whose_outputs_come_last_has_them_first(tmp_path: Path) -> None:
    spelled = '{"csv": {"header": "true", "output_columns_position": "END"}}'
    container = Container(tmp_path, {**BASELINING, "dataset_format": spelled})
    container.path(f"{BASELINING['dataset_source']}/a.csv").write_text("length,size,rings\n0.5,1,7\n")
    features = container.run().file("constraints.json")["features"]
    assert [each["name"] for each in features] == ["rings", "length", "size"]


def _drop(*names: str) -> dict[str, str]:
    return {name: value for name, value in MONITORING.items() if name not in names}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (_drop("dataset_source"), "the variable dataset_source is not set: set it in the job's Environment"),
        (_drop("dataset_format"), "the variable dataset_format is not set"),
        (_drop("baseline_constraints"), "baseline_statistics is set without baseline_constraints"),
        ({**MONITORING, "dataset_format": "{"}, "dataset_format '{' is none that is known"),
        ({**MONITORING, "dataset_format": '{"avro": {}}'}, "dataset_format 'avro' is none that is known"),
        (
            {**MONITORING, "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["output"]}}'},
            "captureIndexNames 'output': write one or more of endpointInput, endpointOutput",
        ),
        ({**MONITORING, "start_time": "noon"}, "start_time is 'noon', which is no ISO 8601 time"),
        (
            {**MONITORING, "start_time": "2026-03-02T14:00:00Z", "end_time": "2026-03-02T13:00:00Z"},
            "start_time is '2026-03-02T14:00:00Z' and end_time '2026-03-02T13:00:00Z', which leaves no time",
        ),
        (
            {**MONITORING, "start_time": "0001-01-01T00:00:00+23:00"},
            "start_time is '0001-01-01T00:00:00+23:00', outside the calendar in UTC",
        ),
        (
            {**MONITORING, "dataset_format": '{"csv": {"header": "perhaps"}}'},
            "the header of dataset_format is 'perhaps': write true or false",
        ),
        (
            {**MONITORING, "publish_cloudwatch_metrics": "maybe"},
            "publish_cloudwatch_metrics is 'maybe': write true or false, Enabled or Disabled",
        ),
        ({**MONITORING, "analysis_type": "BIAS"}, "analysis_type is 'BIAS': write one of DATA_QUALITY"),
        (
            {**MONITORING, "categorical_drift_method": "L2"},
            "categorical_drift_method is 'L2': write one of LInfinity, ChiSquared",
        ),
        ({**MONITORING, "KEDGE_ASSUME": "colour=red"}, "KEDGE_ASSUME: 'colour=red' is no assumption"),
        (
            {**MONITORING, "baseline_statistics": "/opt/ml/none.json"},
            "baseline_statistics is /opt/ml/none.json, and there is no such file",
        ),
        (
            {**MONITORING, "dataset_source": "/opt/ml/none"},
            "Job inputs had no data: there is no folder",
        ),
        (
            {**MONITORING, "dataset_source": "/data"},
            "holds no captured objects (*.jsonl), but training.csv",
        ),
        (
            {**MONITORING, "start_time": "2026-03-03T12:00:00Z", "end_time": "2026-03-03T13:00:00Z"},
            "Job inputs had no data: 2 objects below",
        ),
    ],
)
def test_a_job_that_cannot_be_done_leaves_one_sentence(
    container: Container, variables: dict[str, str], said: str
) -> None:
    ended = container.run(variables=variables)
    assert ended.status == 1
    assert ended.message.startswith("Failed: ")
    assert said in ended.message
    assert "\n" not in ended.message
    assert len(ended.message) <= 1024
    assert ended.files == set()


@pytest.mark.parametrize("form", ['{"sagemakerCaptureJson": {}}', '{"csv": {"header": true}}'])
def test_an_input_that_holds_nothing_is_said_to_be_empty(container: Container, form: str) -> None:
    container.path("/opt/ml/empty/x").parent.mkdir(parents=True, exist_ok=True)
    ended = container.run(variables={**MONITORING, "dataset_source": "/opt/ml/empty", "dataset_format": form})
    assert ended.status == 1
    assert "/opt/ml/empty is an empty folder; check the input's S3 prefix" in ended.message


def test_captures_of_which_no_line_can_be_used_are_told_by_what_is_wrong(container: Container) -> None:
    for name in ("12/00-00-000-a", "13/00-00-000-b"):
        container.capture(f"2026/03/02/{name}.jsonl", ["garbage", "{}"])
    ended = container.run()
    assert ended.status == 1
    assert (
        "none of 4 lines in 2 objects can be used: the line is not JSON; look at line 1 of " in ended.message
    )
    assert "12/00-00-000-a.jsonl first" in ended.message


def test_objects_without_a_line_are_told_as_such(container: Container) -> None:
    for name in ("12/00-00-000-a", "13/00-00-000-b"):
        container.capture(f"2026/03/02/{name}.jsonl", [])
    ended = container.run()
    assert ended.status == 1
    assert "Job inputs had no data: no line stands in 2 objects below " in ended.message
    assert "; check that the endpoint captured then" in ended.message


def test_too_many_lines_lost_are_told_with_the_status(container: Container) -> None:
    path = container.path(
        f"{MONITORING['dataset_source']}/{ENDPOINT}/AllTraffic/2026/03/02/12/00-00-000-a.jsonl"
    )
    path.write_text(path.read_text() + "garbage\n" * 100)
    ended = container.run()
    assert ended.status == 0
    assert "Data fault: 100 of 680 records (14.7%) could not be used" in ended.message
    assert "Data fault: 100 of 680 records (14.7%) could not be used" in ended.said


def test_violations_of_another_run_are_not_left_beside(container: Container) -> None:
    container.path(OUTPUT).mkdir(parents=True, exist_ok=True)
    (container.path(OUTPUT) / "constraint_violations.json").write_text('{"violations": [{}]}')
    ended = container.run()
    assert ended.message == QUIET
    assert "constraint_violations.json" not in ended.files


def test_bad_lines_cost_no_good_one_and_are_told(container: Container) -> None:
    path = container.path(
        f"{MONITORING['dataset_source']}/{ENDPOINT}/AllTraffic/2026/03/02/12/00-00-000-a.jsonl"
    )
    path.write_text(path.read_text() + "garbage\n")
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET)
    assert "580 records in 1 object, 1 rejected" in ended.said
    assert "line 581: not_json" in ended.said


def test_the_output_is_where_the_platform_wants_it(container: Container) -> None:
    container.variables["output_path"] = "/opt/ml/processing/elsewhere"
    assert container.run().files == set()
    assert (container.root / "opt/ml/processing/elsewhere/statistics.json").exists()
    assert not (container.root / OUTPUT.lstrip("/")).exists()
