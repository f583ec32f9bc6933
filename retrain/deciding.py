"""After new executions: the policy is asked, and its answer, yes or no, becomes a row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from config.model import Endpoint
from config.retraining import Retrain
from retrain.policy import Facts, Verdict, changed_at, decide
from retrain.policy.past import Attempt, Yes, acted_on, attempt, facts, would_have
from retrain.readings import LOOKED_AT, WindowReadings, of_windows, with_faults
from store import decisions, deployments, incidents, monitors, new_data, runs, windows
from store.engine import reading, writing
from store.records import Deployment, Incident, IncidentKind, Monitor
from store.retraining import Arrived, DecisionReason, Run, RunReason

log = structlog.get_logger(__name__)

Reference = Callable[[Deployment], Mapping[str, float]]
"""The quality a model was registered with, such as {"rmse": 2.04}; empty where that is not known."""

_LOOKED_BACK_TO = 400
"""Windows of an era that are weighed at most, where a breach that was decided on has to clear."""
_AT_ONCE = 200
"""So many windows are read at a time where a breach goes back beyond those that are weighed."""
_RUN_REASON = {
    DecisionReason.BREACH: RunReason.BREACH,
    DecisionReason.NEW_DATA: RunReason.NEW_DATA,
    DecisionReason.SCHEDULE: RunReason.SCHEDULE,
}


class Answer(StrEnum):
    """What came of asking an endpoint's policy."""

    RUN = "run"
    NO_RUN = "no_run"
    """It was decided so, or will be: what moved in this very moment is asked about again."""
    NOTHING = "nothing"
    """There is no variant to decide on, whatever was judged."""


def decide_endpoint(engine: Engine, endpoint: Endpoint, reference: Reference, now: datetime) -> Answer:
    """Ask the policy about executions, or whole new data, that it has not seen; says what came of it."""
    retrain = endpoint.retrain
    if retrain is None:
        return Answer.NO_RUN
    with reading(engine) as connection:
        asked = _asked(connection, endpoint, retrain, now)
    if asked is None or not asked.variants:
        # and no row that says so: the registry would be asked every round
        return Answer.NO_RUN if asked is None else Answer.NOTHING
    quality = {variant: reference(asked.era.of(variant)) for variant in asked.variants}
    with reading(engine) as connection:
        # while the registry was asked windows may have been judged, or an era begun. They are read and
        # weighed here, in one snapshot, and not while others wait to write: many of them take seconds
        since = _asked(connection, endpoint, retrain, now)
        if since is None or (since.era, since.variants) != (asked.era, asked.variants):
            return Answer.NO_RUN
        decided = _decided(connection, replace(since, quality=quality))
    try:
        with writing(engine) as connection:
            # no more is judged from here on, and what was decided must be of all that is
            deployments.lock(connection, asked.monitor.id)
            if _asked(connection, endpoint, retrain, now) != since:
                return Answer.NO_RUN
            requested = _store(connection, decided)
    except (IntegrityError, runs.RunInFlightError):
        # another replica decided on these executions, or asked for a run, in this very moment
        return Answer.NO_RUN
    if requested is None:
        return Answer.NO_RUN
    log.info("run_requested", run=requested.name, endpoint=endpoint.name)
    return Answer.RUN


def _asked(connection: Connection, endpoint: Endpoint, retrain: Retrain, now: datetime) -> _Asked | None:
    """What there is to decide on, but for the windows and the model's quality; None where that is nothing."""
    monitor = monitors.by_name(connection, endpoint.name)
    if monitor is None:
        return None
    newest = decisions.newest_execution(connection, monitor.id)
    eras = deployments.eras(connection, monitor.id)
    arrived = _arrived(connection, monitor, retrain)
    upto_object = decisions.decided_upto_object(connection, monitor.id)
    is_new = arrived is not None and arrived.whole and arrived.upto > upto_object
    if newest is None or not eras:
        return None
    if newest <= decisions.decided_upto(connection, monitor.id) and not is_new:
        return None
    return _Asked(
        monitor,
        endpoint,
        retrain,
        eras,
        _variants(connection, monitor, endpoint, eras[-1]),
        newest,
        now,
        incidents.open_ones(connection, monitor.id),
        tuple(attempt(run, eras) for run in runs.history(connection, monitor.id)),
        arrived,
        upto_object,
    )


def _arrived(connection: Connection, monitor: Monitor, retrain: Retrain) -> Arrived | None:
    wanted = retrain.new_data
    if wanted is None:
        return None
    # what a dry run acted on waits for the run that is opened once it is none any more
    after = decisions.kept_back_at(connection, monitor.id) if retrain.dry_run else None
    return new_data.arrived(connection, monitor.id, wanted.prefix, after)


def _variants(
    connection: Connection, monitor: Monitor, endpoint: Endpoint, era: Deployment
) -> tuple[str, ...]:
    """Those that are decided on; none in an era without traffic yet."""
    if endpoint.variant:
        return (endpoint.variant,)
    return with_own(windows.variants(connection, monitor.id, era.id))


def with_own(variants: tuple[str, ...]) -> tuple[str, ...]:
    """The variants, a followed schedule's among them; none where Kedge has read no records to learn from."""
    return () if all(map(windows.is_followed, variants)) else variants


def _trained(connection: Connection, asked: _Asked, variant: str) -> str:
    """The variant whose model a run replaces: what a schedule saw is evidence, and no model of its own."""
    if not windows.is_followed(variant):
        return variant
    return windows.busiest(connection, asked.monitor.id, asked.era.id) or variant


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a decision is asked about, as one transaction saw it: equal where nothing moved that bears on it.

    That a decision was made in between shows by what it had seen, and there is nothing to ask any more.
    """

    monitor: Monitor = field(compare=False)
    endpoint: Endpoint
    retrain: Retrain
    eras: tuple[Deployment, ...]
    variants: tuple[str, ...]
    newest: int
    now: datetime
    found: tuple[Incident, ...]
    """The open ones."""
    attempts: tuple[Attempt, ...]
    arrived: Arrived | None
    upto_object: int
    """The newest object of training data that a decision has seen."""
    quality: Mapping[str, Mapping[str, float]] = field(default_factory=dict, compare=False)
    """By variant, what its model was registered with."""

    @property
    def era(self) -> Deployment:
        """The one in force."""
        return self.eras[-1]


@dataclass(frozen=True, slots=True)
class _Decided:
    """What the windows of one transaction came to: all that is left is to store it."""

    asked: _Asked
    variant: str
    verdict: Verdict
    trained: str
    """The variant whose model a run would replace."""
    incident_id: int | None
    change_at: datetime


def _decided(connection: Connection, asked: _Asked) -> _Decided:
    """Read the windows that the policy weighs, and weigh them; writes nothing."""
    monitor, endpoint, era = asked.monitor, asked.endpoint, asked.era
    known = _known(connection, asked)

    def seen(variant: str, limit: int, before: datetime | None = None) -> tuple[WindowReadings, ...]:
        quality = asked.quality[variant]
        given = of_windows(connection, monitor.id, variant, era.id, limit, quality, before)
        faults = incidents.data_faults(connection, monitor.id, variant, era.id)
        return with_faults(given, [(each.first_window, each.last_window) for each in faults])

    @cache
    def newest(variant: str) -> tuple[WindowReadings, ...]:
        return seen(variant, looked_at(asked.retrain, known(variant), endpoint.window, asked.now))

    def said(variant: str) -> Verdict:
        return decide(asked.retrain, newest(variant), known(variant), asked.now)

    variant, verdict = gravest({variant: said(variant) for variant in asked.variants})
    mine = [i for i in asked.found if i.deployment_id == era.id and i.variant == variant]
    drift = next((i for i in mine if i.kind is IncidentKind.DRIFT), None)
    named = drift or next((i for i in mine if i.kind is IncidentKind.QUALITY), None)
    changed = (
        changed_at(asked.retrain, newest(variant), lambda before: seen(variant, _AT_ONCE, before))
        if verdict.reason is DecisionReason.BREACH
        else verdict.change_at
    )
    return _Decided(
        asked,
        variant,
        verdict,
        _trained(connection, asked, variant),
        named.id if named else None,
        _change_at(changed, drift, max(era.started_at, asked.now - endpoint.label_horizon)),
    )


def _store(connection: Connection, decided: _Decided) -> Run | None:
    """Record what was decided, and open the run that it asks for."""
    asked, verdict = decided.asked, decided.verdict
    monitor, endpoint, era, arrived = asked.monitor, asked.endpoint, asked.era, asked.arrived
    run = None
    if verdict.reason.is_yes:
        run = runs.request(
            connection,
            monitor_id=monitor.id,
            endpoint=endpoint.name,
            variant=decided.trained,
            deployment_id=era.id,
            incident_id=decided.incident_id,
            reason=_RUN_REASON[verdict.reason],
            # what goes to the target and to logs: without money
            told=verdict.words,
            change_at=decided.change_at,
            deadline=asked.now + asked.retrain.training.time_limit,
            now=asked.now,
        )
    decisions.record(
        connection,
        monitor_id=monitor.id,
        upto_execution_id=asked.newest,
        reason=verdict.reason,
        words=verdict.told,
        seen=verdict.seen,
        incident_id=decided.incident_id,
        run_id=run.id if run else None,
        config_digest=endpoint.digest,
        now=asked.now,
        variant=decided.variant,
        policy=terms(asked.retrain),
        conditions=verdict.conditions,
        reference=asked.quality[decided.variant],
        upto_object_id=max(arrived.upto if arrived and arrived.whole else 0, asked.upto_object),
        deployment_id=era.id,
    )
    if arrived and verdict.reason.is_yes:
        new_data.act(connection, monitor.id, arrived.upto)
    return run


def looked_at(retrain: Retrain, facts: Facts, window: timedelta, now: datetime) -> int:
    """How many windows are weighed: twice the M of ``for: N of M``, since some may have no say.

    Also as far back as a breach lies that was decided on, within bounds.
    """
    oldest = min((each.window for each in facts.decided), default=now)
    back = min(_LOOKED_BACK_TO, (now - oldest) // window + 1)
    return max(LOOKED_AT, 2 * retrain.persistence.windows, back)


def gravest(verdicts: Mapping[str, Verdict]) -> tuple[str, Verdict]:
    """What is most worth telling of an era's variants, with the variant's name where there are several.

    A yes to a breach comes before one to new data or the schedule, which are every variant's. Of equals it is
    the first by name.
    """
    variant = max(sorted(verdicts), key=lambda name: _gravity(verdicts[name]))
    verdict = verdicts[variant]
    if len(verdicts) > 1:
        whose = "windows are those of" if windows.is_followed(variant) else "variant is"
        verdict = replace(verdict, words=f"{verdict.words} The {whose} {variant}.")
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


def _known(connection: Connection, asked: _Asked) -> Callable[[str], Facts]:
    """The facts about each variant of the era in force."""
    monitor_id, era, dry_run = asked.monitor.id, asked.era, asked.retrain.dry_run
    mine = (incident for incident in asked.found if incident.deployment_id == era.id)
    fault = next((i for i in mine if i.kind.forbids_retraining), None)
    said = [
        each for each in decisions.yeses(connection, monitor_id) if acted_on(each.reason, dry_run=dry_run)
    ]
    made = [*asked.attempts, *(would_have(each) for each in said if not each.reason.is_yes)]
    period = windows.span(connection, monitor_id)
    made.sort(key=lambda each: each.requested_at, reverse=True)

    def of(variant: str) -> Facts:
        return facts(
            made,
            [Yes.of(each) for each in said],
            era=era,
            began_at=max(era.started_at, period[0]) if period else era.started_at,
            variant=variant,
            data_fault=fault,
            arrived=asked.arrived,
        )

    return of


def _change_at(changed: datetime | None, drift: Incident | None, otherwise: datetime) -> datetime:
    """Where the changed world begins: the first breached window, or the incident's, whichever is earlier.

    Where nothing has changed, a run learns from all that may be labelled.
    """
    moments = [moment for moment in (changed, drift.first_window if drift else None) if moment]
    return min(moments, default=otherwise)
