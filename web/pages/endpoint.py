"""One endpoint: what drifted, when, how far, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from config.model import Endpoint, unacted
from store import (
    baselines,
    captures,
    decisions,
    deployments,
    executions,
    fleet,
    incidents,
    reports,
    runs,
    series,
)
from store.engine import reading
from store.records import CheckRow, Execution, ExecutionKind, Monitor, Outcome
from store.series import QualityPoint
from web import figures, judging, lookup
from web.lines import FeatureLine, by_feature, by_window, most_moved, spark
from web.lookup import Name
from web.pages import distribution
from web.period import CHOICES, Asked, Period, judged
from web.rendering import path, query, render
from web.site import Here, Site
from web.violations import repeated

_FIRST = {"rmse": 0, "f1": 0, "weighted_f1": 0, "auc": 1}
"""The metrics that are shown first."""
_WINDOWS_SHOWN = 12
_WINDOWS_LISTED = 168
_VIOLATED_WINDOWS = 24
_FEATURES_SHOWN = 60
_INCIDENTS_SHOWN = 20
_FEATURES_TABLED = 12
_RUNS_SHOWN = 20
_DECISIONS_SHOWN = 5
_DECISIONS_LISTED = 50

router = APIRouter(include_in_schema=False)
Chosen = Annotated[str | None, Query(max_length=4096)]


@router.get("/endpoints/{name}")
def show(
    here: Here,
    period: Asked,
    name: Name,
    feature: Chosen = None,
    window: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    metric: Chosen = None,
    variant: Chosen = None,
    marked: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> HTMLResponse:
    """The endpoint's page."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        everything = judged(connection, monitor.id, ExecutionKind.DATA_QUALITY, period)
        variants = sorted({execution.variant for execution in everything})
        chosen = variant if variant in variants else next((e.variant for e in everything), None)
        shown = tuple(execution for execution in everything if execution.variant == chosen)
        lines = _lines(connection, monitor, shown)
        picture = distribution.choose(connection, monitor, shown, lines, feature, window)
        points = _quality_points(connection, monitor, shown)
        ids = [execution.window_id for execution in shown]
        of_quality = executions.of_windows(connection, ids, ExecutionKind.MODEL_QUALITY)
        given = _given(period, feature, window, metric, variant)
        values = {
            **_standing(here, connection, monitor),
            **_drift(here, connection, monitor, lines),
            **_quality(points, metric),
            **_lists(connection, monitor, shown, of_quality),
            "quality_told": _unmeasured(of_quality, points),
            **_retraining(connection, monitor),
        }
    return HTMLResponse(
        render(
            "endpoint.html",
            title=monitor.name,
            signs_in=here.signs_in,
            now=here.clock.now(),
            given=given,
            here=path("endpoints", monitor.name),
            period=period,
            choices=CHOICES,
            variants=variants,
            variant=chosen,
            executions=shown,
            newest=shown[:_WINDOWS_SHOWN],
            older=shown[_WINDOWS_SHOWN:_WINDOWS_LISTED],
            picture=picture,
            marked=marked,
            **values,
        )
    )


@router.post("/endpoints/{name}/judge")
def judge_again(here: Here, request: Request, period: Asked, name: Name) -> RedirectResponse:
    """Mark the period's windows for judging, and go back to the page."""
    count = judging.mark(here.engine, name, period.start, period.end)
    given = {key: value for key, value in request.query_params.items() if key in ("start", "end", "last")}
    return RedirectResponse(path("endpoints", name) + query(given, marked=count), 303)


def _given(
    period: Period, feature: str | None, window: int | None, metric: str | None, variant: str | None
) -> dict[str, str]:
    chosen = {"feature": feature, "window": window, "metric": metric, "variant": variant}
    return period.as_query() | {key: str(value) for key, value in chosen.items() if value is not None}


def _standing(here: Site, connection: Connection, monitor: Monitor) -> dict[str, object]:
    """Its state now, and how it is set up."""
    setup = _setup(here, monitor.name)
    return {
        "row": fleet.of_monitors(connection, [monitor])[0],
        "totals": captures.totals(connection, monitor.id),
        "setup": setup,
        "unacted": unacted(setup) if setup else (),
    }


def _setup(here: Site, name: str) -> Endpoint | None:
    return next((endpoint for endpoint in here.config().endpoints if endpoint.name == name), None)


def _lines(connection: Connection, monitor: Monitor, windows: Sequence[Execution]) -> tuple[FeatureLine, ...]:
    if not windows:
        return ()
    shown = {execution.id for execution in windows}
    points = series.drift(
        connection, monitor.id, start=windows[-1].start, end=max(execution.end for execution in windows)
    )
    return most_moved(by_feature(point for point in points if point.execution_id in shown))


def _drift(
    here: Site, connection: Connection, monitor: Monitor, lines: Sequence[FeatureLine]
) -> dict[str, object]:
    history = incidents.history(connection, monitor.id)
    newest = history[: -_INCIDENTS_SHOWN - 1 : -1]
    eras = deployments.eras(connection, monitor.id)
    retraining = runs.history(connection, monitor.id)
    shown = lines[:_FEATURES_SHOWN]
    return {
        "drift_figure": figures.drift(lines, history, eras, here.clock.now(), retraining) if lines else None,
        "lines": [
            (line, spark([p.drift for p in line.points], line.last.threshold), figures.series(at, line))
            for at, line in enumerate(shown)
        ],
        "hidden_lines": len(lines) - len(shown),
        "table_lines": lines[:_FEATURES_TABLED],
        "window_rows": by_window(lines[:_FEATURES_TABLED]),
        "incidents": [(incident, incidents.events(connection, incident.id)) for incident in newest],
        "older_incidents": len(history) - len(newest),
        "eras": tuple(reversed(eras)),
    }


def _quality_points(
    connection: Connection, monitor: Monitor, windows: Sequence[Execution]
) -> tuple[QualityPoint, ...]:
    if not windows:
        return ()
    points = series.quality(
        connection, monitor.id, start=windows[-1].start, end=max(execution.end for execution in windows)
    )
    return tuple(point for point in points if point.variant == windows[0].variant)


def _quality(points: Sequence[QualityPoint], wanted: str | None) -> dict[str, object]:
    names = sorted({point.metric.name for point in points}, key=lambda name: (_FIRST.get(name, 2), name))
    name = wanted if wanted in names else next(iter(names), None)
    chosen = [point for point in points if point.metric.name == name]
    return {
        "metric_names": names,
        "metric": name,
        "quality_points": chosen,
        "quality_figure": figures.quality(chosen) if chosen else None,
    }


def _unmeasured(of_quality: Sequence[Execution], points: Sequence[QualityPoint]) -> str | None:
    """Why the newest labelled window has no quality, where that is so."""
    newest = max((one for one in of_quality if one.records), key=lambda one: one.start, default=None)
    if newest is None or newest.id in {point.execution_id for point in points}:
        return None
    return newest.message or None


def _lists(
    connection: Connection,
    monitor: Monitor,
    windows: Sequence[Execution],
    of_quality: Sequence[Execution],
) -> dict[str, object]:
    violated = [execution for execution in windows if execution.violations][:_VIOLATED_WINDOWS]
    worse = sorted((one for one in of_quality if one.violations), key=lambda one: one.start, reverse=True)
    violated = sorted([*violated, *worse[:_VIOLATED_WINDOWS]], key=lambda one: one.start, reverse=True)
    found = [(execution, check) for execution in violated for check in _violated(connection, execution)]
    return {
        "violations": repeated(found),
        "violated_windows": len({execution.window_id for execution in violated}),
        "reject_counts": captures.reject_counts(connection, monitor.id),
        "rejected": captures.recent_rejects(connection, monitor.id, limit=10),
        "baselines": baselines.versions(connection, monitor.id),
        "reports": reports.listed(connection, monitor.id),
    }


def _retraining(connection: Connection, monitor: Monitor) -> dict[str, object]:
    """Its runs, and what the policy said last, which is mostly why not."""
    history = runs.history(connection, monitor.id)
    said = decisions.listed(connection, monitor.id, _DECISIONS_LISTED)
    return {
        "run_under_way": next((run for run in history if not run.state.is_end), None),
        "runs": history[:_RUNS_SHOWN],
        "older_runs": len(history[_RUNS_SHOWN:]),
        "decisions": said[:_DECISIONS_SHOWN],
        "older_decisions": said[_DECISIONS_SHOWN:],
        "helped": runs.helped_counts(connection, monitor.id),
        "run_names": {run.id: run.name for run in history},
    }


def _violated(connection: Connection, execution: Execution) -> tuple[CheckRow, ...]:
    rows = executions.checks(connection, execution.id)
    return tuple(row for row in rows if row.outcome is Outcome.VIOLATED)
