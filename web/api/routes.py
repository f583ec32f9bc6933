"""The API's routes; every list is of one state of the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from store import attention, baselines, captures, deployments, executions, fleet, incidents, series, turns
from store.engine import reading
from store.records import ExecutionKind, FleetState
from web import judging, lookup
from web.api import answers
from web.lookup import Key, Name
from web.period import Asked, judged
from web.site import Here

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": answers.Refusal} for status in (400, 401, 403, 404, 503)
}
router = APIRouter(prefix="/api/v1", responses=_REFUSALS)

_OneEndpoint = "/endpoints/{name}"


@router.get("/fleet")
def show_fleet(
    here: Here,
    q: Annotated[str, Query(max_length=100, pattern=r"^[^\x00]*$", description="part of a name")] = "",
    state: FleetState | None = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=500)] = 100,
) -> answers.FleetAnswer:
    """Endpoints, the most pressing first."""
    with reading(here.engine) as connection:
        found = attention.page(
            connection, containing=q, state=state, limit=per_page, offset=(page - 1) * per_page
        )
        lag = turns.lag(connection, datetime.now(UTC))
    rows = tuple(map(answers.EndpointAnswer.of, found.rows))
    return answers.FleetAnswer(
        rows, found.matching, found.counts, lag.overdue, lag.overdue_since, lag.waiting_objects
    )


@router.get(_OneEndpoint)
def show_endpoint(here: Here, name: Name) -> answers.EndpointAnswer:
    """One endpoint at a glance."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return answers.EndpointAnswer.of(fleet.of_monitors(connection, [monitor])[0])


@router.get(_OneEndpoint + "/drift")
def show_drift(
    here: Here, name: Name, period: Asked, feature: str | None = None
) -> list[answers.DriftSeries]:
    """Each feature's distance to the baseline over time."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        windows = judged(connection, monitor.id, ExecutionKind.DATA_QUALITY, period)
        if not windows:
            return []
        points = series.drift(
            connection, monitor.id, start=windows[-1].start, end=max(e.end for e in windows)
        )
    return answers.drift_series(p for p in points if feature is None or p.feature == feature)


@router.get(_OneEndpoint + "/quality")
def show_quality(here: Here, name: Name, period: Asked) -> list[answers.QualitySeries]:
    """Realised quality over time, as far as labels have arrived."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        windows = judged(connection, monitor.id, ExecutionKind.MODEL_QUALITY, period)
        if not windows:
            return []
        points = series.quality(
            connection, monitor.id, start=windows[-1].start, end=max(e.end for e in windows)
        )
    return answers.quality_series(points)


@router.get(_OneEndpoint + "/executions")
def show_executions(
    here: Here, name: Name, period: Asked, kind: ExecutionKind = ExecutionKind.DATA_QUALITY
) -> list[answers.ExecutionAnswer]:
    """The last judgements of a period's windows, newest window first."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return list(map(answers.ExecutionAnswer.of, judged(connection, monitor.id, kind, period)))


@router.get("/executions/{key}")
def show_execution(here: Here, key: Key) -> answers.ExecutionDetail:
    """One execution with all its rows."""
    with reading(here.engine) as connection:
        execution, monitor = lookup.execution(connection, key)
        revisions = executions.of_window(connection, execution.window_id)
        return answers.ExecutionDetail(
            endpoint=monitor.name,
            execution=answers.ExecutionAnswer.of(execution),
            checks=executions.checks(connection, key),
            features=executions.features(connection, key),
            metrics=executions.metric_rows(connection, key),
            revisions=tuple(answers.ExecutionAnswer.of(e) for e in revisions if e.kind is execution.kind),
        )


@router.get(_OneEndpoint + "/incidents")
def show_incidents(here: Here, name: Name) -> list[answers.IncidentAnswer]:
    """Every incident of an endpoint, newest first."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        history = incidents.history(connection, monitor.id)
    return list(map(answers.IncidentAnswer.of, reversed(history)))


@router.get("/incidents/{key}")
def show_incident(here: Here, key: Key) -> answers.IncidentDetail:
    """One incident with all its changes."""
    with reading(here.engine) as connection:
        incident, monitor = lookup.incident(connection, key)
        events = tuple(map(answers.EventAnswer.of, incidents.events(connection, key)))
    return answers.IncidentDetail(monitor.name, answers.IncidentAnswer.of(incident), events)


@router.get(_OneEndpoint + "/baselines")
def show_baselines(here: Here, name: Name) -> list[answers.BaselineAnswer]:
    """Versions of an endpoint's baseline, newest first."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return list(map(answers.BaselineAnswer.of, baselines.versions(connection, monitor.id)))


@router.get(_OneEndpoint + "/eras")
def show_eras(here: Here, name: Name) -> list[answers.EraAnswer]:
    """Which endpoint config was in force when, oldest first."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return list(map(answers.EraAnswer.of, deployments.eras(connection, monitor.id)))


@router.get(_OneEndpoint + "/rejects")
def show_rejects(
    here: Here, name: Name, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> answers.RejectsAnswer:
    """What of the captures could not be used."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        counts = captures.reject_counts(connection, monitor.id)
        recent = captures.recent_rejects(connection, monitor.id, limit)
        return answers.RejectsAnswer(
            monitor.late_objects,
            monitor.late_key,
            monitor.late_labels,
            monitor.late_label_key,
            counts,
            recent,
        )


@router.post(_OneEndpoint + "/judge")
def judge_again(here: Here, name: Name, period: Asked) -> answers.MarkedAnswer:
    """Mark the windows inside a period for judging again; without one, all of them."""
    return answers.MarkedAnswer(judging.mark(here.engine, name, period.start, period.end))
