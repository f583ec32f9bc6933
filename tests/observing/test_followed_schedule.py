"""A Model Monitor schedule that still runs: what it finds stands beside what Kedge finds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from baselines import statistics
from baselines.create import create
from config.facts import DiscoveryError
from config.model import Endpoint
from config.schedules import FailedExecution, failed_executions, look_up_schedule
from demo import missing_operations
from monitor.rejudging import past, rejudge
from monitor.rounds import LEASE, Round
from store import monitors, windows
from store.engine import reading, writing
from store.executions import features
from store.lease import leased
from store.records import ExecutionStatus, IncidentKind
from tests.clock import HOUR, NOON
from tests.commands.line import kedge
from tests.observing.conftest import Watch
from tests.observing.yard import Yard, baseline_files, records

NAME = "hourly-quality"
DRIFTED = {
    "feature_name": "length",
    "constraint_check_type": "baseline_drift_check",
    "description": "Baseline drift distance: 0.43 exceeds threshold: 0.1",
}
UNTYPED = {
    "feature_name": "sex",
    "constraint_check_type": "data_type_check",
    "description": "Data type match requirement is not met. Expected data type: Integral, "
    "Expected match: 100.0%. Observed: Only 66.66666666666666% of data is Integral.",
}


def entry(watch: Watch, **given: Any) -> Endpoint:
    results = f"{watch.yard.uri}/monitoring"
    return watch.yard.endpoint(schedule=NAME, schedule_results=results, window="1h", **given)


def put(
    yard: Yard, hour: datetime, *violations: dict[str, str], name: str = "constraint_violations.json"
) -> None:
    """What an execution of the schedule leaves."""
    folder = f"abalone/{NAME}/{hour:%Y/%m/%d/%H}"
    yard.put("monitoring", f"{folder}/statistics.json", statistics_of_hour())
    yard.put("monitoring", f"{folder}/constraints.json", baseline_files()["constraints.json"])
    if violations:
        yard.put("monitoring", f"{folder}/{name}", json.dumps({"violations": list(violations)}).encode())


def statistics_of_hour() -> bytes:
    profile, _ = create(b"rings,length,sex\n9,0.5,F\n7,0.3,M\n8,0.4,I\n", where="hour.csv")
    return statistics.write(profile).encode()


def test_its_files_are_executions_with_features_and_violations(watch: Watch) -> None:
    put(watch.yard, NOON, DRIFTED, UNTYPED)
    put(watch.yard, NOON + HOUR)
    assert watch.fine(entry(watch), NOON + 2 * HOUR).objects == 2
    first, second = watch.judged()
    assert (first.start, first.end, first.records) == (NOON - HOUR, NOON, 3)
    assert (first.status, first.violations) == (ExecutionStatus.COMPLETED_WITH_VIOLATIONS, 2)
    assert (second.status, second.violations) == (ExecutionStatus.COMPLETED, 0)
    assert first.variant == f"schedule {NAME}"
    drift, untyped = watch.checks(first)
    assert (drift.feature, drift.value, drift.threshold) == ("length", 0.43, 0.1)
    assert untyped.value == pytest.approx(2 / 3)
    assert untyped.threshold == 1.0
    with reading(watch.engine) as connection:
        by_name = {each.feature: each for each in features(connection, first.id)}
    assert by_name["length"].mean == pytest.approx(0.4)
    assert by_name["length"].drift == 0.43
    assert by_name["rings"].drift is None


def test_its_violations_open_incidents_and_quiet_hours_close_them(watch: Watch) -> None:
    put(watch.yard, NOON, DRIFTED)
    watch.fine(entry(watch), NOON + HOUR)
    (incident,) = watch.incidents()
    assert (incident.kind, incident.features, incident.severity) == (IncidentKind.DRIFT, ("length",), 0.43)
    put(watch.yard, NOON + HOUR)
    put(watch.yard, NOON + 2 * HOUR)
    watch.fine(entry(watch), NOON + 3 * HOUR)
    assert watch.incidents()[0].closed_at is not None


def test_reading_it_again_changes_nothing_and_a_late_file_is_another_revision(watch: Watch) -> None:
    put(watch.yard, NOON)
    watch.fine(entry(watch), NOON + HOUR)
    assert watch.fine(entry(watch), NOON + HOUR).objects == 0
    put(watch.yard, NOON, DRIFTED)
    assert watch.fine(entry(watch), NOON + HOUR).objects == 1
    (execution,) = watch.judged()
    assert (execution.revision, execution.violations) == (2, 1)


def test_violations_by_the_name_of_the_documentation_are_read_too(watch: Watch) -> None:
    put(watch.yard, NOON, DRIFTED, name="constraints_violations.json")
    watch.fine(entry(watch), NOON + HOUR)
    assert watch.judged()[0].violations == 1


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"violations": [1]}', b"\xff\xfe", b'{"violations": 3}'])
def test_a_file_that_is_none_is_a_reject_and_never_a_quiet_window(watch: Watch, broken: bytes) -> None:
    put(watch.yard, NOON)
    place = f"abalone/{NAME}/{NOON:%Y/%m/%d/%H}/constraint_violations.json"
    watch.yard.put("monitoring", place, broken)
    watch.fine(entry(watch), NOON + HOUR)
    assert watch.judged() == []
    assert watch.rejects() == {"not_json": 1}
    watch.yard.put("monitoring", place, json.dumps({"violations": [DRIFTED]}).encode())
    watch.fine(entry(watch), NOON + HOUR)
    assert watch.judged()[0].violations == 1
    assert watch.rejects() == {}


def test_kedge_judges_beside_it_and_leaves_its_windows_alone(watch: Watch, tmp_path: Path) -> None:
    put(watch.yard, NOON, DRIFTED)
    given = entry(watch, results=f"{watch.yard.uri}/results", cloudwatch={})
    done = watch.fine(given, NOON + HOUR)
    assert (done.published, done.sent) == (0, 0)
    assert not [path for path in (tmp_path / "yard" / "results").rglob("*") if path.is_file()]


def test_an_execution_that_failed_is_told_with_what_it_means(watch: Watch) -> None:
    failed = FailedExecution(NAME, NOON, "AlgorithmError: Job inputs had no data")
    watch.yard.put("monitoring", "others", b"")

    def observe() -> Round:
        watch.clock.at = NOON + HOUR
        done = watch.observer(failed=lambda _endpoint, _since: (failed,)).observe(entry(watch))
        assert done is not None
        return done

    assert observe().objects == 1
    (execution,) = watch.judged()
    assert execution.status is ExecutionStatus.FAILED
    assert execution.message.startswith("Failed: AlgorithmError: Job inputs had no data (no captures lay")
    assert watch.incidents() == ()
    assert observe().objects == 0


@pytest.fixture
def sagemaker(aws: str) -> Any:
    missing_operations.install(0.1)
    return boto3.client("sagemaker")


def scheduled(client: Any, expression: str = "cron(0 * ? * * *)", **more: Any) -> None:
    job = {
        "BaselineConfig": {
            "ConstraintsResource": {"S3Uri": "s3://logs/base/constraints.json"},
            "StatisticsResource": {"S3Uri": "s3://logs/base/statistics.json"},
        },
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "abalone", "LocalPath": "/opt/ml/in"}}],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": "s3://logs/monitoring/", "LocalPath": "/opt/ml/out"}}
            ]
        },
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        "MonitoringAppSpecification": {"ImageUri": "i"},
        "RoleArn": "arn:aws:iam::123456789012:role/r",
    }
    client.create_monitoring_schedule(
        MonitoringScheduleName=NAME,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": expression},
            "MonitoringJobDefinition": job,
            **more,
        },
    )


@pytest.mark.parametrize(
    ("expression", "hours"),
    [("cron(0 * ? * * *)", 1), ("cron(0 5 ? * * *)", 24), ("cron(0 0/6 ? * * *)", 6), ("NOW", 1)],
)
def test_a_schedule_is_looked_up(sagemaker: Any, expression: str, hours: int) -> None:
    scheduled(sagemaker, expression)
    found = look_up_schedule(sagemaker, NAME)
    assert (found.endpoint, found.results_uri, found.baseline) == (
        "abalone",
        "s3://logs/monitoring",
        "s3://logs/base",
    )
    assert found.period == hours * HOUR


@pytest.mark.parametrize("hours", [5, 7, 23])
def test_a_schedule_whose_hours_do_not_divide_a_day_is_refused(sagemaker: Any, hours: int) -> None:
    scheduled(sagemaker, f"cron(0 0/{hours} ? * * *)")
    with pytest.raises(DiscoveryError) as refused:
        look_up_schedule(sagemaker, NAME)
    assert str(refused.value) == (
        f"monitoring schedule {NAME} runs every {hours} hours, and windows divide a day; "
        "give one that runs every 1, 2, 3, 4, 6, 8, 12 or 24 hours"
    )


def test_watch_writes_the_entry_that_follows_it(
    sagemaker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from config import loading

    monkeypatch.chdir(tmp_path)
    sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r", PrimaryContainer={"Image": "i"}
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://logs/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName="c")
    scheduled(sagemaker, "cron(0 5 ? * * *)")
    assert kedge("watch", "abalone", "--schedule", NAME).status == 0
    (written,) = loading.load(tmp_path / "kedge.yaml").endpoints
    assert (written.schedule, written.schedule_results) == (NAME, "s3://logs/monitoring")
    assert (written.baseline, written.window) == ("s3://logs/base", 24 * HOUR)
    assert "is of endpoint abalone" in kedge("watch", "other", "--schedule", NAME).sentence
    missing = kedge("watch", "abalone", "--schedule", "none", "--print")
    assert "monitoring schedule none is not known" in missing.sentence


def test_failed_executions_are_listed(sagemaker: Any) -> None:
    from moto.sagemaker.models import sagemaker_backends

    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    summary = {
        "MonitoringScheduleName": NAME,
        "ScheduledTime": at,
        "CreationTime": at,
        "LastModifiedTime": at,
        "MonitoringExecutionStatus": "Failed",
        "FailureReason": "No S3 objects found",
    }
    completed = {**summary, "MonitoringExecutionStatus": "Completed"}
    backend = sagemaker_backends["123456789012"]["eu-west-1"]
    backend.__dict__["monitoring_executions"] = [summary, completed]
    assert failed_executions(sagemaker, NAME, at - HOUR) == (
        FailedExecution(NAME, at, "No S3 objects found"),
    )


def test_an_execution_that_failed_is_no_quiet_hour(watch: Watch) -> None:
    put(watch.yard, NOON, UNTYPED)
    watch.fine(entry(watch), NOON + HOUR)
    failed = FailedExecution(NAME, NOON + HOUR, "AlgorithmError: Job inputs had no data")

    def observe(at: int) -> None:
        watch.clock.at = NOON + at * HOUR
        done = watch.observer(failed=lambda _endpoint, _since: (failed,)).observe(entry(watch))
        assert done is not None
        assert done.problem is None

    observe(2)
    put(watch.yard, NOON + 2 * HOUR)
    observe(3)
    assert len(watch.judged()) == 3
    assert [one.closed_at for one in watch.incidents()] == [None]
    put(watch.yard, NOON + 3 * HOUR)
    observe(4)
    assert [one.closed_at for one in watch.incidents()] == [NOON + 4 * HOUR]


@pytest.mark.parametrize("still", [True, False], ids=["followed", "no longer followed"])
def test_what_it_found_is_never_judged_again_from_what_kedge_stored(watch: Watch, still: bool) -> None:
    """There is no record of its windows: held against a baseline they would come out empty."""
    put(watch.yard, NOON, DRIFTED)
    watch.yard.capture("abalone", records(1, NOON, 80))
    watch.fine(entry(watch), NOON + 3 * HOUR)
    theirs, own = watch.judged()
    kept, opened = watch.profile(theirs), watch.incidents()
    asked = entry(watch) if still else watch.yard.endpoint(window="1h")

    key = watch.monitor().id
    given = past(watch.engine, key, asked, 1, start=None, end=None, now=watch.clock.at)
    with leased(watch.engine, monitors, key, "test", LEASE, lambda: False) as lease:
        assert lease is not None
        held = list(rejudge(watch.engine, lease.transaction, given, watch.clock.at))
    assert [one.window_id for one in held] == [own.window_id]
    with writing(watch.engine) as connection:
        assert windows.mark(connection, key) == 1
    watch.fine(asked, NOON + 3 * HOUR)
    assert watch.judged()[0] == theirs
    assert watch.judged()[1].revision == 3
    assert (watch.profile(theirs), watch.incidents()) == (kept, opened)
