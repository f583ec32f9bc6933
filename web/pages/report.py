"""A written report, shown in a sandbox: its scripts run, and reach neither the session nor the network."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from store import monitors
from store.engine import reading
from web import lookup
from web.lookup import Key
from web.site import Here

router = APIRouter(include_in_schema=False)

_SANDBOX = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/reports/{key}")
def show(here: Here, key: Key) -> HTMLResponse:
    """The report itself."""
    with reading(here.engine) as connection:
        report = lookup.report(connection, key)
        monitor = monitors.by_id(connection, report.monitor_id)
    page = here.read_report(monitor.name if monitor else "", report.uri)
    return HTMLResponse(page, headers={"content-security-policy": _SANDBOX})
