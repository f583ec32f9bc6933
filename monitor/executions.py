"""Closing windows: segments merge, the result is judged, and incidents follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from baselines import versions
from baselines.constraints import Constraints
from baselines.profile import codec
from baselines.profile.profile import Profile
from baselines.versions import LoadedBaseline
from config.distance import Distance
from config.model import Endpoint
from monitor import evidence, neighbours, quality_loss, skew
from monitor.incidents import QUIET_WINDOWS, Breach, Decision, Judged, Shows, breaches, decide, of_kind, shows
from monitor.judge import Verdict, judge
from monitor.violations import completion_message
from store import deployments, executions, incidents, windows
from store.records import (
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    Incident,
    IncidentKind,
    NewExecution,
    Outcome,
    Window,
)

_SMALLER = 50
"""So many windows that decide nothing are looked at for what they show all the same."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Who judges: the endpoint's entry and a baseline, which for a verdict is that of the window's era.

    Of an era that is over (`ended`) a window is judged all the same, and opens no incident. `read_by` is the
    baseline by which the records were read, where that is another: it says how many columns they should have.
    """

    endpoint: Endpoint
    baseline: LoadedBaseline
    ended: bool = False
    read_by: LoadedBaseline | None = None


def judge_window(connection: Connection, window: Window, bench: Bench, now: datetime) -> Execution:
    """Judge a window as it stands, store the next revision, and bring its incidents up to date."""
    found = evidence.gather(connection, window)
    evidence.keep(connection, window, found)
    profile = found.profile
    windows.compact(connection, window.id, codec.encode(profile), profile.rows, found.rejected)
    hint = skew.scaling(profile, bench.baseline.profile, _inputs(bench))
    new = judgement(profile, found.rejected, bench)
    execution = settle(connection, window, new, bench.ended, now, hint)
    quality_loss.judged(connection, execution, bench.endpoint, now)
    return execution


def judgement(profile: Profile, rejected: int, bench: Bench) -> NewExecution:
    """What a window's records, summarised, and those that it lost come to: a pure function."""
    endpoint = bench.endpoint
    verdict = judge(
        profile, bench.baseline.profile, _kept(bench), endpoint.distance, _width(bench), endpoint.assume
    )
    return _execution(verdict, profile, rejected, bench)


def settle(
    connection: Connection,
    window: Window,
    new: NewExecution,
    ended: bool,
    now: datetime,
    hint: str | None = None,
    *,
    compared: bool = True,
) -> Execution:
    """Store a judgement of a window, whoever made it, and bring the window's incidents up to date.

    `hint` says more of what a skew of it may come from. Where the checks are not all that were compared, but
    the violations alone, nobody can say that nearly all columns are far off.
    """
    before = _breaches_before(connection, window)
    execution = executions.record(connection, window, new, now)
    found = breaches(new.checks, new.records, new.rejected)
    if compared:
        found = _told_apart(connection, execution, new, found, hint)
    else:
        found = tuple(breach for breach in found if breach.kind is not IncidentKind.SKEW)
    judged = Judged(new.checks, new.records, new.rejected)
    _follow_incidents(connection, execution, judged, found, before, ended, now)
    _close_vanished(connection, execution, now)
    return execution


def _told_apart(
    connection: Connection,
    execution: Execution,
    new: NewExecution,
    found: tuple[Breach, ...],
    hint: str | None,
) -> tuple[Breach, ...]:
    """Skew in place of drift where it begins with the model, drift where it came later.

    As long as a skew is open, what drifts in a window that does not show its columns near is of the skew.
    """
    if not any(breach.kind in (IncidentKind.SKEW, IncidentKind.DRIFT) for breach in found):
        return found
    skews = {
        incident.deployment_id: incident
        for incident in incidents.history(connection, execution.monitor_id)
        if incident.kind is IncidentKind.SKEW and incident.variant == execution.variant
    }
    known = skews.get(execution.deployment_id)
    looks = next((breach for breach in found if breach.kind is IncidentKind.SKEW), None)
    if looks is None:
        lasts = known is not None and known.closed_at is None and known.first_window <= execution.start
        if not lasts or skew.is_near(new.checks, new.records):
            return found
        return tuple(breach for breach in found if breach.kind is not IncidentKind.DRIFT)
    if not _is_skew(connection, execution, new, skews):
        return tuple(breach for breach in found if breach is not looks)
    named = replace(looks, summary=f"{looks.summary} {hint}") if hint else looks
    rest = (breach for breach in found if breach.kind not in (IncidentKind.SKEW, IncidentKind.DRIFT))
    return (*rest, named)


def _is_skew(
    connection: Connection, execution: Execution, new: NewExecution, skews: Mapping[int, Incident]
) -> bool:
    """Whether a skew goes on, or begins: in the first window held against a baseline, and no later.

    `skews` are the variant's last ones, by era. One that is over comes back where its model had it before.
    """
    key = (execution.monitor_id, execution.variant, execution.deployment_id)
    known = skews.get(execution.deployment_id)
    if known is not None and known.closed_at is None:
        return True
    if not skew.begins(new.checks, new.records):
        return False
    if known is not None and known.first_window < execution.start:
        return True
    if executions.of_records(connection, *key, skew.FEWEST_RECORDS, before=execution.start):
        return False
    smaller = executions.before(connection, *key, execution.start, _SMALLER)
    if any(skew.is_near(executions.checks(connection, each.id), each.records) for each in smaller):
        return False
    eras = deployments.eras(connection, execution.monitor_id)
    era = next(each for each in eras if each.id == execution.deployment_id)
    for earlier in reversed([each for each in eras if each.started_at < era.started_at]):
        if not _is_same(connection, earlier.of(execution.variant), era.of(execution.variant), new):
            continue
        last = executions.of_records(
            connection, execution.monitor_id, execution.variant, earlier.id, skew.FEWEST_RECORDS
        )
        if last is not None:
            return earlier.id in skews and skews[earlier.id].last_window >= last.start
    return True


def _is_same(connection: Connection, earlier: Deployment, era: Deployment, new: NewExecution) -> bool:
    """Whether two eras have one baseline, or most columns that are far off now lie near in both of theirs.

    A model that was rolled out in a drifted world may come with its own answers beside the inputs of before.
    """
    if earlier.baseline_id is None or era.baseline_id is None or earlier.baseline_id == era.baseline_id:
        return earlier.baseline_id == era.baseline_id
    was, now = (versions.load(connection, each) for each in (earlier.baseline_id, era.baseline_id))
    between = judge(was.profile, now.profile, now.constraints, Distance(new.distance_mode)).checks
    return skew.are_alike(between, skew.far_columns(new.checks))


def _close_vanished(connection: Connection, execution: Execution, now: datetime) -> None:
    """Close what is open on a variant that has no records any more while others of its era have some."""
    era = (execution.monitor_id, execution.deployment_id)
    for incident in incidents.open_ones(connection, execution.monitor_id):
        if incident.deployment_id != execution.deployment_id or incident.variant == execution.variant:
            continue
        key = (incident.monitor_id, incident.variant, incident.deployment_id)
        own = executions.recent(connection, key[0], ExecutionKind.DATA_QUALITY, *key[1:], 1)
        last = max([incident.last_window, *(each.start for each in own)])
        if len(executions.starts_after(connection, *era, last, QUIET_WINDOWS)) == QUIET_WINDOWS:
            reason = (
                f"The variant {incident.variant} had no records in {QUIET_WINDOWS} windows "
                "in which others had some."
            )
            incidents.close(
                connection,
                incident,
                reason=reason,
                execution_id=execution.id,
                now=now,
                last_window=None
                if incident.kind is IncidentKind.QUALITY
                else neighbours.last_of(connection, incident, now),
            )


def _breaches_before(connection: Connection, window: Window) -> frozenset[IncidentKind]:
    """The kinds of trouble that the window's last revision had, and that its incidents count already."""
    first = window.revision == 0
    last = None if first else executions.latest_of(connection, window.id, ExecutionKind.DATA_QUALITY)
    if last is None:
        return frozenset()
    found = breaches(executions.checks(connection, last.id), last.records, last.rejected)
    return frozenset(breach.kind for breach in found)


def _kept(bench: Bench) -> Constraints:
    constraints = bench.baseline.constraints
    kept = tuple(f for f in constraints.features if f.name not in bench.endpoint.exclude)
    return replace(constraints, features=kept)


def _inputs(bench: Bench) -> tuple[str, ...]:
    """The names of what a model is given, as far as the entry tells them from what it answers."""
    answers = {bench.endpoint.prediction, *(bench.endpoint.output_columns or ())}
    return tuple(f.name for f in _kept(bench).features if f.name not in answers)


def _width(bench: Bench) -> int:
    """How many columns a record has: the excluded ones too."""
    return len(bench.endpoint.columns or (bench.read_by or bench.baseline).constraints.features)


def _execution(verdict: Verdict, profile: Profile, rejected: int, bench: Bench) -> NewExecution:
    violations = len(verdict.violations)
    return NewExecution(
        kind=ExecutionKind.DATA_QUALITY,
        status=ExecutionStatus.COMPLETED_WITH_VIOLATIONS if violations else ExecutionStatus.COMPLETED,
        baseline_id=bench.baseline.baseline.id,
        distance_mode=bench.endpoint.distance,
        records=profile.rows,
        rejected=rejected,
        message=completion_message(violations),
        config_digest=bench.endpoint.digest,
        features=verdict.features,
        checks=verdict.checks,
    )


def _follow_incidents(
    connection: Connection,
    execution: Execution,
    judged: Judged,
    found: tuple[Breach, ...],
    before: frozenset[IncidentKind],
    ended: bool,
    now: datetime,
) -> None:
    by_kind = {breach.kind: breach for breach in found}
    mine = [
        incident
        for incident in incidents.open_ones(connection, execution.monitor_id)
        if (incident.variant, incident.deployment_id) == (execution.variant, execution.deployment_id)
    ]
    for kind in (IncidentKind.DATA_FAULT, IncidentKind.SKEW, IncidentKind.DRIFT):
        open_incident = next((incident for incident in mine if incident.kind is kind), None)
        if ended and open_incident is None:
            continue  # what it is about is no longer in force
        breach, again = by_kind.get(kind), kind in before
        if breach is None and open_incident is None:
            continue  # the common case, for which nobody has to look at the windows around
        if again and (open_incident is None or execution.start < open_incident.first_window):
            continue  # this breach was counted by an incident that is closed by now
        if breach is not None:
            _begin(connection, execution, judged, open_incident, breach, again, now)
        elif open_incident is not None:
            _end(connection, execution, judged, open_incident, now)


def _begin(
    connection: Connection,
    execution: Execution,
    judged: Judged,
    open_incident: Incident | None,
    breach: Breach,
    again: bool,
    now: datetime,
) -> None:
    """Open an incident of a breach, or go on with the one that is open."""
    violated = {(row.feature, row.check) for row in judged.checks if row.outcome is Outcome.VIOLATED}
    what = of_kind(breach.kind, frozenset(violated))
    after = neighbours.quiet_after(connection, execution, breach.kind, what)
    decision, _ = decide(open_incident, breach, execution.start, 0, len(after))
    if decision is Decision.OPEN:
        incidents.add(
            connection,
            monitor_id=execution.monitor_id,
            deployment_id=execution.deployment_id,
            variant=execution.variant,
            kind=breach.kind,
            window=execution.start,
            severity=breach.severity,
            features=breach.features,
            summary=breach.summary,
            execution_id=execution.id,
            now=now,
        )
    elif decision is Decision.WORSEN and open_incident is not None:
        incidents.worsen(
            connection,
            open_incident,
            window=execution.start,
            severity=breach.severity,
            features=tuple(dict.fromkeys((*open_incident.features, *breach.features))),
            summary=breach.summary,
            execution_id=execution.id,
            now=now,
            again=again and execution.start <= open_incident.last_window,
        )


def _end(
    connection: Connection, execution: Execution, judged: Judged, incident: Incident, now: datetime
) -> None:
    """Close an incident where this window, with those around it, shows that it is over."""
    what = neighbours.watched(connection, incident)
    quiet = shows(incident.kind, judged, what) is Shows.QUIET
    before: tuple[Execution, ...] = ()
    after: tuple[Execution, ...] = ()
    if quiet and execution.start > incident.last_window:
        before = neighbours.quiet_before(connection, execution, incident, what)
        after = neighbours.quiet_after(connection, execution, incident.kind, what)
    decision, reason = decide(incident, None, execution.start, len(before), len(after), quiet=quiet)
    if decision is not Decision.CLOSE:
        return
    proof = min((each.start for each in before), default=execution.start)
    last = neighbours.last_of(connection, incident, proof)
    if last > incident.last_window:
        reason = f"{reason} Those up to {last:%Y-%m-%d %H:%M}, which show neither, belong to it."
    incidents.close(
        connection,
        incident,
        reason=reason,
        execution_id=execution.id,
        now=now,
        last_window=last,
    )
