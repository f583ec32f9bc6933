"""`kedge doctor` finds what was put wrong on purpose, names it, and says what to change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import polars as pl
import pytest

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.create import create
from config.findings import State
from demo import missing_operations
from monitor import diagnosis
from tests.capture.events import captured, csv_line
from tests.clock import MINUTE, NOON
from tests.commands.line import Ran, kedge
from tests.observing.conftest import Watch
from tests.observing.yard import Yard, bucket, capture_key, records

CAPTURE: dict[str, Any] = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://logs/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}


@dataclass
class Clinic:
    """A healthy endpoint in an AWS on loopback, and its kedge.yaml; tests make it ill."""

    yard: Yard
    folder: Path
    sagemaker: Any

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) - 10 * MINUTE

    def configure(self, name: str = "c", capture: dict[str, Any] | None = None) -> None:
        given = {} if capture is None else {"DataCaptureConfig": capture}
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": "m",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **given)
        self.sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName=name)

    def write(self, **given: Any) -> None:
        usual = {
            "name": "abalone",
            "capture": "s3://logs/capture",
            "baseline": "s3://logs/baseline",
            "prediction": "rings",
        }
        entry = {key: value for key, value in {**usual, **given}.items() if value is not None}
        (self.folder / "kedge.yaml").write_text(json.dumps({"region": "eu-west-1", "endpoints": [entry]}))

    def ask(self, *options: str) -> dict[str, dict[str, Any]]:
        ran = kedge("doctor", "abalone", "--json", *options)
        assert ran.err == ""
        return {each["check"]: each for each in json.loads(ran.out)["checks"]}

    def wrong(self, *options: str) -> dict[str, str]:
        """What is wrong, by check: what was seen and what to change."""
        found = self.ask(*options)
        return {name: f"{c['said']} → {c['change']}" for name, c in found.items() if c["state"] == "wrong"}


@pytest.fixture
def clinic(aws: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.chdir(tmp_path)
    missing_operations.install(0.1)
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r", PrimaryContainer={"Image": "i"}
    )
    made = Clinic(bucket("logs"), tmp_path, sagemaker)
    made.yard.baseline()
    made.write()
    return made


@pytest.fixture
def healthy(clinic: Clinic) -> Clinic:
    clinic.configure(capture=CAPTURE)
    clinic.yard.capture("abalone", records(1, clinic.now))
    return clinic


def test_nothing_is_wrong_with_one_that_is_well(healthy: Clinic) -> None:
    found = healthy.ask()
    assert [name for name, each in found.items() if each["state"] == "wrong"] == []
    well = {name for name, each in found.items() if each["state"] == "ok"}
    assert well == {
        "credentials",
        "clock",
        "endpoint",
        "data capture",
        "captures",
        "a captured object",
        "baseline",
        "column order",
    }
    told = kedge("doctor", "abalone", "--fail-on-findings")
    assert (told.status, told.out.splitlines()[-1]) == (0, "Nothing is wrong.")


def test_what_is_wrong_makes_the_exit_status_3_where_that_is_asked_for(clinic: Clinic) -> None:
    assert kedge("doctor", "abalone").status == 0
    assert kedge("doctor", "abalone", "--fail-on-findings").status == 3
    assert "no endpoint other" in kedge("doctor", "other").sentence


def test_an_endpoint_that_is_not_there(clinic: Clinic) -> None:
    found = clinic.wrong()
    assert "endpoint abalone is not known in eu-west-1" in found["endpoint"]
    assert "check the name and the region" in found["endpoint"]


def test_capture_that_is_off(clinic: Clinic) -> None:
    clinic.configure()
    assert "EnableCapture" in clinic.wrong()["data capture"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"EnableCapture": False}, "is off"),
        ({"InitialSamplingPercentage": 0}, "samples 0%"),
        ({"DestinationS3Uri": "s3://logs/elsewhere"}, "write capture: s3://logs/elsewhere"),
    ],
)
def test_capture_that_goes_nowhere(clinic: Clinic, change: dict[str, Any], says: str) -> None:
    clinic.configure(capture=CAPTURE | change)
    assert says in clinic.wrong()["data capture"]


def test_capture_without_content_types_is_told_to_be_base64(clinic: Clinic) -> None:
    capture = {key: value for key, value in CAPTURE.items() if key != "CaptureContentTypeHeader"}
    clinic.configure(capture=capture)
    found = clinic.ask()["data capture"]
    assert (found["state"], "all as BASE64" in found["said"]) == ("note", True)


def test_no_captures_at_all(clinic: Clinic) -> None:
    clinic.configure(capture=CAPTURE)
    found = clinic.wrong()["captures"]
    assert "none at s3://logs/capture/abalone/<variant>/yyyy/mm/dd/hh/" in found
    assert "send the endpoint a request" in found


Fault = Callable[[Clinic], None]


def another_variant(clinic: Clinic) -> None:
    clinic.yard.capture("abalone", records(1, clinic.now), variant="Blue")
    clinic.write(variant="AllTraffic")


def another_name(clinic: Clinic) -> None:
    clinic.yard.capture("abalone-prod", records(1, clinic.now))


def a_double_slash(clinic: Clinic) -> None:
    data = captured(*(record.line() for record in records(1, clinic.now)))
    key = f"capture//abalone/{capture_key('AllTraffic', clinic.now, 'a')}"
    clinic.yard.place("capture").objects.write(key, data)


def too_old(clinic: Clinic) -> None:
    clinic.yard.capture("abalone", records(1, clinic.now - timedelta(days=9)))


def another_form(clinic: Clinic) -> None:
    clinic.yard.put("capture", "notes.txt", b"hello")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (another_variant, "there are other variants: Blue → write variant: Blue"),
        (another_name, "there are folders of other names: abalone-prod"),
        (a_double_slash, "a double slash (//)"),
        (too_old, "the newest of this endpoint is older: capture/abalone/AllTraffic/"),
        (another_form, "keys of another form, such as capture/notes.txt"),
    ],
)
def test_captures_that_lie_elsewhere(clinic: Clinic, fault: Fault, says: str) -> None:
    clinic.configure(capture=CAPTURE)
    fault(clinic)
    assert says in clinic.wrong()["captures"]


def test_captures_with_another_number_of_columns(clinic: Clinic) -> None:
    clinic.configure(capture=CAPTURE)
    time = clinic.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [csv_line("0.5,F,1", "9", event_id=f"e{n}", time=time) for n in range(3)]
    key = f"abalone/{capture_key('AllTraffic', clinic.now, 'a')}"
    clinic.yard.put("capture", key, captured(*lines))
    found = clinic.wrong()["a captured object"]
    assert "line 1: wrong_columns" in found
    assert "output columns, then input columns" in found


def test_a_baseline_with_its_output_last(clinic: Clinic) -> None:
    clinic.configure(capture=CAPTURE)
    clinic.yard.capture("abalone", records(1, clinic.now))
    table = "\n".join(
        ["length,sex,rings", *(f"{r.length},{r.sex},{r.rings}" for r in records(5, clinic.now, 500))]
    )
    profile, suggested = create(table.encode(), where="baseline.csv")
    clinic.yard.put("baseline", "statistics.json", statistics_file.write(profile).encode())
    clinic.yard.put("baseline", "constraints.json", constraints_file.write(suggested).encode())
    clinic.write(prediction=None)
    found = clinic.wrong()
    assert "write columns: [rings, length, sex]" in found["column order"]
    clinic.write(prediction=None, columns=["rings", "length", "sex"])
    assert clinic.wrong() == {}


def test_a_baseline_that_is_missing_or_broken(healthy: Clinic) -> None:
    healthy.write(baseline="s3://logs/none")
    assert "s3://logs/none/statistics.json" in healthy.wrong()["baseline"]
    healthy.yard.put("baseline", "constraints.json", b"{")
    healthy.write()
    assert "kedge baseline create" in healthy.wrong()["baseline"]


def test_labels_and_whether_they_name_captured_records(healthy: Clinic) -> None:
    healthy.write(ground_truth="s3://logs/labels")
    assert "nothing at s3://logs/labels/yyyy/mm/dd/hh/" in healthy.wrong()["ground truth"]
    healthy.yard.labels(healthy.now, [("stranger", 9.0)])
    found = healthy.ask()["ground truth"]
    assert (found["state"], "0 of 1 labels" in found["said"]) == ("note", True)
    healthy.yard.labels(healthy.now, [("e1-0", 9.0)], name="b")
    assert healthy.ask()["ground truth"]["state"] == "ok"


def test_results_are_written_to_with_write_alone_and_by_the_key(healthy: Clinic) -> None:
    healthy.write(results="s3://logs/results", results_kms_key="alias/kedge")
    assert healthy.ask()["results"]["state"] == "skipped"
    assert healthy.ask("--write")["results"]["state"] == "ok"
    head = boto3.client("s3").head_object(Bucket="logs", Key="results/abalone/.kedge-doctor")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/kedge")
    healthy.write(results="s3://nobodys-bucket/results")
    assert "there is no bucket nobodys-bucket" in healthy.wrong("--write")["results"]


ALL_MADE = ["s3:ObjectCreated:*"]


def a_queue(clinic: Clinic, **attributes: str) -> str:
    """The URL of a queue that the entry names from now on."""
    sqs = boto3.client("sqs")
    url = str(sqs.create_queue(QueueName="captures", Attributes=attributes)["QueueUrl"])
    clinic.write(notifications=url)
    return url


def announcing(events: list[str] = ALL_MADE, prefix: str | None = None) -> None:
    """Have the bucket announce new objects on the queue."""
    wanted: dict[str, Any] = {
        "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:captures",
        "Events": events,
    }
    if prefix is not None:
        wanted["Filter"] = {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}
    boto3.client("s3").put_bucket_notification_configuration(
        Bucket="logs", NotificationConfiguration={"QueueConfigurations": [wanted]}
    )


def test_a_queue_that_announces_captures(healthy: Clinic) -> None:
    dead = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    to = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 10}
    a_queue(healthy, RedrivePolicy=json.dumps(to))
    announcing(prefix="capture/")
    found = healthy.ask()
    assert (found["queue"]["state"], found["announcements"]["state"]) == ("ok", "ok")
    assert "to the dead-letter queue after 10 tries" in found["queue"]["said"]
    assert "below capture/abalone/" in found["announcements"]["said"]


def test_a_queue_without_a_dead_letter_queue_is_worth_knowing(healthy: Clinic) -> None:
    a_queue(healthy)
    announcing()
    found = healthy.ask()
    assert (found["queue"]["state"], found["announcements"]["state"]) == ("note", "ok")


def test_a_queue_that_is_not_there(healthy: Clinic) -> None:
    healthy.write(notifications=a_queue(healthy).replace("captures", "captive"))
    assert "there is no queue" in healthy.wrong()["queue"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "announces no new object to arn:aws:sqs:eu-west-1:123456789012:captures"),
        ({"events": ["s3:ObjectRemoved:*"]}, "announces no new object"),
        ({"prefix": "other/"}, "announces what is made below other/ alone"),
    ],
)
def test_a_bucket_that_does_not_announce_them(
    healthy: Clinic, given: dict[str, Any] | None, says: str
) -> None:
    a_queue(healthy)
    if given is not None:
        announcing(**given)
    assert says in healthy.wrong()["announcements"]


def test_a_role_is_assumed_and_named(healthy: Clinic) -> None:
    healthy.write(role="arn:aws:iam::123456789012:role/watcher")
    found = healthy.ask()
    assert "assumed-role/watcher/kedge" in found["role"]["said"]
    assert found["captures"]["state"] == "ok"


def test_without_credentials_nothing_else_is_tried(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = clinic.ask()
    assert list(found) == ["credentials", "all else"]
    assert "profile or an instance role" in found["credentials"]["change"]


def test_a_folder_of_this_machine_wants_no_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    yard = Yard(f"file://{tmp_path}/yard")
    yard.baseline()
    yard.capture("abalone", records(1, datetime.now(UTC) - 10 * MINUTE))
    entry = {"name": "abalone", "capture": f"{yard.uri}/capture", "baseline": f"{yard.uri}/baseline"}
    (tmp_path / "kedge.yaml").write_text(json.dumps({"endpoints": [entry]}))
    told: Ran = kedge("doctor", "abalone")
    assert told.out.splitlines()[-1] == "Nothing is wrong."


@pytest.mark.parametrize(
    ("off", "state"), [(0, State.OK), (299, State.OK), (301, State.WRONG), (-301, State.WRONG)]
)
def test_a_clock_that_is_off_is_told(off: int, state: State) -> None:
    there = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert diagnosis.of_clock(there + timedelta(seconds=off), there).state is state


def test_the_service_tells_captures_that_lie_elsewhere_at_the_endpoint(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON), variant="Blue")
    entry = watch.yard.endpoint(variant="AllTraffic")
    done = watch.round(entry, NOON + 10 * MINUTE)
    assert done.problem is not None
    assert "there are other variants: Blue: write variant: Blue" in done.problem
    assert watch.monitor().problem == done.problem
    assert watch.fine(watch.yard.endpoint(), NOON + 10 * MINUTE).judged == 1
    assert watch.monitor().problem is None


def test_the_service_takes_an_endpoint_without_traffic_for_quiet(watch: Watch) -> None:
    watch.yard.capture("another", records(1, NOON))
    assert watch.fine(watch.yard.endpoint(), NOON + 10 * MINUTE).idle


def test_no_label_that_can_be_read_is_wrong() -> None:
    empty = pl.Series("join_id", [], dtype=pl.String)
    assert diagnosis.of_labels(2, empty, empty, "s3://logs/labels").state is State.WRONG
