"""AWS's own baselining job: asked for as the SDK asks for it, waited for, its files fetched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from baselines.processing_job import FORMATS, BaseliningJob, ProcessingJobError, format_of, job_name, run
from tests.commands.line import kedge
from tests.observing.yard import baseline_files, bucket

ROLE = "arn:aws:iam::123456789012:role/job"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"


def job(**given: Any) -> BaseliningJob:
    usual: dict[str, Any] = {
        "name": "baseline-1",
        "image": IMAGE,
        "role": ROLE,
        "dataset": "s3://logs/train.csv",
        "dataset_format": "csv",
        "output": "s3://logs/baselining/results",
    }
    return BaseliningJob(**{**usual, **given})


@pytest.fixture
def sagemaker(aws: str) -> Any:
    return boto3.client("sagemaker")


class Script:
    """A SageMaker whose job goes through these states; it takes what the real one is asked."""

    def __init__(self, real: Any, *states: dict[str, str]) -> None:
        self.real, self.states = real, list(states)

    def create_processing_job(self, **request: Any) -> Any:
        return self.real.create_processing_job(**request)

    def describe_processing_job(self, **request: Any) -> Any:
        return self.real.describe_processing_job(**request) | self.states.pop(0)


def test_the_job_is_asked_for_and_waited_for(sagemaker: Any) -> None:
    slept: list[float] = []
    busy = {"ProcessingJobStatus": "InProgress"}
    run(Script(sagemaker, busy, busy, {"ProcessingJobStatus": "Completed"}), job(), slept.append)
    assert len(slept) == 2
    found = sagemaker.describe_processing_job(ProcessingJobName="baseline-1")
    assert found["AppSpecification"]["ImageUri"] == IMAGE
    environment = job().request()["Environment"]  # moto keeps none
    assert environment["publish_cloudwatch_metrics"] == "Disabled"
    assert json.loads(environment["dataset_format"]) == FORMATS["csv"]
    (given,) = found["ProcessingInputs"]
    assert given["S3Input"]["S3Uri"] == "s3://logs/train.csv"
    assert given["S3Input"]["LocalPath"] == environment["dataset_source"]
    (made,) = found["ProcessingOutputConfig"]["Outputs"]
    assert made["S3Output"]["LocalPath"] == environment["output_path"]


def test_a_job_that_fails_says_why(sagemaker: Any) -> None:
    failed = {"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: no rows"}
    with pytest.raises(ProcessingJobError, match=r"baseline-1 ended Failed \(AlgorithmError: no rows\)"):
        run(Script(sagemaker, failed), job())


def test_a_job_that_is_refused_says_what_to_allow() -> None:
    class Refusing:
        def create_processing_job(self, **_request: Any) -> Any:
            told = {"Error": {"Code": "AccessDeniedException", "Message": "no PassRole"}}
            raise ClientError(told, "CreateProcessingJob")

    with pytest.raises(ProcessingJobError, match="iam:PassRole"):
        run(Refusing(), job())


@pytest.mark.parametrize(
    ("dataset", "header", "name"),
    [
        ("s3://b/train.csv", True, "csv"),
        ("s3://b/train.csv", False, "csv without header"),
        ("s3://b/train.JSONL", True, "json lines"),
        ("s3://b/train.parquet", True, "parquet"),
        ("s3://b/train", True, "csv"),
    ],
)
def test_the_format_goes_by_the_name(dataset: str, header: bool, name: str) -> None:
    assert format_of(dataset, header=header) == name


def test_its_files_are_fetched(sagemaker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    monkeypatch.setattr("baselines.processing_job.job_name", lambda _now: job_name(at))
    logs = bucket("logs")
    for name, data in baseline_files().items():  # what the job would leave there
        logs.put("baselining", f"{job_name(at)}/results/{name}", data)
    given = ("--engine", "sagemaker", "--image", IMAGE, "--role", ROLE, "--results", "s3://logs/baselining")
    ran = kedge("baseline", "create", "s3://logs/train.csv", "--output", tmp_path / "made", *given, "--json")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["records"] == 2000
    for name, data in baseline_files().items():
        assert (tmp_path / "made" / name).read_bytes() == data


def test_what_it_wants_is_told(tmp_path: Path) -> None:
    ran = kedge("baseline", "create", "train.csv", "--output", tmp_path, "--engine", "sagemaker")
    assert "--image" in ran.sentence
