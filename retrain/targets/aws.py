"""Calls of targets that are AWS services: what boto3 raises becomes `TargetError`, in one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from retrain.aws_calls import code_of, may_pass, reason_of, status_of
from retrain.targets.base import TargetError


@contextmanager
def calling(
    what: str, service: str, check: str = "the ARN, the region and the IAM policy", unseen: str | None = None
) -> Iterator[None]:
    """Turn what boto3 raises into `TargetError`.

    Args:
        what: what could not be done, such as "start run kedge-abalone-1 on arn:…".
        service: who was asked, such as "Step Functions".
        check: what to look at where asking again won't help.
        unseen: the error of what may only not be seen yet; it is asked for again.
    """
    try:
        yield
    except boto.ClientError as error:
        code, status = code_of(error), status_of(error)
        passing = may_pass(error) or code == unseen
        advice = "it is tried again" if passing else f"check {check}"
        said = "" if passing else reason_of(error)
        message = (
            f"cannot {what}, {service} answered {code or status}: {advice}{said and f' (it said: {said})'}"
        )
        raise TargetError(message, retryable=passing) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        message = f"cannot {what} without AWS credentials: give them in the environment or a profile"
        raise TargetError(message, retryable=False) from error
    except boto.ParamValidationError as error:
        message = f"cannot {what}, the request has a wrong form: check the ARN and the name"
        raise TargetError(message, retryable=False) from error
    except KeyError as error:  # botocore takes an answer that broke off for one without its members
        message = (
            f"cannot {what}, the answer of {service} has no {error}: it is tried again; check the network"
        )
        raise TargetError(message, retryable=True) from error
    except (boto.BotoCoreError, boto.HTTPClientError) as error:
        message = f"cannot {what} ({type(error).__name__}): it is tried again; check the network"
        raise TargetError(message, retryable=True) from error


def token(address: str, run: str) -> str:
    """What tells AWS that two requests are one: 64 characters, the same for a run on a target."""
    return hashlib.sha256(f"{address} {run}".encode()).hexdigest()
