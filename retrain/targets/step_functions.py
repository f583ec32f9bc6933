"""A Step Functions state machine as the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

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
_MAX_CAUSE = 32_768  # of StopExecution, characters


class Client(Protocol):
    """What is used of a boto3 Step Functions client."""

    start_execution: Callable[..., Any]
    describe_execution: Callable[..., Any]
    stop_execution: Callable[..., Any]


class StepFunctionsTarget:
    """Runs are executions of one STANDARD state machine, each called by its run's name."""

    def __init__(self, client: Client, machine: str) -> None:
        """Take a client, best without long retries of its own, and the state machine's ARN."""
        self._client = client
        self._machine = machine

    def place(self) -> None:
        """See `Target.place`: every replica sees the same executions."""

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; the handle is the execution's ARN."""
        size = len(input.encode())
        if size > MAX_INPUT_BYTES:
            message = (
                f"the input of run {name} has {size} bytes and Step Functions takes {MAX_INPUT_BYTES}: "
                "watch fewer features, or use a local target"
            )
            raise TargetError(message, retryable=False)
        with _faults(f"start run {name} on {self._machine}"):
            try:
                started = self._client.start_execution(stateMachineArn=self._machine, name=name, input=input)
            except Exception as error:
                if _code(error) != "ExecutionAlreadyExists":
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
        with _faults(f"describe {handle}"):
            return _status(self._client.describe_execution(executionArn=handle))

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`."""
        with _faults(f"stop {handle}"):
            self._client.stop_execution(executionArn=handle, error="Cancelled", cause=reason[:_MAX_CAUSE])


def _status(described: dict[str, Any]) -> Status:
    match described["status"]:
        case "SUCCEEDED" if "output" in described:
            return Succeeded(described["output"])
        case "SUCCEEDED":
            return Failed("NoOutput", "Step Functions does not show the execution's output")
        case "FAILED":
            return Failed(described.get("error") or "Failed", described.get("cause") or "")
        case "TIMED_OUT":
            return TimedOut()
        case "ABORTED":
            return Cancelled()
        case _:  # RUNNING, PENDING_REDRIVE
            return Running()


# ExecutionDoesNotExist: DescribeExecution is eventually consistent, so a new one may not be seen yet.
_PASSING = {
    "ExecutionDoesNotExist", "ExecutionLimitExceeded", "ExpiredToken", "ExpiredTokenException",
    "InternalServerError", "RequestExpired", "RequestLimitExceeded", "RequestTimeout", "ServiceUnavailable",
    "Throttling", "ThrottlingException", "TooManyRequestsException",
}  # fmt: skip
_TOO_MANY = 429
_SERVER_ERROR = 500


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Turn what boto3 raises into `TargetError`; `what` says what could not be done."""
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        code, status = _code(error), _http_status(error)
        passing = code in _PASSING or status == _TOO_MANY or status >= _SERVER_ERROR
        advice = "it is tried again" if passing else "check the ARN, the region and the IAM policy"
        message = f"cannot {what}, Step Functions answered {code or status}: {advice}"
        raise TargetError(message, retryable=passing) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        message = f"cannot {what} without AWS credentials: give them in the environment or a profile"
        raise TargetError(message, retryable=False) from error
    except boto.ParamValidationError as error:
        message = f"cannot {what}, the request has a wrong form: check the ARN and the name"
        raise TargetError(message, retryable=False) from error
    except KeyError as error:  # botocore takes an answer that broke off for one without its members
        message = (
            f"cannot {what}, Step Functions' answer has no {error}: it is tried again; check the network"
        )
        raise TargetError(message, retryable=True) from error
    except (boto.BotoCoreError, boto.HTTPClientError) as error:
        message = f"cannot {what} ({type(error).__name__}): it is tried again; check the network"
        raise TargetError(message, retryable=True) from error


def _code(error: Exception) -> str:
    return str(_response(error).get("Error", {}).get("Code", ""))


def _http_status(error: Exception) -> int:
    return int(_response(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _response(error: Exception) -> dict[str, Any]:
    """What AWS answered; nothing where no answer came."""
    return getattr(error, "response", None) or {}
