"""AWS's own baselining: a SageMaker processing job of the stock analyzer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_INPUT = "/opt/ml/processing/input/baseline_dataset_input"
_OUTPUT = "/opt/ml/processing/output"
_POLL_SECONDS = 15.0
FORMATS = {
    "csv": {"csv": {"header": True, "output_columns_position": "START"}},
    "csv without header": {"csv": {"header": False, "output_columns_position": "START"}},
    "json lines": {"json": {"lines": True}},
    "parquet": {"parquet": {}},
}
"""`dataset_format`, as the analyzer takes it."""


class ProcessingJobError(Exception):
    """Why AWS made no baseline, in one sentence."""


@dataclass(frozen=True, slots=True)
class BaseliningJob:
    """A job as CreateProcessingJob takes it; `output` is the s3:// folder that the two files come to."""

    name: str
    image: str
    role: str
    dataset: str
    dataset_format: str
    output: str
    instance_type: str = "ml.m5.xlarge"
    volume_gb: int = 30
    limit_seconds: int = 3600
    kms_key: str | None = None

    def request(self) -> dict[str, Any]:
        """The request; metrics are never published by a baseline."""
        encrypted = {"KmsKeyId": self.kms_key} if self.kms_key else {}
        dataset = {
            "S3Uri": self.dataset,
            "LocalPath": _INPUT,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        }
        result = {"S3Uri": self.output, "LocalPath": _OUTPUT, "S3UploadMode": "EndOfJob"}
        return {
            "ProcessingJobName": self.name,
            "RoleArn": self.role,
            "AppSpecification": {"ImageUri": self.image},
            "Environment": {
                "dataset_format": json.dumps(FORMATS[self.dataset_format]),
                "dataset_source": _INPUT,
                "output_path": _OUTPUT,
                "publish_cloudwatch_metrics": "Disabled",
            },
            "ProcessingInputs": [{"InputName": "baseline_dataset_input", "S3Input": dataset}],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "monitoring_output", "S3Output": result}],
                **encrypted,
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": self.instance_type,
                    "VolumeSizeInGB": self.volume_gb,
                }
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": self.limit_seconds},
        }


def format_of(dataset: str, *, header: bool) -> str:
    """The name of a data set's format by the end of its address; a folder is taken for CSV."""
    lower = dataset.lower()
    if lower.endswith((".jsonl", ".json", ".ndjson")):
        return "json lines"
    if lower.endswith(".parquet"):
        return "parquet"
    return "csv" if header else "csv without header"


def job_name(now: datetime) -> str:
    """A name that no other job of the account has, unless it began in the same microsecond."""
    return f"kedge-baseline-{now:%Y%m%d-%H%M%S}-{now.microsecond:06d}"


def run(client: Any, job: BaseliningJob, sleep: Callable[[float], None] = time.sleep) -> None:  # noqa: ANN401
    """Start the job and wait until it has ended.

    Raises:
        ProcessingJobError: where AWS refuses it, it failed, or it was stopped.
    """
    from botocore.exceptions import ClientError

    try:
        client.create_processing_job(**job.request())
        while (found := client.describe_processing_job(ProcessingJobName=job.name))[
            "ProcessingJobStatus"
        ] in ("InProgress", "Stopping"):
            sleep(_POLL_SECONDS)
    except ClientError as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ProcessingJobError(
            f"the processing job {job.name}: {said}: allow sagemaker:CreateProcessingJob, "
            f"sagemaker:DescribeProcessingJob and iam:PassRole on {job.role}"
        ) from error
    if found["ProcessingJobStatus"] != "Completed":
        why = found.get("FailureReason") or found.get("ExitMessage") or "no reason given"
        raise ProcessingJobError(
            f"the processing job {job.name} ended {found['ProcessingJobStatus']} ({why}): "
            "look at its log in /aws/sagemaker/ProcessingJobs"
        )
