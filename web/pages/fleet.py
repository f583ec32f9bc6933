"""The fleet: every endpoint at a glance, the most pressing first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from config.model import unacted
from store import attention, runs, turns
from store.engine import reading
from store.records import FleetState
from web.rendering import render
from web.site import Here

PER_PAGE = 50
LATE = timedelta(minutes=1)
"""A turn that is so long overdue is told: the service does not run, or has more to do than it can."""
router = APIRouter(include_in_schema=False)


def _blank(value: object) -> object:
    return None if value == "" else value


State = Annotated[FleetState | None, BeforeValidator(_blank), Query()]
Filter = Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$")]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


@router.get("/")
def show(here: Here, q: Filter = "", state: State = None, page: PageNumber = 1) -> HTMLResponse:
    """A page of endpoints."""
    with reading(here.engine) as connection:
        found = attention.page(
            connection, containing=q.strip(), state=state, limit=PER_PAGE, offset=(page - 1) * PER_PAGE
        )
        lag = turns.lag(connection, datetime.now(UTC))
        under_way = {run.monitor_id: run for run in runs.under_way(connection)}
    return HTMLResponse(
        render(
            "fleet.html",
            title="Fleet",
            signs_in=here.signs_in,
            now=here.clock.now(),
            found=found,
            lag=lag,
            late=lag.overdue_since and datetime.now(UTC) - lag.overdue_since > LATE,
            wall=datetime.now(UTC),
            unacted=unacted(here.config()),
            under_way=under_way,
            states=tuple(FleetState),
            q=q,
            state=state,
            page=page,
            pages=max(1, -(-found.matching // PER_PAGE)),
            given={"q": q, "state": state or ""},
        )
    )
