"""An AWS on loopback: moto's server, with Step Functions executing, and what moto lacks (see `aws_operations`)."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self


class LocalAws:
    """A context manager: entering starts the server on 127.0.0.1, leaving stops it and forgets everything in it."""

    def __init__(self, port: int = 0, update_seconds: float = 1.0) -> None:
        self.port = port
        self.update_seconds = update_seconds

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    @property
    def endpoint_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to take this for its AWS."""
        raise NotImplementedError

    def client(self, service: str) -> Any:
        """A boto3 client of this AWS, whatever the environment says."""
        raise NotImplementedError
