"""The application: routes, the gate before them, and what they read, put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.middleware.gzip import GZipMiddleware

from config.clock import Clock
from config.model import Config
from web import assets, errors, health, signin
from web.api import routes as api
from web.api import runs as api_runs
from web.errors import Barrier, NotThereError
from web.guard import Guard, SafeHeaders
from web.metrics import FleetCollector
from web.pages import endpoint, execution, fleet, incident, report, runs
from web.sessions import Tries
from web.site import Site

_YEAR = "public, max-age=31536000, immutable"


def create_app(
    *,
    engine: Engine,
    config: Callable[[], Config],
    clock: Clock,
    token: str | None,
    ready: Callable[[], str | None],
    registry: CollectorRegistry,
    read_report: Callable[[str, str], bytes],
    wall: Callable[[], float] = time.time,
) -> FastAPI:
    """The dashboard and the API.

    Without a token it answers to loopback names alone. `ready` says why the service is not, or None.
    `read_report` gives the bytes of an endpoint's report at its address, or raises
    `web.site.ReportUnreadableError`.
    The fleet's metrics are added to `registry`. `wall` is wall time, by which sessions end.
    """
    if token is not None and not token.strip():
        raise ValueError("the token is empty: set KEDGE_TOKEN to a long random text, or leave it unset")
    app = FastAPI(
        title="Kedge",
        description="What the fleet's endpoints captured, judged against their baselines. Times are UTC.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.site = Site(engine, config, clock, read_report, signs_in=token is not None)
    registry.register(FleetCollector(engine, clock))
    tries = Tries()
    for router in (
        health.router(ready, registry),
        signin.router(token, tries, wall),
        _static(),
        api.router,
        api_runs.router,
        *(page.router for page in (fleet, endpoint, execution, incident, report, runs)),
    ):
        app.include_router(router)
    errors.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(Guard, token=token, tries=tries, wall=wall)
    app.add_middleware(Barrier)
    app.add_middleware(SafeHeaders)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=5)
    return app


def _static() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name}")
    def static(name: str) -> FileResponse:
        if name not in assets.files():
            raise NotThereError("There is no such file.")
        file, media_type = assets.files()[name]
        return FileResponse(file, media_type=media_type, headers={"cache-control": _YEAR})

    return routes
