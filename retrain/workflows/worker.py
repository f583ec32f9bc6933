"""The worker of the shipped workflow: takes a step off the queue, does it, answers Step Functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Trained:
    """A model: its archive (model.tar.gz), the image that serves it, SageMaker's evaluation.json."""

    archive: bytes
    image: str
    evaluation: dict[str, Any]


class TrainerError(Exception):
    """A trainer's own failure, in one sentence that holds none of the data; it is told as it is."""


class Trainer(Protocol):
    """What trains and scores. Any exception is a failure; a `TrainerError`'s sentence is passed on."""

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        """A model of column `label` by columns `features`; the same `seed_of` gives the same model."""

    def score(self, archive: bytes, csv: bytes) -> Sequence[float]:
        """The archive's predictions for the rows of a CSV with a header, in their order."""


class Worker:
    """Does the steps of one queue, one after the other."""

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        stepfunctions: Any,  # noqa: ANN401
        s3: Any,  # noqa: ANN401
        queue_url: str,
        trainer: Trainer,
        *,
        beat_seconds: float = 20.0,
        poll_seconds: int = 20,
    ) -> None:
        """Take the clients; a sign of life goes out every `beat_seconds`, a poll waits `poll_seconds`."""

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; a step that is being done is done to its end."""
        raise NotImplementedError
