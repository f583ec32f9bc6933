"""The application on a port of loopback, as people and programs reach it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from config.model import Config, Endpoint
from tests.web.history import ENDPOINT
from web.app import create_app
from web.site import ReportUnreadableError

REPORT = b"<!doctype html><title>report</title><p id=said>no script ran</p>"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def settings() -> Config:
    """A kedge.yaml with the endpoint of the history in it."""
    endpoint = Endpoint(
        name=ENDPOINT,
        capture="s3://logs/capture",
        prediction="rings",
        ground_truth="s3://logs/ground-truth",
    )
    return Config(endpoints=(endpoint,))


def no_report(endpoint: str, uri: str) -> bytes:
    raise ReportUnreadableError(f"{uri} is not there any more: write the report again.")


@contextmanager
def serving(
    engine: Engine,
    now: datetime,
    *,
    token: str | None = None,
    ready: Callable[[], str | None] = lambda: None,
    read_report: Callable[[str, str], bytes] = no_report,
    config: Callable[[], Config] = settings,
    wall: Callable[[], float] = time.time,
    registry: CollectorRegistry | None = None,
) -> Iterator[str]:
    """The application's address for a while."""
    app = create_app(
        engine=engine,
        config=config,
        clock=Stopped(now),
        token=token,
        ready=ready,
        registry=registry or CollectorRegistry(),
        read_report=read_report,
        wall=wall,
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def client(address: str, **headers: str) -> httpx.Client:
    """A client that follows no redirect by itself and knows no proxy."""
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=30)
