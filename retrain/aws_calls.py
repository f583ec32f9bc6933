"""Calls to AWS that fail in one sentence, and say whether asking again may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from config.asking import Answer

UNKNOWN = frozenset(
    {"ValidationException", "ValidationError", "ResourceNotFound", "ResourceNotFoundException"}
)
"""What SageMaker answers where there is no such thing."""
TAKEN = frozenset({"ValidationException", "ValidationError", "ResourceInUse", "ConflictException"})
"""What SageMaker answers where there is such a thing already."""

# …DoesNotExist and …NotFoundException of executions: what describes them is eventually consistent, so a new
# one may not be seen yet.
_PASSING = frozenset(
    {
        "ConcurrentPipelineExecutionsLimitExceededException",
        "ConflictException",
        "ExecutionDoesNotExist",
        "ExecutionLimitExceeded",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "PipelineExecutionNotFoundException",
        "PriorRequestNotComplete",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ResourceInUse",
        "ResourceLimitExceeded",
        "ServiceUnavailable",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
_FOR_GOOD = (NoCredentialsError, ParamValidationError, PartialCredentialsError)
_LONGEST_REASON = 300  # a proxy on the way may answer with a page
_TOO_MANY = 429
_SERVER_ERROR = 500


class CallError(Exception):
    """One sentence; `retryable` where the same call may succeed later, or has taken effect unseen."""

    def __init__(self, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


@contextmanager
def calling(operation: str, what: str, kind: type[CallError], service: str = "sagemaker") -> Iterator[None]:
    """Turn what boto3 raises into `kind`; `what` says of what, such as "endpoint abalone".

    `service` is what IAM calls the service that is asked.
    """
    try:
        yield
    except ClientError as error:
        raise kind(_refused(error, f"{service}:{operation}", what), may_pass(error)) from error
    except KeyError as error:  # botocore takes an answer that broke off for one without its members
        told = f"{operation} of {what} was answered without {error}: it will be tried again"
        raise kind(told, True) from error
    except BotoCoreError as error:
        retryable = not isinstance(error, _FOR_GOOD)
        advice = "it will be tried again" if retryable else "check the credentials and kedge.yaml"
        raise kind(f"{operation} of {what} failed ({type(error).__name__}): {advice}", retryable) from error


def whole(answer: Answer, member: str) -> Answer:
    """The answer, which has this member where it is whole; raises KeyError where it broke off.

    To be asked inside of `calling`, of what is described: it is read by members that may be absent.
    """
    _ = answer[member]
    return answer


def code_of(error: Exception) -> str:
    """AWS's name for an error; empty where there is none."""
    return str(_response(error).get("Error", {}).get("Code", ""))


def code_behind(error: Exception) -> str:
    """AWS's name for what this error was raised from; empty where there is none."""
    return code_of(error.__cause__) if isinstance(error.__cause__, Exception) else ""


def status_of(error: Exception) -> int:
    """The HTTP status that AWS answered with; 0 where no answer came."""
    return int(_response(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def reason_of(error: Exception) -> str:
    """AWS's own words for an error, on one line; empty where there are none."""
    return " ".join(str(_response(error).get("Error", {}).get("Message", "")).split())[:_LONGEST_REASON]


def is_passing(code: str) -> bool:
    """Whether what AWS answered by this name passes by itself."""
    return code in _PASSING


def may_pass(error: Exception) -> bool:
    """Whether what AWS answered passes by itself, by its name or its HTTP status."""
    status = status_of(error)
    return is_passing(code_of(error)) or status == _TOO_MANY or status >= _SERVER_ERROR


def _refused(error: ClientError, action: str, what: str) -> str:
    advice = "it will be tried again" if may_pass(error) else f"check it, and that {action} is allowed"
    operation = action.partition(":")[2]
    told = f"{code_of(error) or 'an error'}: {reason_of(error)}"
    return f"{operation} of {what} was refused ({told}): {advice}"


def _response(error: Exception) -> dict[str, Any]:
    """What AWS answered; nothing where no answer came."""
    return getattr(error, "response", None) or {}
