"""The shipped workflow on an AWS on loopback: bucket, queue, state machine, and what a run hands over."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from retrain.targets.base import Running, Status
from retrain.targets.step_functions import StepFunctionsTarget
from retrain.workflows.definition import definition
from retrain.workflows.worker import Trainer, Worker
from tests.faults import FaultyAws
from tests.workflows.linear import Linear

ROLE = "arn:aws:iam::123456789012:role/r"
BUCKET = "models"
RUN = "kedge-abalone-1"
OUTPUT = f"s3://{BUCKET}/{RUN}"
TRAINING = b"length,weight,rings\n" + b"".join(
    f"{x},{y},{2 * x + 3 * y + 1}\n".encode() for x in range(5) for y in range(4)
)
FRESH = b"length,weight\n1,1\n2,0\n0,3\n"
CAPTURED = b"length,weight\n4,4\n"
TEST = b"length,weight\n1,0\n0,1\n"


@dataclass
class Stage:
    """A state machine of the shipped workflow, its queue and its bucket."""

    aws: FaultyAws
    queue: str = ""
    s3: Any = field(init=False)
    sqs: Any = field(init=False)
    states: Any = field(init=False)

    def __post_init__(self) -> None:
        self.s3, self.sqs, self.states = (self.aws.client(name) for name in ("s3", "sqs", "stepfunctions"))
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.queue = self.sqs.create_queue(QueueName="train")["QueueUrl"]
        for name, data in {"training": TRAINING, "fresh": FRESH, "captured": CAPTURED, "test": TEST}.items():
            self.put(f"in/{name}.csv", data)

    def put(self, key: str, data: bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        return f"s3://{BUCKET}/{key}"

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def target(self, heartbeat_seconds: int = 20, attempts: int = 3) -> StepFunctionsTarget:
        machine = definition(
            self.queue, heartbeat_seconds=heartbeat_seconds, attempts=attempts, pause_seconds=1
        )
        made = self.states.create_state_machine(name="retrain", definition=machine, roleArn=ROLE)
        return StepFunctionsTarget(self.states, made["stateMachineArn"])

    def worker(self, trainer: Trainer) -> Worker:
        return Worker(self.sqs, self.states, self.s3, self.queue, trainer, beat_seconds=0.3, poll_seconds=1)

    @contextmanager
    def working(self, trainer: Trainer | None = None) -> Iterator[None]:
        """A worker in a thread of its own, for as long as the block lasts."""
        with at_work(self.worker(trainer or Linear())):
            yield

    def messages(self) -> int:
        """How many messages are on the queue, seen or hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(int(count) for count in found.values())

    def message(self) -> dict[str, Any]:
        """The next message's body, taken off the queue as a worker would that dies with it."""
        (taken,) = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=10)["Messages"]
        body: dict[str, Any] = json.loads(taken["Body"])
        return body

    def beat(self, token: str) -> None:
        """Wait until the task takes a heartbeat: moto loses an answer that comes before it listens."""
        for _ in range(100):
            try:
                self.states.send_task_heartbeat(taskToken=token)
                return
            except self.states.exceptions.InvalidToken:
                time.sleep(0.05)
        raise AssertionError("the task takes no heartbeat")


@contextmanager
def at_work(worker: Worker) -> Iterator[None]:
    """A worker in a thread of its own, for as long as the block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def handed(**changes: Any) -> str:
    """A run's input, as docs/retraining.md has it."""
    sets = f"s3://{BUCKET}/in"
    whole = {
        "run": RUN,
        "endpoint": "abalone",
        "variant": "AllTraffic",
        "reason": "rmse 2.9 is more than 1.15 times the baseline's",
        "incident": None,
        "training": {
            "data": f"{sets}/training.csv",
            "manifest": f"{sets}/manifest.json",
            "label": "rings",
            "features": ["length", "weight"],
        },
        "score": {
            "fresh": f"{sets}/fresh.csv",
            "captured": f"{sets}/captured.csv",
            "test": f"{sets}/test.csv",
        },
        "champion": {"model_data": None, "model_package": None},
        "output": OUTPUT,
    }
    return json.dumps({name: value for name, value in (whole | changes).items() if value is not ...})


def end_of(target: StepFunctionsTarget, handle: str, seconds: float = 30.0) -> Status:
    deadline = time.monotonic() + seconds
    while isinstance(status := target.status(handle), Running):
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.05)
    return status


@pytest.fixture
def stage(faulty_aws: FaultyAws) -> Stage:
    return Stage(faulty_aws)
