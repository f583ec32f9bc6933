"""`kedge serve` as a process of its own, to be asked, stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

START_SECONDS = 60.0


def until(happens: Callable[[], bool], seconds: float = 30.0, pause: float = 0.02) -> bool:
    """Whether it happens in time."""
    deadline = time.monotonic() + seconds
    while not (done := happens()) and time.monotonic() < deadline:
        time.sleep(pause)
    return done


class Replica:
    """A context manager that kills what is left of the process; the log of all its lives is one file."""

    def __init__(
        self,
        config: Path,
        environment: Mapping[str, str] | None = None,
        *options: str,
        log: Path | None = None,
        tick: float = 0.05,
        lease: float = 1.0,
    ) -> None:
        self.log = log or config.with_suffix(".log")
        self._options = ["--config", str(config), "--tick", str(tick), "--lease", str(lease), *options]
        if "--port" not in options:
            self._options += ["--port", "0"]
        self._environment = {**os.environ, **(environment or {})}
        self._begins = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it, and do not wait for it."""
        command = [sys.executable, "-c", "from commands import main; main()", "serve", *self._options]
        self._begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def said(self, whole: bool = False) -> str:
        """The log of its present life, or of all of them."""
        return self.log.read_bytes()[0 if whole else self._begins :].decode(errors="replace")

    def lines(self, whole: bool = False) -> list[dict[str, Any]]:
        """The log's lines, each of which is one JSON object."""
        complete = self.said(whole).rpartition("\n")[0]
        return [json.loads(line) for line in complete.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["event"] == name]

    @property
    def address(self) -> str:
        """Where it answers, once it says so."""
        assert until(lambda: "serving" in self.said(), START_SECONDS), self.said()
        return f"http://127.0.0.1:{self.events('serving')[0]['port']}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask it; it may not listen yet."""
        with httpx.Client(base_url=self.address, trust_env=False, timeout=20, headers=headers) as client:
            try:
                return client.get(path)
            except httpx.TransportError:
                return httpx.Response(599)

    def ready(self) -> Self:
        """Wait until it has been over all endpoints once."""
        assert until(lambda: self.get("/readyz").status_code == 200, START_SECONDS), self.said()
        return self

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, and its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)
