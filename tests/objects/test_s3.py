"""What S3 refuses, and who asks it."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from botocore.stub import Stubber

from objects import Objects, PlaceError, PlaceProblem, S3Client, S3Objects, s3_client
from tests.faults import Fault, FaultyAws


def problem(action: Any) -> PlaceError:
    """What an action fails with: one sentence, without a credential."""
    with pytest.raises(PlaceError) as caught:
        action()
    assert "s3cr3t" not in str(caught.value)
    assert "AKIDEXAMPLE" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.usefixtures("aws")
def test_a_missing_bucket_is_named() -> None:
    missing = S3Objects("kedge-not-there", s3_client())
    for action in (
        lambda: missing.read("key"),
        lambda: list(missing.list("")),
        lambda: missing.folders("a"),
        lambda: missing.write("key", b""),
    ):
        error = problem(action)
        assert error.kind is PlaceProblem.NO_BUCKET
        assert "kedge-not-there" in str(error)


def test_an_endpoint_that_does_not_answer_is_unreachable(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    error = problem(lambda: S3Objects("logs", client_without_retries()).read("a/b.jsonl"))
    assert error.kind is PlaceProblem.UNREACHABLE
    assert "s3://logs/a/b.jsonl" in str(error)


def client_without_retries() -> S3Client:
    import boto3
    from botocore.config import Config

    client: S3Client = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}, connect_timeout=1))
    return client


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_denied_access_says_what_to_allow(code: str) -> None:
    client = s3_client()
    with Stubber(client) as answers:
        answers.add_client_error("get_object", code, "AKIDEXAMPLE is not good", 403)
        error = problem(lambda: S3Objects("logs", client).read("k"))
    assert error.kind is PlaceProblem.DENIED
    assert "s3://logs/k" in str(error)
    assert "s3:GetObject" in str(error)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_credentials_that_have_expired_may_be_renewed(code: str) -> None:
    client = s3_client()
    with Stubber(client) as answers:
        answers.add_client_error("get_object", code, "The provided token has expired.", 400)
        error = problem(lambda: S3Objects("logs", client).read("k"))
    assert error.kind is PlaceProblem.UNREACHABLE
    assert "s3://logs/k have expired" in str(error)


@pytest.mark.usefixtures("aws")
def test_credentials_that_can_not_be_had_for_a_moment_may_be_had_later() -> None:
    from botocore.exceptions import CredentialRetrievalError

    class Unanswered:
        def get_object(self, **_: object) -> None:
            raise CredentialRetrievalError(provider="container-role", error_msg="Read timeout")

    client: Any = Unanswered()
    error = problem(lambda: S3Objects("logs", client).read("k"))
    assert error.kind is PlaceProblem.UNREACHABLE
    assert "cannot get AWS credentials" in str(error)


@pytest.mark.usefixtures("aws")
def test_denied_is_not_absent() -> None:
    client = s3_client()
    with Stubber(client) as answers:
        answers.add_client_error("head_object", "403", "", 403)
        assert problem(lambda: S3Objects("logs", client).exists("k")).kind is PlaceProblem.DENIED


@pytest.mark.usefixtures("aws")
def test_a_failing_service_is_unreachable() -> None:
    client = s3_client()
    with Stubber(client) as answers:
        answers.add_client_error("get_object", "InternalError", "", 500)
        assert problem(lambda: S3Objects("logs", client).read("k")).kind is PlaceProblem.UNREACHABLE


@pytest.mark.usefixtures("aws")
def test_without_credentials_access_is_denied(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    empty = tmp_path_factory.mktemp("home") / "none"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(empty))
    error = problem(lambda: S3Objects("logs", s3_client()).read("k"))
    assert error.kind is PlaceProblem.DENIED
    assert "no AWS credentials" in str(error)


def test_a_role_is_assumed_first(bucket: str) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    objects = S3Objects(bucket, s3_client("us-east-1", role))
    objects.write("k", b"data")
    assert objects.read("k") == b"data"
    signer: Any = objects
    used = signer._client._request_signer._credentials.get_frozen_credentials()
    assert used.access_key != "AKIDEXAMPLE"
    assert used.token


def test_a_role_is_assumed_in_the_region_of_the_environment(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client: Any = s3_client(role="arn:aws:iam::123456789012:role/reader")
    assert client.meta.region_name == "us-east-1"
    S3Objects(bucket, client).write("k", b"data")


@pytest.fixture
def behind(faulty_aws: FaultyAws) -> Objects:
    """A bucket with an object, behind a proxy that can be made to misbehave."""
    faulty_aws.direct.client("s3").create_bucket(
        Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    faulty_aws.direct.client("s3").put_object(Bucket="logs", Key="k", Body=b"captured" * 1000)
    return S3Objects("logs", s3_client("eu-west-1"))


@pytest.mark.parametrize(
    "faults", [[Fault.SLOW_DOWN, Fault.SLOW_DOWN], [Fault.CUT, Fault.CUT], [Fault.REFUSE, Fault.CUT]]
)
def test_what_fails_in_passing_is_read_in_the_end(
    behind: Objects, faulty_aws: FaultyAws, faults: list[Fault]
) -> None:
    faulty_aws.meets("GET object", *faults)
    assert behind.read("k") == b"captured" * 1000
    assert faulty_aws.seen("GET object") == len(faults) + 1


def test_an_object_that_breaks_off_for_good_is_unreachable(behind: Objects, faulty_aws: FaultyAws) -> None:
    faulty_aws.meets("GET object", *[Fault.CUT] * 20)
    error = problem(lambda: behind.read("k"))
    assert error.kind is PlaceProblem.UNREACHABLE
    assert "s3://logs/k" in str(error)
    assert faulty_aws.seen("GET object") == 4


@pytest.mark.usefixtures("aws")
def test_the_client_does_not_wait_for_ever() -> None:
    client: Any = s3_client()
    config = client.meta.config
    assert config.connect_timeout <= 10
    assert config.read_timeout <= 120
    assert config.retries["total_max_attempts"] >= 2
    assert config.retries["mode"] == "adaptive", "who is asked to slow down does, over all threads"
    assert client.meta.endpoint_url.startswith("http://127.0.0.1")
