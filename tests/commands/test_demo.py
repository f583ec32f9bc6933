"""`kedge demo` before it plays: what would end it later is told at once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.commands.line import kedge


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
