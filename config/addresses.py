"""The addresses that kedge.yaml may hold, checked for their form before anything calls them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_STATE_MACHINE = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:[^\s:]{1,80}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d{1,2}", re.ASCII)
# SageMaker's own patterns: EndpointName and VariantName; ModelPackageGroupName (EntityName) is the same.
_NAME = re.compile(r"[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62}", re.ASCII)
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


def web(text: str) -> str:
    """An address of http or https with a host, and without a user or a password.

    Raises:
        AddressError: where it is none.
    """
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"https", "http"} and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise AddressError(f"{masked(text)!r} is no address of a queue; write the queue's URL: https://…")
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
