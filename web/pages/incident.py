"""One incident: what, since when, how bad, and every change of it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from store import deployments, incidents
from store.engine import reading
from web import lookup
from web.lookup import Key
from web.rendering import path, render
from web.site import Here

router = APIRouter(include_in_schema=False)


@router.get("/incidents/{key}")
def show(here: Here, key: Key) -> HTMLResponse:
    """The incident's page."""
    with reading(here.engine) as connection:
        incident, monitor = lookup.incident(connection, key)
        events = incidents.events(connection, key)
        eras = deployments.eras(connection, monitor.id)
    return HTMLResponse(
        render(
            "incident.html",
            title=f"Incident {key} of {monitor.name}",
            signs_in=here.signs_in,
            now=here.clock.now(),
            monitor=monitor,
            endpoint_path=path("endpoints", monitor.name),
            incident=incident,
            events=events,
            era=next((era for era in eras if era.id == incident.deployment_id), None),
        )
    )
