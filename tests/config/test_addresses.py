"""Addresses are checked for their form, and a password in one is never shown."""

from __future__ import annotations

import pytest

from config import addresses
from config.addresses import AddressError


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("s3://logs", "s3://logs"),
        ("s3://logs/", "s3://logs"),
        ("s3://logs/endpoint-data-capture", "s3://logs/endpoint-data-capture"),
        ("s3://logs/a/b/", "s3://logs/a/b"),
        ("s3://my.bucket-1/a b/ü", "s3://my.bucket-1/a b/ü"),
        ("file:///var/captures", "file:///var/captures"),
        ("file:///var/captures/", "file:///var/captures"),
    ],
)
def test_folders_lose_the_slash_at_their_end(text: str, kept: str) -> None:
    assert addresses.folder(text) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s3://bucket/prefix or file:///path"),
        ("logs/captures", "s3://bucket/prefix or file:///path"),
        ("/var/captures", "s3://bucket/prefix or file:///path"),
        ("S3://logs", "s3://bucket/prefix or file:///path"),
        ("https://logs.example/x", "s3://bucket/prefix or file:///path"),
        ("s3:/logs", "s3://bucket/prefix or file:///path"),
        ("s3://", "names no S3 bucket"),
        ("s3:///prefix", "names no S3 bucket"),
        ("s3://ab", "names no S3 bucket"),
        ("s3://Logs/x", "names no S3 bucket"),
        ("s3://under_score/x", "names no S3 bucket"),
        ("s3://two..dots/x", "names no S3 bucket"),
        ("s3://" + "a" * 64, "names no S3 bucket"),
        ("file://captures", "three slashes"),
        ("file://", "three slashes"),
        ("file:///", "three slashes"),
    ],
)
def test_what_is_no_folder_is_refused_with_the_right_form(text: str, said: str) -> None:
    with pytest.raises(AddressError, match=said):
        addresses.folder(text)


@pytest.mark.parametrize("text", ["https://sqs.example/123/queue", "http://127.0.0.1:5000/123/queue"])
def test_a_queue_has_a_url(text: str) -> None:
    assert addresses.web(text) == text


@pytest.mark.parametrize(
    "text", ["queue", "arn:aws:sqs:eu-west-1:123456789012:queue", "https://", "ftp://x", "http://[x"]
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="write the queue's URL"):
        addresses.web(text)


def test_a_queues_url_holds_no_password() -> None:
    with pytest.raises(AddressError, match="environment") as caught:
        addresses.web("https://me:hush@sqs.example/q")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "abalone-prod-endpoint", "A1", "1", "a--b", "x" * 63])
def test_names_that_sagemaker_takes(name: str) -> None:
    assert addresses.aws_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a b", "a.b", "ä", "x" * 64, "a\n"])
def test_names_that_sagemaker_refuses(name: str) -> None:
    with pytest.raises(AddressError, match="letters, digits and hyphens"):
        addresses.aws_name(name)


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:iam::123456789012:role/reader", "arn:aws-cn:iam::123456789012:role/path/to/reader@x"],
)
def test_a_role_is_an_arn(arn: str) -> None:
    assert addresses.role(arn) == arn


@pytest.mark.parametrize("arn", ["reader", "arn:aws:iam::12:role/x", "arn:aws:iam::123456789012:user/x"])
def test_what_is_no_role_is_refused(arn: str) -> None:
    with pytest.raises(AddressError, match="is not the ARN of a role"):
        addresses.role(arn)


def test_a_state_machine_is_an_arn() -> None:
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:abalone-workflow"
    assert addresses.state_machine(arn) == arn
    with pytest.raises(AddressError, match="is not the ARN of a state machine"):
        addresses.state_machine(arn.replace("stateMachine", "execution"))


@pytest.mark.parametrize("name", ["eu-west-1", "us-gov-west-1", "ap-southeast-2"])
def test_a_region_has_a_regions_form(name: str) -> None:
    assert addresses.region(name) == name


@pytest.mark.parametrize("name", ["Ireland", "eu-west", "EU-WEST-1", "eu-west-1a", ""])
def test_what_is_no_region_is_refused(name: str) -> None:
    with pytest.raises(AddressError, match="such as eu-west-1"):
        addresses.region(name)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("postgresql://me:hush@db/x", "postgresql://***@db/x"),
        ("postgresql://me:hu/sh@db/x", "postgresql://***@db/x"),
        ("postgresql://me:hu@sh@db/x", "postgresql://***@db/x"),
        ("at s3://logs/x and file:///y", "at s3://logs/x and file:///y"),
        ("no address, me@home", "no address, me@home"),
    ],
)
def test_users_and_passwords_are_masked(text: str, safe: str) -> None:
    assert addresses.masked(text) == safe
