"""`kedge serve`: the service."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from commands.failures import CommandError
from commands.options import DEFAULT_CONFIG, ConfigPath

TOKEN_VARIABLE = "KEDGE_TOKEN"  # noqa: S105 (the variable's name, not a token)


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="The address to bind; beyond loopback KEDGE_TOKEN is wanted.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8080,
    tick: Annotated[float, typer.Option(min=0.05, help="Seconds between rounds over the endpoints.")] = 5.0,
    lease: Annotated[float, typer.Option(min=0.3, hidden=True)] = 10.0,
    describe: Annotated[float, typer.Option(min=0, hidden=True)] = 60.0,
) -> None:
    """Watch the endpoints of kedge.yaml and show them, until told to stop.

    Example: kedge serve --config kedge.yaml --port 8080
    """
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not is_loopback(host):
        raise CommandError(
            f"{host} is reachable from elsewhere: set {TOKEN_VARIABLE} to a secret of 16 characters or more, "
            "or bind 127.0.0.1"
        )
    if token is not None and len(token) < 16:
        raise CommandError(f"{TOKEN_VARIABLE} is too short to be a secret: give it 16 characters or more")
    with listening(host, port) as listener:
        _serve(config, listener, tick, timedelta(seconds=lease), describe, token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """The port, taken before any work is: where it can't be had, nothing has happened yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CommandError(
            f"the port {port} on {host} can't be had ({error.strerror}): give another with --port"
        ) from None
    with listener:
        yield listener


def _serve(
    config: Path, listener: socket.socket, tick: float, lease: timedelta, describe: float, token: str | None
) -> None:
    import structlog
    import uvicorn

    import service
    from commands.logs import configure
    from web.app import create_app

    configure()
    opened = service.open_service(config, dict(os.environ), tick, lease, describe)
    app = create_app(
        engine=opened.engine,
        config=lambda: opened.file.config,
        clock=opened.clock,
        token=token,
        ready=opened.not_ready,
        registry=opened.registry,
        read_report=opened.read_report,
    )
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10)
    )

    def end(*_: object) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and raises the signal again once it has stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    host, port = listener.getsockname()[:2]
    structlog.get_logger("service").info("serving", host=host, port=port)
    opened.start()
    try:
        server.run(sockets=[listener])
    finally:
        stopped = opened.stop()
    if not stopped:
        os._exit(0)  # a thread still waits for the network, and Python would wait for the thread
