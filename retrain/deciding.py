"""After new executions: the policy is asked, and its answer, yes or no, becomes a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from config.model import Endpoint
from config.retraining import Retrain
from retrain.policy import Facts, Verdict, decide
from retrain.readings import of_windows
from store import decisions, deployments, incidents, monitors, runs, windows
from store.engine import reading, writing
from store.records import Deployment, Incident, IncidentKind, Monitor
from store.retraining import DecisionReason, Run, RunReason

log = structlog.get_logger(__name__)

Reference = Callable[[Deployment], Mapping[str, float]]
"""The quality a model was registered with, such as {"rmse": 2.04}; empty where that is not known."""

_LOOKED_AT = 50
"""Windows of an era that conditions are weighed over, at most."""


def decide_endpoint(engine: Engine, endpoint: Endpoint, reference: Reference, now: datetime) -> bool:
    """Ask the policy if there are executions it has not seen; says whether a run was requested."""
    retrain = endpoint.retrain
    if retrain is None:
        return False
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint.name)
        if monitor is None:
            return False
        newest = decisions.newest_execution(connection, monitor.id)
        eras = deployments.eras(connection, monitor.id)
        if newest is None or not eras or newest <= decisions.decided_upto(connection, monitor.id):
            return False
    quality = reference(eras[-1])
    try:
        with writing(engine) as connection:
            requested = _decide(connection, monitor, endpoint, retrain, eras[-1], quality, newest, now)
    except (IntegrityError, runs.RunInFlightError):
        # another replica decided on these executions, or asked for a run, in this very moment
        return False
    if requested is not None:
        log.info("run_requested", run=requested.name, endpoint=endpoint.name)
    return requested is not None


def _decide(
    connection: Connection,
    monitor: Monitor,
    endpoint: Endpoint,
    retrain: Retrain,
    era: Deployment,
    quality: Mapping[str, float],
    newest: int,
    now: datetime,
) -> Run | None:
    variants = (endpoint.variant,) if endpoint.variant else windows.variants(connection, monitor.id, era.id)
    if not variants:
        return None
    found = incidents.open_ones(connection, monitor.id)
    facts = _facts(connection, monitor, era, found)

    def asked(variant: str) -> Verdict:
        seen = of_windows(connection, monitor.id, variant, era.id, _LOOKED_AT, quality)
        return decide(retrain, seen, facts, now)

    verdicts = {variant: asked(variant) for variant in variants}
    variant = max(variants, key=lambda name: _gravity(verdicts[name]))
    verdict = verdicts[variant]
    if len(variants) > 1:
        verdict = replace(verdict, words=f"{verdict.words} The variant is {variant}.")
    mine = [i for i in found if i.deployment_id == era.id and i.variant == variant]
    drift = next((i for i in mine if i.kind is not IncidentKind.DATA_FAULT), None)
    run = None
    if verdict.reason is DecisionReason.BREACH:
        run = runs.request(
            connection,
            monitor_id=monitor.id,
            endpoint=endpoint.name,
            variant=variant,
            deployment_id=era.id,
            incident_id=drift.id if drift else None,
            reason=RunReason.BREACH,
            told=verdict.words,
            change_at=_change_at(verdict, drift, now),
            deadline=now + retrain.training.time_limit,
            now=now,
        )
    decisions.record(
        connection,
        monitor_id=monitor.id,
        upto_execution_id=newest,
        reason=verdict.reason,
        words=verdict.words,
        seen=verdict.seen,
        incident_id=drift.id if drift else None,
        run_id=run.id if run else None,
        config_digest=endpoint.digest,
        now=now,
    )
    return run


def _gravity(verdict: Verdict) -> tuple[bool, bool, bool]:
    """What is most worth telling of an era's variants; of equals it is the first by name."""
    reason = verdict.reason
    return bool(verdict.breached), reason is DecisionReason.NOT_LASTING, reason is not DecisionReason.UNKNOWN


def _facts(connection: Connection, monitor: Monitor, era: Deployment, found: tuple[Incident, ...]) -> Facts:
    past = runs.history(connection, monitor.id)
    under_way = next((run.name for run in past if not run.state.is_end), None)
    ended = [run.ended_at for run in past if run.ended_at is not None]
    mine = (incident for incident in found if incident.deployment_id == era.id)
    fault = next((i for i in mine if i.kind is IncidentKind.DATA_FAULT), None)
    return Facts(
        data_fault=fault,
        run_in_flight=under_way,
        last_run_ended_at=max(ended, default=None),
        recent_runs=tuple(run.requested_at for run in past),
    )


def _change_at(verdict: Verdict, drift: Incident | None, now: datetime) -> datetime:
    """Where the changed world begins: the first breached window, or the incident's, whichever is earlier."""
    moments = [moment for moment in (verdict.change_at, drift.first_window if drift else None) if moment]
    return min(moments, default=now)
