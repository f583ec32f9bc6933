"""A Step Functions state machine as the target."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from retrain.aws_calls import code_of
from retrain.targets.aws import calling
from retrain.targets.base import (
    Cancelled,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    TimedOut,
    same_json,
)

MAX_INPUT_BYTES = 262_144  # of StartExecution, as UTF-8
_SERVICE = "Step Functions"
_FOLLOWED = "STANDARD"
_MAX_CAUSE = 32_768  # of StopExecution, characters
_MAX_TOLD = 1000
_REASONS = ("FailureReason", "ExitMessage")
"""Where SageMaker's description of a job says why it failed, and a processing job's own words."""


class Client(Protocol):
    """What is used of a boto3 Step Functions client."""

    start_execution: Callable[..., Any]
    describe_execution: Callable[..., Any]
    describe_state_machine: Callable[..., Any]
    stop_execution: Callable[..., Any]


class StepFunctionsTarget:
    """Runs are executions of one STANDARD state machine, each called by its run's name."""

    def __init__(self, client: Client, machine: str) -> None:
        """Take a client, best without long retries of its own, and the state machine's ARN."""
        self._client = client
        self._machine = machine

    def place(self) -> None:
        """See `Target.place`: every replica sees the same executions."""

    def look(self) -> str:
        """See `Target.look`; executions of an EXPRESS machine can't be followed, so it is an error."""
        with calling(f"find the state machine {self._machine}", _SERVICE):
            found = self._client.describe_state_machine(stateMachineArn=self._machine)
            kind = str(found["type"])
        if kind != _FOLLOWED:
            message = (
                f"the state machine {self._machine} is {kind}, whose executions can't be followed: make one "
                f"of type {_FOLLOWED}"
            )
            raise TargetError(message, retryable=False)
        return f"the state machine {self._machine} is there"

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; the handle is the execution's ARN."""
        size = len(input.encode())
        if size > MAX_INPUT_BYTES:
            message = (
                f"the input of run {name} has {size} bytes and Step Functions takes {MAX_INPUT_BYTES}: "
                "watch fewer features, or use a local target"
            )
            raise TargetError(message, retryable=False)
        with calling(f"start run {name} on {self._machine}", _SERVICE):
            try:
                started = self._client.start_execution(stateMachineArn=self._machine, name=name, input=input)
            except Exception as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise
                return self._started_before(name, input)
            return str(started["executionArn"])

    def _started_before(self, name: str, input: str) -> str:
        """The execution that has the name already, if it is ours."""
        handle = f"{self._machine.replace(':stateMachine:', ':execution:', 1)}:{name}"
        found = self._client.describe_execution(executionArn=handle)
        if not same_json(found.get("input", ""), input):
            message = (
                f"there is an execution {handle} with another input than run {name}'s: "
                "somebody else uses that name, or the database was set back; start another run"
            )
            raise TargetError(message, retryable=False)
        return handle

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        with calling(f"describe {handle}", _SERVICE):
            return _status(self._client.describe_execution(executionArn=handle))

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`."""
        with calling(f"stop {handle}", _SERVICE):
            self._client.stop_execution(executionArn=handle, error="Cancelled", cause=reason[:_MAX_CAUSE])


def _status(described: dict[str, Any]) -> Status:
    match described["status"]:
        case "SUCCEEDED" if "output" in described:
            return Succeeded(described["output"])
        case "SUCCEEDED":
            return Failed("NoOutput", "Step Functions does not show the execution's output")
        case "FAILED":
            return Failed(described.get("error") or "Failed", _cause(described.get("cause") or ""))
        case "TIMED_OUT":
            return TimedOut()
        case "ABORTED":
            return Cancelled()
        case _:  # RUNNING, PENDING_REDRIVE
            return Running()


def _cause(cause: str) -> str:
    """A cause in words: of a failed job of SageMaker's a state machine passes its whole description on."""
    try:
        job = json.loads(cause)
    except ValueError:
        job = None
    reasons = [job[name] for name in _REASONS if job.get(name)] if isinstance(job, dict) else []
    return ": ".join(map(str, reasons or [cause]))[:_MAX_TOLD]
