"""The state machine of SageMaker jobs: as AWS runs it, and with a worker in SageMaker's place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("sagemaker.asl.json")
_JOBS: Final = "arn:aws:states:::sagemaker:"
_SYNC: Final = ".sync"
_THRESHOLD: Final = 3.1


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the machine's jobs are made of.

    `role` is the jobs' own; `image` holds Kedge and the owner's trainer, which is named as
    ``module:Class`` (a `retrain.workflows.steps.Trainer` whose class takes no arguments);
    `serving_image` serves the model. `output` is ``training.output`` of kedge.yaml, an s3:// folder:
    the evaluation is read below it. A challenger whose rmse on the held-out records is not below
    `threshold` is not registered.
    """

    role: str
    image: str
    serving_image: str
    trainer: str
    group: str
    output: str
    instance: str = "ml.m5.xlarge"
    threshold: float = _THRESHOLD


def job_definition(jobs: Jobs) -> str:
    """The machine for AWS: each job is a task that ends when the job does (``.sync``).

    Raises:
        ValueError: where `output` is no folder of a bucket.
    """
    return json.dumps(_filled(jobs))


def handed_definition(
    jobs: Jobs, queue_url: str, *, heartbeat_seconds: int = 120, timeout_seconds: int = 86_400
) -> str:
    """The same states, where a worker on `queue_url` runs the jobs and answers what SageMaker would.

    Each job's task becomes a message with the name of the call and its exact parameters. A worker that
    gives no sign of life for `heartbeat_seconds`, or takes longer than `timeout_seconds`, has failed.

    Raises:
        ValueError: where `output` is no folder of a bucket.
    """
    machine = _filled(jobs)
    for state in machine["States"].values():
        if not str(state.get("Resource", "")).startswith(_JOBS):
            continue
        operation = state["Resource"].removeprefix(_JOBS).removesuffix(_SYNC)
        state |= {
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "HeartbeatSeconds": heartbeat_seconds,
            "TimeoutSeconds": timeout_seconds,
            "Parameters": {
                "QueueUrl": queue_url,
                "MessageBody": {
                    "token.$": "$$.Task.Token",
                    "step": operation,
                    "run.$": "$.run",
                    "request": state["Parameters"],
                },
            },
        }
    return json.dumps(machine)


def _filled(jobs: Jobs) -> dict[str, Any]:
    bucket, _, prefix = jobs.output.removeprefix("s3://").rstrip("/").partition("/")
    if not jobs.output.startswith("s3://") or not bucket or not prefix:
        raise ValueError(f"{jobs.output!r} is no folder of a bucket: write s3://bucket/folder")
    given = {
        "JobRole": jobs.role,
        "Image": jobs.image,
        "ServingImage": jobs.serving_image,
        "Trainer": jobs.trainer,
        "Group": jobs.group,
        "Instance": jobs.instance,
        "Bucket": bucket,
        "Prefix": prefix,
    }
    machine = _replaced(json.loads(_FILE.read_text(encoding="utf-8")), given)
    machine["States"]["IsItGoodEnough"]["Choices"][0]["NumericLessThan"] = jobs.threshold
    found: dict[str, Any] = machine
    return found


def _replaced(value: Any, given: dict[str, str]) -> Any:  # noqa: ANN401 (JSON)
    """The same value with every ``${Name}`` in its texts replaced."""
    if isinstance(value, dict):
        return {name: _replaced(inner, given) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, given) for inner in value]
    if isinstance(value, str):
        for name, text in given.items():
            value = value.replace(f"${{{name}}}", text)
    return value
