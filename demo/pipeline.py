"""The owner's retraining pipeline: data sets in the bucket, a queue, a state machine, and its worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from demo import survey
from demo.aws import Aws
from demo.endpoint import ROLE
from demo.preparation import Prepare, as_it_is
from demo.traffic import decimals
from retrain.workflows.definition import definition

STATE_MACHINE, QUEUE = "abalone-retraining", "abalone-training"
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Addresses: of the queue, the state machine, the champion's training and test set, the output folder."""

    queue: str
    state_machine: str
    original: str
    test: str
    output: str


def set_pipeline(
    aws: Aws, bucket: str, training: pl.DataFrame, test: pl.DataFrame, prepare: Prepare = as_it_is
) -> Pipeline:
    """Put the two sets into the bucket and make the queue and the shipped state machine on it."""
    s3 = aws.client("s3")
    for name, frame in (("training", training), ("test", test)):
        s3.put_object(Bucket=bucket, Key=f"datasets/{name}.csv", Body=dataset(frame, prepare))
    queue = aws.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
    made = aws.client("stepfunctions").create_state_machine(
        name=STATE_MACHINE, definition=definition(queue, pause_seconds=1), roleArn=ROLE
    )
    return Pipeline(
        queue=queue,
        state_machine=made["stateMachineArn"],
        original=f"s3://{bucket}/datasets/training.csv",
        test=f"s3://{bucket}/datasets/test.csv",
        output=f"s3://{bucket}/retraining",
    )


def dataset(frame: pl.DataFrame, prepare: Prepare = as_it_is) -> bytes:
    """A labelled set's CSV: the header `rings,length,…,sex_M`, then each animal's true rings and inputs."""
    columns = dict(zip(survey.INPUTS, prepare(survey.inputs(frame)).T, strict=True))
    table = {name: decimals(values) for name, values in columns.items()}
    return pl.DataFrame({survey.RINGS: frame[survey.RINGS]} | table).write_csv().encode()


@contextmanager
def working(aws: Aws, pipeline: Pipeline, log: Path, shuffle_labels: bool) -> Iterator[None]:
    """A worker in a process of its own, for as long as the block lasts; its log goes to `log`."""
    addresses = ["--queue", pipeline.queue, "--endpoint-url", aws.endpoint_url, "--with-parent"]
    options = [*addresses, "--shuffle-labels"] if shuffle_labels else addresses
    environment = os.environ | aws.environment()
    with log.open("ab") as told:
        process = subprocess.Popen(  # noqa: S603 (our own command line)
            [sys.executable, "-m", "demo.worker", *options], env=environment, stdout=told, stderr=told
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
