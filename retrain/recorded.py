"""An endpoint's recorded past, as the policy would have met it at any moment since."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection

from config.model import Endpoint
from retrain.policy.past import Attempt, attempt
from retrain.readings import Rows, Stretch, WindowReadings, assemble, rows_of, with_gap
from store import decisions, deployments, executions, incidents, new_data, runs, windows
from store.records import (
    Deployment,
    Execution,
    ExecutionKind,
    Incident,
    IncidentChange,
    IncidentEvent,
    Monitor,
)
from store.retraining import STEADY, Arrival, Arrived, Decision, RunReason

Reference = Callable[[Deployment], Mapping[str, float]]
_ASKED_LATE = timedelta(days=1)
"""A policy that was there is asked this soon at the latest, however long a registry does not answer."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When the policy is asked, and what was known by then: executions up to `upto`, in order of storing.

    `decision` is what was really decided then, None where nobody asked.
    """

    at: datetime
    upto: int
    decision: Decision | None = None


def is_of(decision: Decision, era: Deployment, variant: str) -> bool:
    """Whether what a decision saw of a model's registered quality is of a variant's."""
    return decision.variant == variant or not era.served


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything the database has of an endpoint that a policy may look at; all in order of storing."""

    monitor: Monitor
    executions: tuple[Execution, ...]
    rows: Rows
    eras: tuple[Deployment, ...]
    incidents: tuple[tuple[Incident, tuple[IncidentEvent, ...]], ...]
    decisions: tuple[Decision, ...]
    attempts: tuple[tuple[Attempt, bool], ...]
    """Each real run, and whether the policy asked for it."""
    arrivals: tuple[Arrival, ...]
    began_at: datetime | None
    starts: Mapping[int, datetime]
    """Of each execution's window."""

    def moments(self) -> tuple[Moment, ...]:
        """When the policy was asked, or would have been: after what was judged at one time."""
        return tuple(_moments(self.executions, self.decisions))

    def era(self, moment: Moment) -> Deployment | None:
        """The era in force, as far as it was known."""
        if moment.decision is not None and moment.decision.deployment_id is not None:
            known = moment.decision.deployment_id
            return next((era for era in self.eras if era.id == known), None)
        return next((era for era in reversed(self.eras) if era.started_at < moment.at), None)

    def kept_reference(self, era: Deployment, variant: str) -> Mapping[str, float] | None:
        """What a variant's model was registered with, as the first decision saw it that kept it."""
        kept = (each for each in self.decisions if each.deployment_id == era.id and each.reference)
        return next((each.reference for each in kept if is_of(each, era, variant)), None)

    def data_fault(self, moment: Moment, era: Deployment) -> Incident | None:
        """The first data fault of the era that was open, told as it was then."""
        for incident, events in self.incidents:
            if not incident.kind.forbids_retraining or incident.deployment_id != era.id:
                continue
            known = [each for each in events if _is_known(each, moment)]
            if known and known[-1].change is not IncidentChange.CLOSED:
                return replace(incident, summary=known[-1].reason)
        return None

    def data_faults(self, moment: Moment, era: Deployment, variant: str) -> tuple[Stretch, ...]:
        """What was known of the variant's data faults in the era, open or over, from first to last window."""
        found = []
        for incident, events in self.incidents:
            of = (incident.deployment_id, incident.variant)
            if not incident.kind.forbids_retraining or of != (era.id, variant):
                continue
            if any(each.change is IncidentChange.CLOSED and _is_known(each, moment) for each in events):
                # by then it has windows that breached nothing, and showed no end of it either
                found.append((incident.first_window, incident.last_window))
                continue
            # what closes an incident lies outside of it; an execution that is gone is one of its first
            touched = [
                self.starts.get(each.execution_id or 0, incident.first_window)
                for each in events
                if each.change is not IncidentChange.CLOSED and _is_known(each, moment)
            ]
            if touched:
                found.append((min(touched), max(touched)))
        return tuple(found)

    def arrived(self, moment: Moment, uri: str, look: timedelta, after: int) -> Arrived | None:
        """The training data that had come since the object `after`."""
        came = [each for each in self.arrivals if each.id > after and each.seen_at <= moment.at]
        if not came:
            return None
        newest = came[-1]
        seen = moment.decision.upto_object_id if moment.decision is not None else 0
        is_steady = newest.seen_at - came[0].seen_at >= STEADY
        whole = is_steady or seen >= newest.id or newest.seen_at + look <= moment.at
        return Arrived(uri, len(came), sum(each.size for each in came), came[0].seen_at, newest.id, whole)


def read(connection: Connection, monitor: Monitor, endpoint: Endpoint) -> Recorded:
    """Read it all; of an execution beside the verdict, by another baseline, nobody was told."""
    every = executions.verdicts(connection, monitor.id)
    by_kind = {kind: [each for each in every if each.kind is kind] for kind in ExecutionKind}
    eras = deployments.eras(connection, monitor.id)
    period = windows.span(connection, monitor.id)
    wanted = endpoint.retrain.new_data if endpoint.retrain else None
    return Recorded(
        monitor,
        every,
        _rows(connection, by_kind),
        eras,
        tuple(
            (each, incidents.events(connection, each.id))
            for each in incidents.history(connection, monitor.id)
        ),
        decisions.between(connection, monitor.id),
        tuple(
            (attempt(run, eras), run.reason is not RunReason.BY_HAND and _is_asked(connection, run.id))
            for run in reversed(runs.history(connection, monitor.id))
        ),
        new_data.history(connection, monitor.id, wanted.prefix) if wanted else (),
        period[0] if period else None,
        {each.id: each.start for each in every},
    )


def _is_asked(connection: Connection, run_id: int) -> bool:
    return decisions.of_run(connection, run_id) is not None


_AT_ONCE = 500
"""Executions whose rows one statement reads: PostgreSQL takes 65,535 parameters, SQLite fewer."""


def _rows(connection: Connection, by_kind: Mapping[ExecutionKind, Sequence[Execution]]) -> Rows:
    data, quality = by_kind[ExecutionKind.DATA_QUALITY], by_kind[ExecutionKind.MODEL_QUALITY]
    found = Rows({}, {}, {})
    for at in range(0, max(len(data), len(quality)), _AT_ONCE):
        some = rows_of(connection, data[at : at + _AT_ONCE], quality[at : at + _AT_ONCE])
        found = Rows(
            {**found.features, **some.features},
            {**found.checks, **some.checks},
            {**found.metrics, **some.metrics},
            {**found.tested, **some.tested},
        )
    return found


def _moments(every: Sequence[Execution], decided: Sequence[Decision]) -> list[Moment]:
    """The moments of real decisions; between them, where nobody was there to ask, those of judging."""
    found: list[Moment] = []
    at, before = 0, False
    for decision in decided:
        while at < len(every) and every[at].id <= decision.upto_execution_id:
            late = decision.at - every[at].judged_at > _ASKED_LATE
            same = every[at].judged_at == decision.at
            if late or not (before or same):
                _add(found, every[at])
            at += 1
        found.append(Moment(decision.at, decision.upto_execution_id, decision))
        before = True
    for execution in every[at:]:
        _add(found, execution)
    return found


def _add(found: list[Moment], execution: Execution) -> None:
    if found and found[-1].decision is None and found[-1].at == execution.judged_at:
        found.pop()
    found.append(Moment(execution.judged_at, execution.id))


def _is_known(event: IncidentEvent, moment: Moment) -> bool:
    if event.execution_id is not None:
        return event.execution_id <= moment.upto
    return event.at <= moment.at


@dataclass(slots=True)
class _Last:
    """One kind's executions in force, by window, and the windows by their start."""

    by_window: dict[int, Execution] = field(default_factory=dict)
    order: list[tuple[datetime, int]] = field(default_factory=list)

    def take(self, execution: Execution) -> None:
        """The newest of its window so far."""
        if execution.window_id not in self.by_window:
            insort(self.order, (execution.start, execution.window_id))
        self.by_window[execution.window_id] = execution

    def newest(self, limit: int) -> list[int]:
        """The last windows."""
        return [window_id for _, window_id in self.order[-limit:]]


_Key = tuple[int | None, int | None, tuple[tuple[str, float], ...]]


@dataclass(slots=True)
class Seen:
    """The windows as they stood after so many executions; it is walked forwards alone."""

    recorded: Recorded
    _at: int = 0
    _last: dict[tuple[int, str], dict[ExecutionKind, _Last]] = field(default_factory=dict)
    _known: dict[_Key, WindowReadings] = field(default_factory=dict)
    """Readings that were made: most windows are asked about again and again."""

    def walk(self, upto: int) -> None:
        """Take in the executions up to this one."""
        every = self.recorded.executions
        while self._at < len(every) and every[self._at].id <= upto:
            execution = every[self._at]
            key = (execution.deployment_id, execution.variant)
            self._last.setdefault(key, defaultdict(_Last))[execution.kind].take(execution)
            self._at += 1

    def variants(self, era: Deployment) -> tuple[str, ...]:
        """Those that have windows in the era, by name."""
        return tuple(sorted(variant for deployment_id, variant in self._last if deployment_id == era.id))

    def windows(
        self, era: Deployment, variant: str, limit: int, reference: Mapping[str, float]
    ) -> tuple[WindowReadings, ...]:
        """The readings, as retrain.readings.of_windows gives them."""
        last = self._last.get((era.id, variant), {})
        data, quality = (
            last.get(kind, _Last()) for kind in (ExecutionKind.DATA_QUALITY, ExecutionKind.MODEL_QUALITY)
        )
        judged = data.newest(limit)
        ids = {*judged, *quality.newest(limit)}
        against = tuple(sorted(reference.items()))
        found = [
            self._readings(data.by_window.get(key), quality.by_window.get(key), reference, against)
            for key in ids
        ]
        newest_first = sorted(found, key=lambda window: window.start, reverse=True)
        reach = data.by_window[judged[0]].start if len(judged) == limit else None
        return with_gap(newest_first, reach)

    def _readings(
        self,
        data: Execution | None,
        quality: Execution | None,
        reference: Mapping[str, float],
        against: tuple[tuple[str, float], ...],
    ) -> WindowReadings:
        key = (data.id if data else None, quality.id if quality else None, against)
        if key not in self._known:
            (made,) = assemble(
                {data.window_id: data} if data else {},
                {quality.window_id: quality} if quality else {},
                self.recorded.rows,
                reference,
            )
            self._known[key] = replace(made, metrics=cache(made.metrics))
        return self._known[key]
