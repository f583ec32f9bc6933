"""AWS's clients, from the ordinary credential chain or in a role, and what is wrong with its settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from objects.problem import PlaceError, PlaceProblem

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config as BotoConfig

AwsClient: TypeAlias = Any
"""boto3 makes its clients' classes, and what they answer, at run time."""


class S3Client(Protocol):
    """What is used of a boto3 S3 client."""

    get_object: Callable[..., Any]
    put_object: Callable[..., Any]
    head_object: Callable[..., Any]
    get_paginator: Callable[..., Any]


_CONNECTIONS = 64
"""Of one client: several readers share it, each with `objects.ahead.READS` requests in flight."""


def s3_client(region: str | None = None, role: str | None = None) -> S3Client:
    """A boto3 S3 client from the ordinary credential chain; `AWS_ENDPOINT_URL` is honoured.

    What fails in passing is tried again after growing pauses; where S3 asks to slow down (503), the client
    sends less, over all threads that share it, until S3 takes more again.

    Args:
        region: AWS region; None takes the environment's.
        role: ARN of a role to assume first, to read across accounts. Its credentials renew themselves.

    Raises:
        PlaceError: UNREACHABLE, where the settings give no client.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    retries = {"mode": "adaptive", "total_max_attempts": 4}
    config = Config(connect_timeout=5, read_timeout=60, retries=retries, max_pool_connections=_CONNECTIONS)
    try:
        client: S3Client = aws_client("s3", region, role, config)
    except BotoCoreError as error:
        raise PlaceError(PlaceProblem.UNREACHABLE, f"AWS can't be asked: {aws_told(error)}") from error
    return client


def aws_client(
    service: str, region: str | None = None, role: str | None = None, config: BotoConfig | None = None
) -> AwsClient:
    """A boto3 client of a service, in a role where one is given.

    Raises:
        BotoCoreError: the settings give none, such as no region or an endpoint that is no URL.
    """
    from botocore.exceptions import InvalidEndpointConfigurationError

    try:
        return aws_session(region, role).client(service, config=config)
    except ValueError as error:  # what botocore raises for the URL
        raise InvalidEndpointConfigurationError(msg=str(error)) from error


def aws_told(error: Exception) -> str:
    """What is wrong with AWS's settings, and which of them to change; `error` is one of botocore's."""
    from botocore import exceptions as boto

    advice = "check AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and credentials"
    if isinstance(error, boto.NoRegionError):
        return "no region is given: set AWS_REGION, or 'region' in kedge.yaml"
    if isinstance(error, boto.ProfileNotFound):
        advice = "check AWS_PROFILE"
    elif isinstance(error, boto.InvalidEndpointConfigurationError | boto.EndpointConnectionError):
        advice = "check AWS_ENDPOINT_URL and the network"
    elif isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        advice = "give credentials in the environment, a profile or an instance role"
    said = " ".join(str(error).split()).rstrip(".")
    return f"{said}: {advice}"


def aws_session(region: str | None = None, role: str | None = None) -> boto3.Session:
    """A boto3 session from the ordinary credential chain, in a role where one is given.

    Without a `region` it is AWS_REGION's, as in AWS's other tools; boto3 knows AWS_DEFAULT_REGION and the
    profile's alone.
    """
    import boto3

    region = region or os.environ.get("AWS_REGION") or None
    return _assumed(role, region) if role else boto3.Session(region_name=region)


def _assumed(role: str, region: str | None) -> boto3.Session:
    """A session in the given role, renewed before it ends."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import get_session

    own, assumed = get_session(), get_session()
    if region is not None:
        own.set_config_variable("region", region)  # where the role is asked for
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=own.create_client,
        source_credentials=own.get_credentials(),
        role_arn=role,
        extra_args={"RoleSessionName": "kedge"},
    )
    assumed._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=assumed, region_name=region)
