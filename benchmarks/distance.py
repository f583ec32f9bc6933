"""A server that is farther away: each request reaches it some milliseconds later than it was sent."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

_CHUNK = 1 << 18


@contextmanager
def farther(url: str, seconds: float) -> Iterator[str]:
    """The address of `url` behind a wire on which what the client sends takes this long."""
    there = urlsplit(url)

    class Wire(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((there.hostname, there.port or 80)) as server:
                back = threading.Thread(target=_pass_on, args=(server, self.request, 0.0), daemon=True)
                back.start()
                _pass_on(self.request, server, seconds)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Wire) as made:
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            made.shutdown()


def _pass_on(source: socket.socket, target: socket.socket, seconds: float) -> None:
    """Bytes as they come, each lot after a while, and the end too."""
    try:
        while data := source.recv(_CHUNK):
            if seconds:
                time.sleep(seconds)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one of the two hung up
