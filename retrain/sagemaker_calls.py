"""Calls to SageMaker that fail in one sentence, and say whether asking again may help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

UNKNOWN = frozenset(
    {"ValidationException", "ValidationError", "ResourceNotFound", "ResourceNotFoundException"}
)
"""What SageMaker answers where there is no such thing."""
TAKEN = frozenset({"ValidationException", "ValidationError", "ResourceInUse", "ConflictException"})
"""What SageMaker answers where there is such a thing already."""

_PASSING = frozenset(
    {
        "ConflictException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalFailure",
        "InternalServerError",
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
    }
)
_FOR_GOOD = (NoCredentialsError, ParamValidationError, PartialCredentialsError)
_LONGEST_REASON = 300  # a proxy on the way may answer with a page


class CallError(Exception):
    """One sentence; `retryable` where the same call may succeed later, or has taken effect unseen."""

    def __init__(self, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


@contextmanager
def calling(operation: str, what: str, kind: type[CallError]) -> Iterator[None]:
    """Turn what boto3 raises into `kind`; `what` says of what, such as "endpoint abalone"."""
    try:
        yield
    except ClientError as error:
        raise kind(_refused(error, operation, what), _may_pass(error)) from error
    except BotoCoreError as error:
        retryable = not isinstance(error, _FOR_GOOD)
        advice = "it will be tried again" if retryable else "check the credentials and kedge.yaml"
        raise kind(f"{operation} of {what} failed ({type(error).__name__}): {advice}", retryable) from error


def code_of(error: ClientError) -> str:
    """AWS's name for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _may_pass(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in _PASSING or status == 429 or status >= 500


def _refused(error: ClientError, operation: str, what: str) -> str:
    reason = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:_LONGEST_REASON]
    advice = (
        "it will be tried again"
        if _may_pass(error)
        else f"check it, and that sagemaker:{operation} is allowed"
    )
    return f"{operation} of {what} was refused ({code_of(error) or 'an error'}: {reason}): {advice}"
