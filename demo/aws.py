"""An AWS on loopback: moto's server with Step Functions executing, and what moto lacks.

In a process of its own: `python -m demo.aws --port 5000`, which prints its address when it answers.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import TracebackType
from typing import Any, Protocol, Self

HOST = "127.0.0.1"
REGION = "eu-west-1"
ACCESS_KEY = "local"  # moto takes any; it is no secret
PORT_VARIABLE = "MOTO_PORT"  # moto's Step Functions find the other services by it

_POLL_SECONDS = 0.02  # how long the server takes to see that it is to end
_ONE_AT_A_TIME = threading.Lock()  # boto3's clients may be shared by threads, its sessions may not

EXECUTE = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}


class Aws(Protocol):
    """An AWS on loopback, in this process or in another."""

    @property
    def endpoint_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        ...

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to take this for its AWS, and no other."""
        ...

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        """A boto3 client of this AWS, whatever the environment says."""
        ...


class LocalAws:
    """A context manager: entering starts the server on 127.0.0.1, leaving stops it and forgets what it held.

    One at a time in a process, since moto's state is the process's. `port` 0 takes a free one;
    `update_seconds` is how long an endpoint is `Updating`. A port that is taken raises OSError.
    """

    def __init__(self, port: int = 0, update_seconds: float = 1.0) -> None:
        self._wanted = port
        self._update_seconds = update_seconds
        self._port: int | None = None
        self._leaving = ExitStack()
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        from demo import missing_operations, missing_pipelines

        _require_free(self._wanted)
        missing_operations.install(self._update_seconds)
        missing_pipelines.install()
        self._leaving.callback(logging.getLogger("werkzeug").setLevel, logging.getLogger("werkzeug").level)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._port = self._leaving.enter_context(_served(self._wanted))
        self._leaving.callback(_set_variable, PORT_VARIABLE, os.environ.get(PORT_VARIABLE))
        os.environ[PORT_VARIABLE] = str(self._port)
        self._leaving.callback(self.forget)
        self.forget()
        self._tell_moto("config", EXECUTE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._clients.values():
            each.close()
        self._clients.clear()
        self._leaving.close()
        self._port = None

    @property
    def port(self) -> int:
        """The port it answers on."""
        if self._port is None:
            raise RuntimeError("the local AWS is not running: enter it with `with LocalAws() as aws`")
        return self._port

    @property
    def endpoint_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to take this for its AWS, and no other."""
        return environment_for(self.endpoint_url)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        """A boto3 client of this AWS, whatever the environment says."""
        if service not in self._clients:
            self._clients[service] = client(self.endpoint_url, service)
        return self._clients[service]

    def forget(self) -> None:
        """Drop everything that it holds: buckets, queues, endpoints, executions."""
        self._tell_moto("reset", {})

    def _tell_moto(self, subject: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{self.endpoint_url}/moto-api/{subject}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30):
            pass


@contextmanager
def _served(port: int) -> Iterator[int]:
    """Moto's server on loopback, for as long as the block lasts; its port."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    # not moto's ThreadedMotoServer, which takes half a second to end
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(HOST, port, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment_for(endpoint_url: str) -> dict[str, str]:
    """What a process needs in its environment to take the local AWS at `endpoint_url` for its own."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
    }


def client(endpoint_url: str, service: str) -> Any:  # noqa: ANN401
    """A boto3 client of the local AWS at `endpoint_url`, which may run in another process."""
    from botocore.config import Config

    with _ONE_AT_A_TIME:
        return _session().client(service, endpoint_url=endpoint_url, config=Config(proxies={}))


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent is gone where `--with-parent` asks for that."""
    parser = argparse.ArgumentParser(prog="python -m demo.aws", description="An AWS on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--update-seconds", type=float, default=1.0, help="how long an endpoint is Updating")
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent process has gone")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        _serve(LocalAws(options.port, options.update_seconds), stop, options.with_parent)
    except OSError as error:
        sys.exit(str(error))


def _serve(server: LocalAws, stop: threading.Event, with_parent: bool) -> None:
    parent = os.getppid()
    with server as aws:
        sys.stdout.write(f"{aws.endpoint_url}\n")
        sys.stdout.flush()
        while not stop.wait(0.5):
            if with_parent and os.getppid() != parent:
                break


@cache
def _session() -> Any:  # noqa: ANN401
    # Shared, since a session reads its services' models from disk anew.
    import boto3

    return boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=ACCESS_KEY, region_name=REGION)


def _require_free(port: int) -> None:
    # moto's server thread would die of a taken port and leave its starter waiting.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise OSError(
                f"port {port} on {HOST} is taken ({error.strerror}): give another, or 0 for any"
            ) from error


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


if __name__ == "__main__":
    main()
