"""`kedge serve`: the service."""

from __future__ import annotations

import os
import signal
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
    _serve(config, host, port, tick, token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _serve(config: Path, host: str, port: int, tick: float, token: str | None) -> None:
    import uvicorn

    import service
    from commands.logs import configure
    from web.app import create_app

    configure()
    opened = service.open_service(config, dict(os.environ), tick)
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
        uvicorn.Config(app, host, port, log_config=None, access_log=False, timeout_graceful_shutdown=10)
    )
    # uvicorn raises the signal again once it has stopped; by then there is our own part left to end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    opened.start()
    try:
        server.run()
    finally:
        opened.stop()
    if not server.started:
        raise CommandError(
            f"the port {port} on {host} is taken, or not ours to bind: give another with --port"
        )
