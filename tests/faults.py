"""An AWS that answers badly: a proxy on loopback between boto3 and moto that refuses calls and loses answers.

    faulty_aws.meets("StartExecution", Fault.DROP, None, Fault.THROTTLE)

The next StartExecution takes effect and its answer is lost, the one after is let through, the third is
refused and never arrives. What goes past is counted: `faulty_aws.seen("StartExecution")`.
An operation of S3 is called by its method and what its path names: PutObject is "PUT object", CreateBucket
"PUT bucket".
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.aws import LocalAws

HOST = "127.0.0.1"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


class Fault(Enum):
    """What befalls a call."""

    THROTTLE = "throttle"
    """429 ThrottlingException; the call never arrives."""
    FAIL = "fail"
    """500 InternalServerError; the call never arrives."""
    REFUSE = "refuse"
    """The connection is closed; the call never arrives."""
    DROP = "drop"
    """The call takes effect, then the connection is closed without an answer."""
    LATE_FAIL = "late fail"
    """The call takes effect, and the answer is 500 InternalServerError."""
    SLOW_DOWN = "slow down"
    """503 SlowDown, in S3's words; the call never arrives."""
    CUT = "cut"
    """The call takes effect, and the connection is closed in the middle of its answer."""


@cache
def _session() -> Any:
    # Shared, since a session reads its services' models from disk anew.
    import boto3

    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")


_ANSWERS = {
    Fault.THROTTLE: (429, "ThrottlingException"),
    Fault.FAIL: (500, "InternalServerError"),
    Fault.LATE_FAIL: (500, "InternalServerError"),
}
_ARRIVES = {None, Fault.DROP, Fault.LATE_FAIL, Fault.CUT}
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


class FaultyAws:
    """The proxy: `url` for who is to suffer, `direct` for who looks on; `clients` of it never retry."""

    def __init__(self, url: str, direct: LocalAws) -> None:
        self.url = url
        self.direct = direct
        self._plans: defaultdict[str, deque[Fault | None]] = defaultdict(deque)
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def meets(self, operation: str, *faults: Fault | None) -> None:
        """Let the next calls of `operation` meet these, in their order; None lets a call through."""
        with self._lock:
            self._plans[operation].extend(faults)

    def clear(self, operation: str) -> None:
        """Let the calls of `operation` through again."""
        with self._lock:
            self._plans[operation].clear()

    def seen(self, operation: str) -> int:
        """How many calls of `operation` came, whatever befell them."""
        with self._lock:
            return self._seen[operation]

    def client(self, service: str) -> Any:
        """A boto3 client behind the proxy that makes each call once."""
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=30)
        with self._lock:
            if service not in self._clients:
                made = _session().client(service, endpoint_url=self.url, config=config)
                self._clients[service] = made
            return self._clients[service]

    def close(self) -> None:
        """Let go of the connections of its clients, behind each of which a thread waits."""
        for each in self._clients.values():
            each.close()

    def fate(self, operation: str) -> Fault | None:
        """What befalls the call that has just come."""
        with self._lock:
            self._seen[operation] += 1
            plan = self._plans[operation]
            return plan.popleft() if plan else None


def operation_of(method: str, path: str, target: str | None) -> str:
    """The operation's name: of AWS's JSON protocol its own, of S3 its method and what is named."""
    if target:
        return target.rpartition(".")[2]
    parts = [part for part in urlsplit(path).path.split("/") if part]
    return f"{method} {('service', 'bucket', 'object')[min(len(parts), 2)]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faulty: FaultyAws

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _pass(self) -> None:
        body = self._body()
        fault = self.faulty.fate(operation_of(self.command, self.path, self.headers.get("X-Amz-Target")))
        answer = self._forward(body) if fault in _ARRIVES else None
        if fault in _ANSWERS:
            status, code = _ANSWERS[fault]
            told = json.dumps({"__type": code, "message": "on purpose"}).encode()
            self._answer(status, {"Content-Type": "application/x-amz-json-1.0"}, told)
        elif fault is Fault.SLOW_DOWN:
            self._answer(503, {"Content-Type": "application/xml"}, _SLOW_DOWN)
        elif fault in (None, Fault.CUT) and answer is not None:
            self._answer(*answer, cut=fault is Fault.CUT)
        else:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(HOST, self.faulty.direct.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["Content-Length"] = str(len(body))
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut: bool = False) -> None:
        # HEAD tells the length of what it does not send.
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection |= cut


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def faulty(direct: LocalAws) -> Iterator[FaultyAws]:
    """A proxy before `direct`, for as long as the block lasts."""

    class Handler(_Handler):
        pass

    with _Server((HOST, 0), Handler) as server:
        proxy = FaultyAws(f"http://{HOST}:{server.server_address[1]}", direct)
        Handler.faulty = proxy
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.close()
            server.shutdown()
            thread.join()


@pytest.fixture
def faulty_aws(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyAws]:
    """An executing AWS on loopback behind a proxy that the test can make misbehave; boto3 finds the proxy."""
    with LocalAws(update_seconds=0.3) as direct, faulty(direct) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy
