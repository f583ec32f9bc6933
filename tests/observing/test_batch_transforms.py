"""Batch transforms through the service: manifests are followed, windows go by the job's hour."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import boto3
import pytest

from config.model import Endpoint
from monitor.capture.transform import VARIANT
from store.records import ExecutionKind, Outcome
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import Record, Yard, bucket, records

TIME = "%Y-%m-%dT%H:%M:%SZ"


def manifest(yard: Yard, at: datetime, side: str, names: Sequence[str], name: str = "m.json") -> None:
    listed = json.dumps([{"prefix": f"{yard.uri}/data/"}, *names])
    yard.put("transforms", f"{side}/{at:%Y/%m/%d/%H}/{name}", listed.encode())


def csv_joined(given: Sequence[Record], *, ids: bool = False, at: datetime = NOON) -> bytes:
    """What a job writes that joins its input to the prediction, which comes last."""
    rows = (
        f"{one.length},{one.sex},{one.rings}" + (f",{_uuid(one)},{at.strftime(TIME)}" if ids else "")
        for one in given
    )
    return "".join(f"{row}\n" for row in rows).encode()


def json_joined(given: Sequence[Record], *, ids: bool = False, at: datetime = NOON) -> bytes:
    lines = []
    for one in given:
        record: dict[str, Any] = {
            "length": one.length,
            "sex": one.sex,
            "SageMakerOutput": {"rings": one.rings},
        }
        if ids:
            record |= {"SageMakerInferenceId": _uuid(one), "SageMakerInferenceTime": at.strftime(TIME)}
        lines.append(json.dumps(record) + "\n")
    return "".join(lines).encode()


def _uuid(one: Record) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, one.event_id))


def jobs(watch: Watch, **given: Any) -> Endpoint:
    (yard := watch.yard).put("transforms", "README", b"")
    return yard.endpoint("jobs", batch=True, capture=f"{yard.uri}/transforms", window="1h", **given)


def profiled(watch: Watch) -> list[tuple[datetime, str, int, int]]:
    return [(one.start, one.variant, one.records, one.rejected) for one in watch.judged(name="jobs")]


def outcomes(watch: Watch) -> set[Outcome]:
    return {check.outcome for one in watch.judged(name="jobs") for check in watch.checks(one)}


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("write", [csv_joined, json_joined])
def test_joined_output_is_judged_in_the_hour_of_its_job(watch: Watch, write: Any, ids: bool) -> None:
    given = records(1, NOON, 400)
    watch.yard.put("data", "part-0.out", write(given[:300], ids=ids))
    watch.yard.put("data", "sub/part-1.out", write(given[300:], ids=ids))
    manifest(watch.yard, NOON, "output", ["part-0.out", "sub/part-1.out"])
    done = watch.fine(jobs(watch), NOON + 2 * HOUR)
    assert (done.objects, done.judged) == (1, 1)
    assert profiled(watch) == [(NOON, VARIANT, 400, 0)]
    assert outcomes(watch) <= {Outcome.OK, Outcome.NOT_APPLICABLE}
    assert Outcome.OK in outcomes(watch)
    assert watch.rejects("jobs") == {}


def test_output_that_was_not_joined_meets_its_input_line_by_line(watch: Watch) -> None:
    given = records(2, NOON, 300)
    watch.yard.put("data", "in.csv", "".join(f"{one.length},{one.sex}\n" for one in given).encode())
    watch.yard.put("data", "in.csv.out", "".join(f"{one.rings}\n" for one in given).encode())
    manifest(watch.yard, NOON, "input", ["in.csv"], "i.json")
    manifest(watch.yard, NOON, "output", ["in.csv.out"], "o.json")
    watch.fine(jobs(watch), NOON + 2 * HOUR)
    assert profiled(watch) == [(NOON, VARIANT, 300, 0)]
    assert Outcome.VIOLATED not in outcomes(watch)


def test_drift_in_a_job_is_found(watch: Watch) -> None:
    watch.yard.put("data", "a.out", csv_joined(records(3, NOON, 400, shift=2)))
    manifest(watch.yard, NOON, "output", ["a.out"])
    watch.fine(jobs(watch), NOON + 2 * HOUR)
    [execution] = watch.judged(name="jobs")
    drifted = {one.feature for one in watch.checks(execution) if one.outcome is Outcome.VIOLATED}
    assert drifted == {"length", "rings"}


def test_the_same_manifest_is_counted_once_and_a_later_one_reopens_its_hour(watch: Watch) -> None:
    watch.yard.put("data", "a.out", csv_joined(records(4, NOON, 100)))
    watch.yard.put("data", "b.out", csv_joined(records(5, NOON, 50)))
    manifest(watch.yard, NOON, "output", ["a.out"], "a.json")
    assert watch.fine(jobs(watch), NOON + 2 * HOUR).objects == 1
    assert watch.fine(jobs(watch), NOON + 2 * HOUR + MINUTE).objects == 0
    manifest(watch.yard, NOON, "output", ["b.out"], "b.json")
    assert watch.fine(jobs(watch), NOON + 3 * HOUR).objects == 1
    assert profiled(watch) == [(NOON, VARIANT, 150, 0)]
    [execution] = watch.judged(name="jobs")
    assert execution.revision == 2


BAD: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"{", 1),
    "no array": (b'{"prefix": "s3://a/"}', 1),
    "no prefix": (b'["a.out"]', 1),
    "another kind of place": (b'[{"prefix": "s3://nowhere/"}, "a.out"]', 1),
    "empty": (b"[]", 1),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_manifest_costs_itself_alone(watch: Watch, name: str) -> None:
    content, lost = BAD[name]
    watch.yard.put("transforms", f"output/{NOON:%Y/%m/%d/%H}/0-bad.json", content)
    watch.yard.put("data", "a.out", csv_joined(records(6, NOON, 100)))
    manifest(watch.yard, NOON, "output", ["a.out"], "good.json")
    watch.fine(jobs(watch), NOON + 2 * HOUR)
    assert profiled(watch) == [(NOON, VARIANT, 100, lost)]
    assert [one.key.rpartition("/")[2] for one in watch.rejected("jobs")] == ["0-bad.json"]


def test_an_object_that_is_gone_or_wrong_costs_itself_and_is_named(watch: Watch) -> None:
    watch.yard.put("data", "a.out", csv_joined(records(7, NOON, 100)) + b"1,2\n\n")
    watch.yard.put("data", "bytes.out", b"\xff\xfe\n")
    manifest(watch.yard, NOON, "output", ["gone.out", "bytes.out", "a.out"])
    watch.fine(jobs(watch), NOON + 2 * HOUR)
    assert profiled(watch) == [(NOON, VARIANT, 100, 3)]
    details = sorted(
        example.detail for one in watch.rejected("jobs") for kind in one.rejects for example in kind.examples
    )
    assert details == [
        "gone.out is in the manifest and not there",
        "in a.out: the record has 2 columns where the baseline has 3",
        "in bytes.out: the object is not UTF-8 from byte 1 on",
    ]


@pytest.mark.parametrize("write", [csv_joined, json_joined])
def test_labels_are_joined_by_the_id_that_the_job_gave(watch: Watch, write: Any) -> None:
    given = records(8, NOON, 50)
    watch.yard.put("data", "a.out", write(given, ids=True))
    manifest(watch.yard, NOON, "output", ["a.out"])
    watch.yard.labels(NOON + HOUR, [(_uuid(one), one.rings + 2) for one in given])
    watch.fine(jobs(watch, ground_truth=f"{watch.yard.uri}/labels"), NOON + 2 * HOUR)
    [execution] = watch.judged(ExecutionKind.MODEL_QUALITY, "jobs")
    assert execution.records == 50


def test_columns_left_out_and_declared_paths_hold_for_jobs_too(watch: Watch) -> None:
    given = records(9, NOON, 60)
    lines = [
        json.dumps({"features": [one.length, one.sex], "SageMakerOutput": {"answer": {"rings": one.rings}}})
        for one in given
    ]
    watch.yard.put("data", "a.out", "\n".join(lines).encode())
    manifest(watch.yard, NOON, "output", ["a.out"])
    fields = {"rings": "SageMakerOutput.answer.rings", "length": "features[0]"}
    watch.fine(jobs(watch, fields=fields, exclude=("sex",)), NOON + 2 * HOUR)
    assert profiled(watch) == [(NOON, VARIANT, 60, 0)]
    [execution] = watch.judged(name="jobs")
    assert {one.feature for one in watch.checks(execution) if one.outcome is Outcome.OK} == {
        "rings",
        "length",
    }


def test_manifests_in_s3_name_objects_of_another_bucket(watch: Watch, aws: str) -> None:
    watch.yard = bucket("captures")
    watch.yard.baseline()
    elsewhere = bucket("results")
    elsewhere.put("job", "a.out", csv_joined(records(10, NOON, 80), ids=True))
    named = json.dumps([{"prefix": "s3://results/job/"}, "a.out"]).encode()
    watch.yard.put("transforms", f"output/{NOON:%Y/%m/%d/%H}/m", named)
    watch.fine(jobs(watch), NOON + 2 * HOUR)
    assert profiled(watch) == [(NOON, VARIANT, 80, 0)]


@pytest.mark.parametrize("schedule", [None, "batch-hourly"])
def test_cloudwatch_has_them_where_batch_schedules_put_them(
    watch: Watch, aws: str, schedule: str | None
) -> None:
    given = records(1, NOON, 40)
    watch.yard.put("data", "part-0.out", csv_joined(given))
    manifest(watch.yard, NOON, "output", ["part-0.out"])
    assert watch.fine(jobs(watch, cloudwatch={"schedule": schedule}), NOON + 2 * HOUR).sent == 1
    client = boto3.client("cloudwatch")
    (one,) = client.list_metrics(MetricName="feature_data_length")["Metrics"]
    assert one["Namespace"] == "aws/sagemaker/ModelMonitoring/data-metrics"
    name = schedule or f"kedge-{VARIANT}"
    assert one["Dimensions"] == [{"Name": "MonitoringSchedule", "Value": name}]
