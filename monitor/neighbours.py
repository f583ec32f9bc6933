"""The windows around one: whether they show that a breach is over, and how far it reaches until then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection

from monitor.incidents import QUIET_WINDOWS, Judged, Shows, Watched, of_kind, shows
from store import executions, incidents
from store.records import Execution, ExecutionStatus, Incident, IncidentKind

_MOST_AT_ONCE = 64

Neighbours = Callable[[Connection, int, str, int, datetime, int], tuple[Execution, ...]]


def watched(connection: Connection, incident: Incident) -> Watched:
    """What breached in an incident's windows."""
    violated = incidents.violated(connection, *_era(incident), incident.first_window, incident.last_window)
    return of_kind(incident.kind, violated)


def quiet_before(
    connection: Connection, execution: Execution, incident: Incident, watched: Watched
) -> tuple[Execution, ...]:
    """The windows before one, back to an incident's beginning, that show it over; the nearest first."""
    near = _walk(connection, _era(execution), execution.start, executions.before)
    mine = takewhile(lambda each: each.start >= incident.first_window, near)
    return _quiet(connection, mine, incident.kind, watched)


def quiet_after(
    connection: Connection, execution: Execution, kind: IncidentKind, watched: Watched
) -> tuple[Execution, ...]:
    """Those after it that show there is no such breach."""
    near = _walk(connection, _era(execution), execution.start, executions.after)
    return _quiet(connection, near, kind, watched)


def last_of(connection: Connection, incident: Incident, until: datetime) -> datetime:
    """The last window of an incident that is over, of those before a time: of the proof of its end.

    Windows after its last breach that show nothing are as likely bad as good, so they belong to it.
    """
    what = watched(connection, incident)
    for execution in _walk(connection, _era(incident), until, executions.before):
        if execution.start <= incident.last_window:
            break
        if shows(incident.kind, _judged(connection, execution), what) is not Shows.QUIET:
            return execution.start
    return incident.last_window


def _quiet(
    connection: Connection, near: Iterator[Execution], kind: IncidentKind, watched: Watched
) -> tuple[Execution, ...]:
    """Those that are quiet, up to the next breach or until they are enough; what shows nothing counts not."""
    quiet: list[Execution] = []
    for execution in near:
        found = shows(kind, _judged(connection, execution), watched)
        if found is Shows.BREACH:
            break
        if found is Shows.QUIET:
            quiet.append(execution)
        if len(quiet) == QUIET_WINDOWS:
            break
    return tuple(quiet)


def _walk(
    connection: Connection, era: tuple[int, str, int], start: datetime, step: Neighbours
) -> Iterator[Execution]:
    """An era's windows from a time on, one way; an execution that failed says nothing of its window."""
    wanted = QUIET_WINDOWS
    while found := step(connection, *era, start, wanted):
        yield from (each for each in found if each.status is not ExecutionStatus.FAILED)
        start, wanted = found[-1].start, min(2 * wanted, _MOST_AT_ONCE)


def _era(of: Incident | Execution) -> tuple[int, str, int]:
    return of.monitor_id, of.variant, of.deployment_id


def _judged(connection: Connection, execution: Execution) -> Judged:
    return Judged(executions.checks(connection, execution.id), execution.records, execution.rejected)
