"""After new executions: the policy is asked, and its answer, yes or no, becomes a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from config.model import Endpoint
from config.retraining import Retrain
from retrain.policy import Facts, Verdict, decide
from retrain.policy.past import Yes, acted_on, attempt, facts, would_have
from retrain.readings import LOOKED_AT, of_windows, with_faults
from store import decisions, deployments, incidents, monitors, new_data, runs, windows
from store.engine import reading, writing
from store.records import Deployment, Incident, IncidentKind, Monitor
from store.retraining import Arrived, DecisionReason, Run, RunReason

log = structlog.get_logger(__name__)

Reference = Callable[[Deployment], Mapping[str, float]]
"""The quality a model was registered with, such as {"rmse": 2.04}; empty where that is not known."""

_LOOKED_BACK_TO = 400
"""Windows of an era that are weighed at most, where a breach that was decided on has to clear."""
_RUN_REASON = {
    DecisionReason.BREACH: RunReason.BREACH,
    DecisionReason.NEW_DATA: RunReason.NEW_DATA,
    DecisionReason.SCHEDULE: RunReason.SCHEDULE,
}


def decide_endpoint(engine: Engine, endpoint: Endpoint, reference: Reference, now: datetime) -> bool:
    """Ask the policy if there are executions, or whole new data, that it has not seen; says whether it
    requested a run.
    """
    retrain = endpoint.retrain
    if retrain is None:
        return False
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint.name)
        if monitor is None:
            return False
        newest = decisions.newest_execution(connection, monitor.id)
        eras = deployments.eras(connection, monitor.id)
        arrived = _arrived(connection, monitor, retrain)
        if newest is None or not eras or not _is_news(connection, monitor, newest, arrived):
            return False
        variants = _variants(connection, monitor, endpoint, eras[-1])
    if not variants:
        return False  # nothing to decide on, and no row that says so: the registry would be asked every round
    asked = _Asked(monitor, endpoint, retrain, eras, variants, reference(eras[-1]), newest, now)
    try:
        with writing(engine) as connection:
            requested = _decide(connection, asked)
    except (IntegrityError, runs.RunInFlightError):
        # another replica decided on these executions, or asked for a run, in this very moment
        return False
    if requested is not None:
        log.info("run_requested", run=requested.name, endpoint=endpoint.name)
    return requested is not None


def _arrived(connection: Connection, monitor: Monitor, retrain: Retrain) -> Arrived | None:
    wanted = retrain.new_data
    if wanted is None:
        return None
    # what a dry run acted on waits for the run that is opened once it is none any more
    after = decisions.kept_back_at(connection, monitor.id) if retrain.dry_run else None
    return new_data.arrived(connection, monitor.id, wanted.prefix, after)


def _is_news(connection: Connection, monitor: Monitor, newest: int, arrived: Arrived | None) -> bool:
    if newest > decisions.decided_upto(connection, monitor.id):
        return True
    seen = decisions.decided_upto_object(connection, monitor.id)
    return arrived is not None and arrived.whole and arrived.upto > seen


def _variants(
    connection: Connection, monitor: Monitor, endpoint: Endpoint, era: Deployment
) -> tuple[str, ...]:
    """Those that are decided on; none in an era without traffic yet."""
    return (endpoint.variant,) if endpoint.variant else windows.variants(connection, monitor.id, era.id)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a decision is asked about."""

    monitor: Monitor
    endpoint: Endpoint
    retrain: Retrain
    eras: tuple[Deployment, ...]
    variants: tuple[str, ...]
    quality: Mapping[str, float]
    newest: int
    now: datetime

    @property
    def era(self) -> Deployment:
        """The one in force."""
        return self.eras[-1]


def _decide(connection: Connection, asked: _Asked) -> Run | None:
    monitor, endpoint, era = asked.monitor, asked.endpoint, asked.era
    found = incidents.open_ones(connection, monitor.id)
    known = _known(connection, asked, found)

    def said(variant: str) -> Verdict:
        facts = known(variant)
        limit = looked_at(facts, endpoint.window, asked.now)
        seen = of_windows(connection, monitor.id, variant, era.id, limit, asked.quality)
        faults = incidents.data_faults(connection, monitor.id, variant, era.id)
        stretches = [(each.first_window, each.last_window) for each in faults]
        return decide(asked.retrain, with_faults(seen, stretches), facts, asked.now)

    variant, verdict = gravest({variant: said(variant) for variant in asked.variants})
    mine = [i for i in found if i.deployment_id == era.id and i.variant == variant]
    drift = next((i for i in mine if i.kind is IncidentKind.DRIFT), None)
    named = drift or next((i for i in mine if i.kind is IncidentKind.QUALITY), None)
    run = None
    if verdict.reason.is_yes:
        run = runs.request(
            connection,
            monitor_id=monitor.id,
            endpoint=endpoint.name,
            variant=variant,
            deployment_id=era.id,
            incident_id=named.id if named else None,
            reason=_RUN_REASON[verdict.reason],
            # what goes to the target and to logs: without money
            told=verdict.words,
            change_at=_change_at(verdict, drift, max(era.started_at, asked.now - endpoint.label_horizon)),
            deadline=asked.now + asked.retrain.training.time_limit,
            now=asked.now,
        )
    arrived = known(variant).arrived
    decisions.record(
        connection,
        monitor_id=monitor.id,
        upto_execution_id=asked.newest,
        reason=verdict.reason,
        words=verdict.told,
        seen=verdict.seen,
        incident_id=named.id if named else None,
        run_id=run.id if run else None,
        config_digest=endpoint.digest,
        now=asked.now,
        variant=variant,
        policy=terms(asked.retrain),
        conditions=verdict.conditions,
        reference=asked.quality,
        upto_object_id=max(
            arrived.upto if arrived and arrived.whole else 0,
            decisions.decided_upto_object(connection, monitor.id),
        ),
        deployment_id=era.id,
    )
    if arrived and verdict.reason.is_yes:
        new_data.act(connection, monitor.id, arrived.upto)
    return run


def looked_at(facts: Facts, window: timedelta, now: datetime) -> int:
    """How many windows are weighed: as far back as a breach lies that was decided on, within bounds."""
    oldest = min((each.window for each in facts.decided), default=now)
    return max(LOOKED_AT, min(_LOOKED_BACK_TO, (now - oldest) // window + 1))


def gravest(verdicts: Mapping[str, Verdict]) -> tuple[str, Verdict]:
    """What is most worth telling of an era's variants, with the variant's name where there are several.

    A yes to a breach comes before one to new data or the schedule, which are every variant's. Of equals it is
    the first by name.
    """
    variant = max(sorted(verdicts), key=lambda name: _gravity(verdicts[name]))
    verdict = verdicts[variant]
    if len(verdicts) > 1:
        verdict = replace(verdict, words=f"{verdict.words} The variant is {variant}.")
    return variant, verdict


def _gravity(verdict: Verdict) -> tuple[bool, ...]:
    reason = verdict.reason
    is_yes = reason.is_yes or reason is DecisionReason.WOULD_RETRAIN
    lasting = reason is DecisionReason.NOT_LASTING
    of_a_breach = is_yes and verdict.trigger is DecisionReason.BREACH
    return is_yes, of_a_breach, bool(verdict.breached), lasting, reason is not DecisionReason.UNKNOWN


def terms(retrain: Retrain) -> str:
    """The policy that decides, as JSON: what trains and where it is kept is no part of it."""
    said = retrain.model_dump(mode="json", by_alias=True, exclude={"target", "training", "registry"})
    return json.dumps(said, sort_keys=True, ensure_ascii=False)


def _known(connection: Connection, asked: _Asked, found: Sequence[Incident]) -> Callable[[str], Facts]:
    """The facts about each variant of the era in force."""
    monitor_id, era, dry_run = asked.monitor.id, asked.era, asked.retrain.dry_run
    mine = (incident for incident in found if incident.deployment_id == era.id)
    fault = next((i for i in mine if i.kind.forbids_retraining), None)
    said = [
        each for each in decisions.yeses(connection, monitor_id) if acted_on(each.reason, dry_run=dry_run)
    ]
    made = [attempt(run, asked.eras) for run in runs.history(connection, monitor_id)]
    made += [would_have(each) for each in said if not each.reason.is_yes]
    period = windows.span(connection, monitor_id)
    arrived = _arrived(connection, asked.monitor, asked.retrain)
    made.sort(key=lambda each: each.requested_at, reverse=True)

    def of(variant: str) -> Facts:
        return facts(
            made,
            [Yes.of(each) for each in said],
            era=era,
            began_at=max(era.started_at, period[0]) if period else era.started_at,
            variant=variant,
            data_fault=fault,
            arrived=arrived,
        )

    return of


def _change_at(verdict: Verdict, drift: Incident | None, otherwise: datetime) -> datetime:
    """Where the changed world begins: the first breached window, or the incident's, whichever is earlier.

    Where nothing has changed, a run learns from all that may be labelled.
    """
    moments = [moment for moment in (verdict.change_at, drift.first_window if drift else None) if moment]
    return min(moments, default=otherwise)
