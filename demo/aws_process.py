"""The AWS on loopback as a process of its own, as the story runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.aws import client, environment_for
from demo.served import ServiceFailedError

STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class AwsProcess:
    """Where it answers."""

    endpoint_url: str

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to take this for its AWS, and no other."""
        return environment_for(self.endpoint_url)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        """A boto3 client of this AWS, whatever the environment says."""
        return client(self.endpoint_url, service)


@contextmanager
def running(log: Path) -> Iterator[AwsProcess]:
    """Start it, wait for its address, and end it with the block; it ends with this process in any case."""
    command = [sys.executable, "-m", "demo.aws", "--with-parent"]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written)  # noqa: S603 (our own)
    try:
        said = process.stdout.readline().decode().strip() if process.stdout else ""
        if not said.startswith("http://"):
            raise ServiceFailedError(f"the AWS on loopback did not start:\n{log.read_text(errors='replace')}")
        yield AwsProcess(said)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
