"""One execution: each check in words, every feature, and the revisions before and after it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from store import executions
from store.engine import reading
from store.records import CheckRow, Outcome
from web import lookup
from web.lookup import Key
from web.rendering import path, render
from web.site import Here

router = APIRouter(include_in_schema=False)

_PRESSING = (Outcome.VIOLATED, Outcome.ERROR, Outcome.INSUFFICIENT_DATA, Outcome.NOT_APPLICABLE, Outcome.OK)


@router.get("/executions/{key}")
def show(here: Here, key: Key) -> HTMLResponse:
    """The execution's page."""
    with reading(here.engine) as connection:
        execution, monitor = lookup.execution(connection, key)
        checks = executions.checks(connection, key)
        values = {
            "revisions": [
                other
                for other in executions.of_window(connection, execution.window_id)
                if other.kind is execution.kind
            ],
            "other_kind": [
                other
                for other in executions.of_window(connection, execution.window_id)
                if other.kind is not execution.kind and other.latest
            ],
            "features": executions.features(connection, key),
            "metrics": executions.metric_rows(connection, key),
        }
    return HTMLResponse(
        render(
            "execution.html",
            title=f"Execution {key} of {monitor.name}",
            signs_in=here.signs_in,
            now=here.clock.now(),
            monitor=monitor,
            endpoint_path=path("endpoints", monitor.name),
            execution=execution,
            groups=_by_outcome(checks),
            **values,
        )
    )


def _by_outcome(checks: tuple[CheckRow, ...]) -> list[tuple[Outcome, list[CheckRow]]]:
    groups = [(outcome, [row for row in checks if row.outcome is outcome]) for outcome in _PRESSING]
    return [(outcome, rows) for outcome, rows in groups if rows]
