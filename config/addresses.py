"""The addresses that kedge.yaml may hold, checked for their form before anything calls them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_STATE_MACHINE = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^\s:]{1,80}", re.ASCII)
_SAGEMAKER_PIPELINE = re.compile(
    r"(?:arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:pipeline/)?[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,255}", re.ASCII
)
_CODEPIPELINE = re.compile(r"[A-Za-z0-9.@_-]{1,100}", re.ASCII)
_EVENT_BUS = re.compile(
    r"(?:arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}", re.ASCII
)
_EVENT_SOURCE = re.compile(r"(?!aws\.)[\w./-]{1,256}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}", re.ASCII)
# SageMaker's own patterns: EndpointName and VariantName; ModelPackageGroupName (EntityName) is the same.
_NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}", re.ASCII)
_MWAA_ENVIRONMENT = re.compile(r"[a-zA-Z][0-9a-zA-Z_-]{0,79}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9._/#-]{1,255}", re.ASCII)
_CREDENTIALS = re.compile(r"://\S*@")  # up to the last @: a password may hold one, or a slash


class AddressError(ValueError):
    """A text that is no address of the kind that is wanted, told in one clause."""


def folder(text: str) -> str:
    """A folder as ``s3://bucket/prefix`` or ``file:///absolute/path``, without the slash at its end.

    Raises:
        AddressError: where it is neither.
    """
    scheme, _, rest = text.partition("://")
    if scheme == "s3":
        return _s3(text, rest)
    if scheme == "file":
        return _file(text, rest)
    raise AddressError(
        f"{masked(text)!r} is no address of a folder; write s3://bucket/prefix or file:///path"
    )


def _s3(text: str, rest: str) -> str:
    bucket = rest.partition("/")[0]
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise AddressError(
            f"{masked(text)!r} names no S3 bucket; "
            "a bucket is 3 to 63 lower-case letters, digits, dots and hyphens: s3://bucket/prefix"
        )
    return text.rstrip("/")


def _file(text: str, rest: str) -> str:
    if not rest.startswith("/") or not rest.strip("/"):
        raise AddressError(
            f"{masked(text)!r} is no absolute path; write three slashes: file:///path/to/folder"
        )
    return text.rstrip("/")


def overlap(one: str, other: str) -> bool:
    """Whether one of two folders is, or lies in, the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def web(text: str) -> str:
    """An address of http or https with a host, and without a user or a password.

    Raises:
        AddressError: where it is none.
    """
    return _web(text, "a queue; write the queue's URL: https://…")


def server(text: str) -> str:
    """An address of http or https below which a server has its paths, without the slash at its end.

    Raises:
        AddressError: where it is none, or names a user, a query or a fragment.
    """
    if "?" in _web(text, "a server; write one such as https://airflow.example.com") or "#" in text:
        raise AddressError(
            f"{masked(text)!r} holds a query or a fragment; write what stands before the first ? or #"
        )
    return text.rstrip("/")


def mwaa_environment(text: str) -> str:
    """The name of an MWAA environment.

    Raises:
        AddressError: where MWAA would refuse it.
    """
    if _MWAA_ENVIRONMENT.fullmatch(text):
        return text
    raise AddressError(
        f"{text!r} is a name that MWAA refuses; it takes 1 to 80 letters, digits, hyphens and underscores, "
        "with a letter at its beginning"
    )


def _web(text: str, what: str) -> str:
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"https", "http"} and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise AddressError(f"{masked(text)!r} is no address of {what}")
    if parts.username or parts.password:
        raise AddressError("holds a user or a password; leave them out, they come from the environment")
    return text


def role(text: str) -> str:
    """The ARN of an IAM role.

    Raises:
        AddressError: where it is none.
    """
    return _formed(text, _ROLE, "the ARN of a role", "arn:aws:iam::123456789012:role/NAME")


def state_machine(text: str) -> str:
    """The ARN of a Step Functions state machine.

    Raises:
        AddressError: where it is none.
    """
    example = "arn:aws:states:REGION:123456789012:stateMachine:NAME"
    return _formed(text, _STATE_MACHINE, "the ARN of a state machine", example)


def sagemaker_pipeline(text: str) -> str:
    """The name or the ARN of a pipeline of SageMaker Pipelines.

    Raises:
        AddressError: where it is neither.
    """
    return _formed(text, _SAGEMAKER_PIPELINE, "the name of a SageMaker pipeline", "abalone-retraining")


def codepipeline(text: str) -> str:
    """The name of a pipeline of CodePipeline.

    Raises:
        AddressError: where it is none.
    """
    return _formed(text, _CODEPIPELINE, "the name of a CodePipeline pipeline", "abalone-release")


def event_bus(text: str) -> str:
    """The name or the ARN of a bus of EventBridge.

    Raises:
        AddressError: where it is neither.
    """
    return _formed(text, _EVENT_BUS, "the name of an event bus", "default")


def event_source(text: str) -> str:
    """The source of an event; those that begin with aws. are AWS's own.

    Raises:
        AddressError: where EventBridge would refuse it.
    """
    return _formed(text, _EVENT_SOURCE, "the source of an event, which may not begin with aws.", "kedge")


def region(text: str) -> str:
    """The name of an AWS region.

    Raises:
        AddressError: where it has not a region's form.
    """
    return _formed(text, _REGION, "a region", "eu-west-1")


def namespace(text: str) -> str:
    """A namespace of CloudWatch's that PutMetricData takes.

    Raises:
        AddressError: where CloudWatch refuses it.
    """
    if _NAMESPACE.fullmatch(text) and not text.startswith("AWS/"):
        return text
    raise AddressError(
        f"{text!r} is a namespace that CloudWatch refuses; it takes 1 to 255 letters, digits and . - _ / #, "
        "and keeps those that begin with AWS/ for itself: write one such as kedge/data-metrics"
    )


def aws_name(text: str) -> str:
    """A name that SageMaker takes for an endpoint, a variant or a model package group.

    Raises:
        AddressError: where SageMaker would refuse it.
    """
    if _NAME.fullmatch(text):
        return text
    raise AddressError(
        f"{text!r} is a name that SageMaker refuses; "
        "it takes 1 to 63 letters, digits and hyphens, with a letter or digit at both ends"
    )


def masked(text: str) -> str:
    """The text with the user and password of an address in it replaced by stars."""
    return _CREDENTIALS.sub("://***@", text)


def _formed(text: str, form: re.Pattern[str], what: str, example: str) -> str:
    if form.fullmatch(text):
        return text
    raise AddressError(f"{masked(text)!r} is not {what}; write one such as {example}")
