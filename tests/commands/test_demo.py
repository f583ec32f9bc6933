"""`kedge demo` before it plays: what would end it later is told at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands.line import PROGRAM, kedge
from tests.conftest import ROOT


def test_a_port_that_is_taken_is_told_before_anything_is_trained(folder: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        began = time.monotonic()
        sentence = kedge("demo", "--port", str(port)).sentence
    assert sentence == (
        f"the port {port} on 127.0.0.1 can't be had (Address already in use): give another with --port"
    )
    assert time.monotonic() - began < 10


@pytest.mark.long
def test_sigterm_ends_all_that_it_started(folder: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "demo", "--windows", "30"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        told = next(line for line in demo.stdout if line.startswith("The dashboard: "))
        port = int(told.split(":")[3].partition("/")[0])
        assert list(folder.glob("kedge-demo-*"))
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 128 + signal.SIGTERM
    assert not list(folder.glob("kedge-demo-*"))
    with closing(socket.socket()) as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0
