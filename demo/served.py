"""`kedge serve` as the demo runs it: a process of its own, with the story's clock and the local AWS."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

TICK_SECONDS = 0.2
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class ServiceFailedError(Exception):
    """The service did not do its part, in one sentence and the end of its log."""


def free_port() -> int:
    """A port on loopback that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A context manager around the process; its log goes to `log`."""

    def __init__(self, config: Path, port: int, environment: Mapping[str, str], log: Path) -> None:
        self.config, self.port, self.log = config, port, log
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        command = [sys.executable, "-c", "from commands import main; main()", "serve"]
        options = ["--config", str(self.config), "--port", str(self.port), "--tick", str(TICK_SECONDS)]
        options += ["--describe", "0"]  # the story's days pass in seconds
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                [*command, *options], env=self._environment, stdout=log, stderr=log
            )
        self._killed = False
        self._wait_for_port()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.require_alive()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise ServiceFailedError(f"kedge serve did not answer within {START_SECONDS:.0f} s:\n{self.tail()}")

    def require_alive(self) -> None:
        """Raise ServiceFailedError if the process has ended, other than by `kill`."""
        if not self._killed and (self._process is None or self._process.poll() is not None):
            raise ServiceFailedError(f"kedge serve has ended:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait(self) -> None:
        """Until the process ends by itself or the user interrupts."""
        if self._process is not None:
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL, as a crash would; the story waits until it is started again."""
        self._killed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start it again, on the same configuration, database and port, once it was killed or stopped."""
        self.stop()
        self._start()

    def stop(self) -> int:
        """SIGTERM, and the exit status; a service that does not end in time is killed."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
