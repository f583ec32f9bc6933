"""For machines: whether the process lives, whether it is ready, and its metrics."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def router(ready: Callable[[], str | None], registry: CollectorRegistry) -> APIRouter:
    """Routes for an orchestrator and for Prometheus; `ready` says why not, or None."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/healthz", methods=["GET", "HEAD"])
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("alive\n")

    @routes.api_route("/readyz", methods=["GET", "HEAD"])
    def is_ready() -> PlainTextResponse:
        reason = ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", 200 if reason is None else 503)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
