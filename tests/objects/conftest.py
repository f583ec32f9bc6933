"""An S3 on loopback, and the same surface over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from objects import FolderObjects, Objects, S3Objects, s3_client

OTHER_SOURCES = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Where boto3 would find credentials that are none of a test's business."""


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, s3_address: str) -> str:
    """The environment of somebody with credentials and an endpoint of their own; gives its address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in OTHER_SOURCES:
        monkeypatch.delenv(name, raising=False)
    return s3_address


@pytest.fixture
def bucket(aws: str, request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    client: Any = s3_client()
    name = f"kedge-{abs(hash(request.node.nodeid)) % 10**9}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["s3", "folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """Each kind of store, empty."""
    if request.param == "folder":
        return FolderObjects(tmp_path)
    return S3Objects(request.getfixturevalue("bucket"), s3_client())
