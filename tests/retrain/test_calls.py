"""Calls to SageMaker that fail: what may pass is tried again, what won't is said."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

from retrain.aws_calls import CallError, calling, whole


def told(raised: Exception) -> CallError:
    with pytest.raises(CallError) as caught, calling("DescribeModel", "model abalone", CallError):
        raise raised
    return caught.value


def refused(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DescribeModel")


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "ThrottledException"]
)
def test_what_was_refused_for_a_moment_is_tried_again(code: str) -> None:
    error = told(refused(code))
    assert error.retryable
    assert str(error).endswith("it will be tried again")


def test_credentials_that_can_not_be_had_for_a_moment_are_asked_for_again() -> None:
    assert told(CredentialRetrievalError(provider="container-role", error_msg="Read timeout")).retryable


@pytest.mark.parametrize("raised", [NoCredentialsError(), refused("AccessDeniedException")])
def test_what_will_not_pass_is_not_tried_again(raised: Exception) -> None:
    assert not told(raised).retryable


def test_an_answer_that_broke_off_is_asked_for_again() -> None:
    with (
        pytest.raises(CallError, match="answered without 'ModelName'") as caught,
        calling("DescribeModel", "model abalone", CallError),
    ):
        whole({}, "ModelName")
    assert caught.value.retryable


def test_a_whole_answer_is_given_as_it_is() -> None:
    assert whole({"ModelName": "m", "Tags": []}, "ModelName") == {"ModelName": "m", "Tags": []}
