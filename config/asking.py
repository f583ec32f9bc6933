"""Asking AWS: what it and the way to it do wrong becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from config.facts import DiscoveryError

SageMakerClient: TypeAlias = Any
"""boto3 makes its clients, and what they answer, at run time."""
Answer: TypeAlias = Mapping[str, Any]

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
)
_LONGEST_REASON = 300  # a proxy on the way may answer with a page
_UNKNOWN_TO_AWS = frozenset({"ValidationException", "ResourceNotFound", "ResourceNotFoundException"})


def is_unknown(error: ClientError) -> bool:
    """Whether AWS knows no such thing."""
    return error.response.get("Error", {}).get("Code") in _UNKNOWN_TO_AWS


@contextmanager
def asking(client: SageMakerClient, operation: str, about: str) -> Iterator[None]:
    """Turn what AWS and the way to it do wrong into one sentence."""
    try:
        yield
    except ClientError as error:
        raise DiscoveryError(_refusal(error, operation, about, client.meta.region_name)) from error
    except BotoCoreError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DiscoveryError(
            f"{about} can't be asked for by {operation} ({reason}); check network, region and credentials"
        ) from error


def _refusal(error: ClientError, operation: str, about: str, region: str) -> str:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "?")), " ".join(str(told.get("Message", "")).split()).rstrip(".")
    reason = f"({code}: {message[:_LONGEST_REASON]})" if message else f"({code})"
    if code in _DENIED:
        return f"{about}: access denied in {region} {reason}; allow sagemaker:{operation} to this role"
    if code in _BAD_CREDENTIALS:
        return f"{about}: AWS does not take the credentials in {region} {reason}; renew or correct them"
    if is_unknown(error):
        return f"{about} is not known in {region} {reason}; check the name and the region"
    return f"{about}: {operation} failed in {region} {reason}; try again later"
