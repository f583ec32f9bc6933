"""The worker of the shipped workflow: takes a step off the queue, does it, answers Step Functions.

    queue ──message──> Worker ──step──> Trainer
                         │  signs of life while it works
                         └──success, or a failure with a name──> Step Functions

A message goes from the queue when its answer was taken, or when nobody waits for one any more. Whatever a run
writes lies below its own output, so doing a step twice is doing it once.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from objects import AwsClient
from retrain.workflows.jobs.here import PROCESSING, TRAINING, JobsHere
from retrain.workflows.steps import (
    WORKER_ERROR,
    StepError,
    Trained,
    Trainer,
    TrainerError,
    do_step,
    failed_with,
)

__all__ = ["Trained", "Trainer", "TrainerError", "Worker"]

_LOG = logging.getLogger(__name__)
_STALE = {"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"}
_BEATS_HIDDEN = 6  # a message whose worker is gone is seen again after so many beats
_MAX_CAUSE = 32_768  # of SendTaskFailure, characters
_PAUSE_SECONDS = 2.0  # after a fault of the queue
_ANSWER_TRIES = 5
_REMEMBERED = 1000
_GREETINGS = 4
_GREETING_SECONDS = 0.3


class _StaleError(Exception):
    """Nobody waits for this step any more."""


@dataclass(frozen=True, slots=True)
class _Task:
    token: str
    receipt: str
    message: dict[str, Any]

    @property
    def told(self) -> str:
        return f"step {self.message.get('step')} of run {self.message.get('run')}"


class Worker:
    """Does the steps of one queue, one after the other. Run as many as there are runs at a time."""

    def __init__(
        self,
        sqs: AwsClient,
        stepfunctions: AwsClient,
        s3: AwsClient,
        queue_url: str,
        trainer: Trainer,
        *,
        beat_seconds: float = 20.0,
        poll_seconds: int = 20,
        jobs: JobsHere | None = None,
    ) -> None:
        """Take the clients; a sign of life goes out every `beat_seconds`, a poll waits `poll_seconds`.

        With `jobs` it also does those of the state machine of SageMaker jobs.
        """
        self._sqs = sqs
        self._stepfunctions = stepfunctions
        self._s3 = s3
        self._queue_url = queue_url
        self._trainer = trainer
        self._jobs = jobs
        self._beat_seconds = beat_seconds
        self._poll_seconds = poll_seconds
        self._answered: deque[str] = deque(maxlen=_REMEMBERED)  # their messages may come once more
        self._hidden_seconds = max(1, round(_BEATS_HIDDEN * beat_seconds))

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; a step that is being done is done to its end."""
        from botocore.exceptions import BotoCoreError, ClientError

        while not stop.is_set():
            try:
                for message in self._receive():
                    self._take(message)
            except (BotoCoreError, ClientError) as error:
                # The message, if there was one, is not deleted: it is seen again.
                _LOG.warning("%s of AWS while working on %s; goes on", _named(error), self._queue_url)
                stop.wait(_PAUSE_SECONDS)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=self._poll_seconds,
            VisibilityTimeout=self._hidden_seconds,
        )
        return list(answer.get("Messages", ()))

    def _take(self, message: dict[str, Any]) -> None:
        """Do what a message asks for; one that is none of ours is told and left to the queue's policy."""
        task = _task(message)
        if task is None:
            _LOG.warning("a message on %s is no step of the workflow: it is left alone", self._queue_url)
            return
        try:
            if task.token not in self._answered:
                self._greet(task)
                self._do(task)
        except _StaleError:
            _LOG.warning("nobody waits for %s any more: it is dropped", task.told)
        self._answered.append(task.token)
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=task.receipt)

    def _greet(self, task: _Task) -> None:
        """The first sign of life; a message may be here a moment before its token is known over there."""
        pause = Event()
        for _ in range(_GREETINGS - 1):
            try:
                return self._beat(task)
            except _StaleError:
                pause.wait(_GREETING_SECONDS)
        return self._beat(task)

    def _do(self, task: _Task) -> None:
        try:
            with self._alive(task):
                output = self._done(task.message)
        except StepError as error:
            _LOG.warning("%s failed (%s): %s", task.told, error.name, error)
            self._answer(
                self._stepfunctions.send_task_failure, task, error=error.name, cause=str(error)[:_MAX_CAUSE]
            )
        else:
            self._answer(self._stepfunctions.send_task_success, task, output=output)

    def _done(self, message: dict[str, Any]) -> str:
        """The step's output as JSON; whatever goes wrong in it ends the step, and not the worker."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return json.dumps(self._output_of(message))
        except (StepError, BotoCoreError, ClientError):
            raise
        except Exception as error:
            raise StepError(WORKER_ERROR, f"the worker {failed_with(error)}") from error

    def _output_of(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._jobs is not None and message.get("step") in (PROCESSING, TRAINING):
            return self._jobs.run(message)
        return do_step(self._trainer, self._s3, message)

    def _answer(self, send: Callable[..., Any], task: _Task, **answer: str) -> None:
        """Give the answer, again where a fault lies in the way: the work behind it may be hours."""
        from botocore.exceptions import BotoCoreError, ClientError

        pause = Event()
        for attempt in range(1, _ANSWER_TRIES + 1):
            try:
                with _staleness():
                    send(taskToken=task.token, **answer)
                return
            except (BotoCoreError, ClientError) as error:
                if attempt == _ANSWER_TRIES:
                    raise
                _LOG.warning("%s of AWS at the answer to %s: again", _named(error), task.told)
            pause.wait(_PAUSE_SECONDS * attempt / _ANSWER_TRIES)

    @contextmanager
    def _alive(self, task: _Task) -> Iterator[None]:
        """Signs of life to Step Functions and to the queue for as long as the block lasts."""
        done = Event()
        thread = Thread(target=self._keep_beating, args=(task, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _keep_beating(self, task: _Task, done: Event) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        while not done.wait(self._beat_seconds):
            try:
                self._beat(task)
            except _StaleError:
                return  # the answer will tell
            except (BotoCoreError, ClientError) as error:
                _LOG.warning("%s of AWS at a sign of life for %s: goes on", _named(error), task.told)

    def _beat(self, task: _Task) -> None:
        with _staleness():
            self._stepfunctions.send_task_heartbeat(taskToken=task.token)
        self._sqs.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=task.receipt, VisibilityTimeout=self._hidden_seconds
        )


def _task(message: dict[str, Any]) -> _Task | None:
    try:
        body = json.loads(message["Body"])
        return _Task(str(body["token"]), message["ReceiptHandle"], body)
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def _staleness() -> Iterator[None]:
    """Turn the refusal of a token into `_StaleError`."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if _named(error) in _STALE:
            raise _StaleError from error
        raise


def _named(error: Exception) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)
