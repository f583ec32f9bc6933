"""What a person may do with retraining runs, from the page and the command line alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from retrain.few_labels import GO_ON
from store import deployments, incidents, monitors, runs, windows
from store.records import IncidentKind
from store.retraining import Run, RunReason, RunState

_ALLOWED = {
    GO_ON: frozenset({RunState.REQUESTED, RunState.WAITING}),
    "approve": frozenset({RunState.REGISTERED}),
    "reject": frozenset({RunState.REGISTERED}),
    "cancel": frozenset(
        {
            RunState.REQUESTED,
            RunState.STARTED,
            RunState.TRAINED,
            RunState.WAITING,
            RunState.WON,
            RunState.REGISTERED,
            RunState.APPROVED,
        }
    ),
}
"""In which states a person may say what."""
_TOO_LATE = {"cancel": RunReason.ROLLING_OUT}
"""Not any more for what reason."""


class ActionError(ValueError):
    """What was asked for can't be done, in one sentence."""


def possible(run: Run) -> tuple[str, ...]:
    """What a person may say to a run now; nothing once something was said."""
    if run.approval is not None:
        return ()
    return tuple(word for word in _ALLOWED if _may_be_told(run, word))


def _may_be_told(run: Run, what: str) -> bool:
    """Whether the run is where it can be told so; only one that asks is told to go on."""
    if run.reason is _TOO_LATE.get(what):
        return False
    return run.state in _ALLOWED[what] and (what != GO_ON or run.reason is RunReason.ASKING)


def approve(connection: Connection, name: str) -> Run:
    """Approve the model of a run that waits for it; the service then rolls it out."""
    return _say(connection, name, "approve")


def reject(connection: Connection, name: str) -> Run:
    """Decline the model of a run that waits for approval."""
    return _say(connection, name, "reject")


def go_on(connection: Connection, name: str) -> Run:
    """Let a run that asks go on with the labels that there are."""
    return _say(connection, name, GO_ON)


def cancel(connection: Connection, name: str) -> Run:
    """Cancel a run, which is possible until its rollout begins."""
    return _say(connection, name, "cancel")


def _say(connection: Connection, name: str, what: str) -> Run:
    run = _listening(connection, name, what)
    if not runs.say(connection, run.id, what, _ALLOWED[what], _TOO_LATE.get(what)):
        # another word, or the service's next step, came in this very moment
        _listening(connection, name, what)
        raise ActionError(f"{name} changed in this moment: look at it, and say {what} again")
    return replace(run, approval=what)


def _listening(connection: Connection, name: str, what: str) -> Run:
    """The run, where it can be told so now."""
    run = runs.by_name(connection, name)
    if run is None:
        raise ActionError(f"there is no retraining run {name}: 'kedge retrain list' shows those there are")
    if not _may_be_told(run, what):
        raise ActionError(f"{name} is {run.state} and can't be told to {what}: {run.told}")
    if run.approval is not None and run.approval != what:
        raise ActionError(f"{name} was told to {run.approval} already")
    return run


def start(
    connection: Connection,
    endpoint: str,
    *,
    variant: str | None,
    time_limit: timedelta,
    label_horizon: timedelta,
    now: datetime,
) -> Run:
    """Ask for a run by hand, whatever the policy thinks; a data fault and a run under way still forbid it.

    Without a variant it is of the one that has an open incident, or else has the newest window; of a followed
    schedule's, it is of the variant with most traffic. Without an incident it learns from all that may be
    labelled, as a run does that the schedule opens: labels may come weeks after what they are of.
    """
    monitor = monitors.by_name(connection, endpoint)
    if monitor is None:
        raise ActionError(f"the database knows no endpoint {endpoint}: start 'kedge serve' first")
    if variant is not None and windows.is_followed(variant):
        raise ActionError(
            f"{variant} has no records to learn from: name the variant whose model is to be trained"
        )
    # in the order of a decision: one that had its run first, and then waited for the endpoint, would deadlock
    deployments.lock(connection, monitor.id)
    eras = deployments.eras(connection, monitor.id)
    period = windows.span(connection, monitor.id)
    seen = windows.between(connection, monitor.id, *period) if period else ()
    own = [window for window in seen if not windows.is_followed(window.variant)]
    if not eras or period is None or not own:
        raise ActionError(f"{endpoint} has no judged window yet: there is nothing to learn from")
    found = incidents.open_ones(connection, monitor.id)
    fault = next((incident for incident in found if incident.kind.forbids_retraining), None)
    if fault is not None:
        raise ActionError(
            f"{endpoint} has an open {fault.kind.replace('_', ' ')}, and training on it would do harm: "
            f"{fault.summary}"
        )
    mine = [each for each in found if each.deployment_id == eras[-1].id and variant in (None, each.variant)]
    ranked = sorted(
        mine, key=lambda each: (windows.is_followed(each.variant), each.kind is not IncidentKind.DRIFT)
    )
    named = ranked[0] if ranked else None
    drift = named if named and named.kind is IncidentKind.DRIFT else None
    breached = named.variant if named else None
    if breached is not None and windows.is_followed(breached):
        breached = windows.busiest(connection, monitor.id, eras[-1].id)
    try:
        return runs.request(
            connection,
            monitor_id=monitor.id,
            endpoint=endpoint,
            variant=variant or breached or own[-1].variant,
            deployment_id=eras[-1].id,
            incident_id=named.id if named else None,
            reason=RunReason.BY_HAND,
            told="Asked for by hand.",
            change_at=drift.first_window if drift else max(eras[-1].started_at, now - label_horizon),
            deadline=now + time_limit,
            now=now,
        )
    except runs.RunInFlightError as error:
        raise ActionError(str(error)) from error
