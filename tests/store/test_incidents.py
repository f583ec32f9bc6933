"""Incidents: opened, worsened, closed, and every change told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine

from store import incidents
from store.records import Deployment, Incident, IncidentChange, IncidentEvent, IncidentKind, Monitor
from tests.clock import HOUR, NOON
from tests.store import world


def _open(
    connection: Connection,
    monitor: Monitor,
    deployment: Deployment,
    kind: IncidentKind = IncidentKind.DRIFT,
    window: datetime = NOON,
) -> Incident:
    return incidents.add(
        connection, monitor_id=monitor.id, deployment_id=deployment.id, variant=world.VARIANT, kind=kind,
        window=window, severity=1.5, features=("length", "rings"), summary="2 features drifted",
        execution_id=None, now=window + HOUR,
    )  # fmt: skip


def _reread(connection: Connection, incident: Incident) -> Incident:
    found = incidents.by_id(connection, incident.id)
    assert found is not None
    return found


def test_an_incident_that_opens_says_since_when_how_bad_and_on_what(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        opened = _open(connection, monitor, deployment)
        assert opened == Incident(
            id=opened.id, monitor_id=monitor.id, deployment_id=deployment.id, variant=world.VARIANT,
            kind=IncidentKind.DRIFT, opened_at=NOON + HOUR, closed_at=None, first_window=NOON,
            last_window=NOON, severity=1.5, features=("length", "rings"), summary="2 features drifted",
            breached_windows=1,
        )  # fmt: skip
        assert type(opened.kind) is IncidentKind
        assert incidents.open_ones(connection, monitor.id) == (opened,)
        assert incidents.events(connection, opened.id) == (
            IncidentEvent(NOON + HOUR, IncidentChange.OPENED, "2 features drifted", None),
        )


def test_each_further_breach_keeps_the_worst_and_the_widest_span(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        execution = world.judge(connection, world.window(connection, monitor, deployment))
        incident = _open(connection, monitor, deployment)
        for window, severity, features in (
            (NOON + HOUR, 3.0, ("length",)), (NOON - HOUR, 0.5, ("height",)), (NOON, 3.0, ("height",)),
        ):  # fmt: skip
            incidents.worsen(
                connection, _reread(connection, incident), window=window, severity=severity,
                features=features, summary="1 feature drifted", execution_id=execution.id,
                now=NOON + 5 * HOUR,
            )  # fmt: skip
        worse = _reread(connection, incident)
        assert (worse.first_window, worse.last_window) == (NOON - HOUR, NOON + HOUR)
        assert (worse.severity, worse.breached_windows) == (3.0, 4)
        assert (worse.features, worse.summary) == (("height",), "1 feature drifted")
        assert [event.change for event in incidents.events(connection, incident.id)] == [
            IncidentChange.OPENED, IncidentChange.WORSENED, IncidentChange.WORSENED, IncidentChange.CONTINUED,
        ]  # fmt: skip
        assert incidents.events(connection, incident.id)[1].execution_id == execution.id


def test_a_window_judged_anew_is_counted_once(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        incident = _open(connection, monitor, deployment)
        incidents.worsen(
            connection, incident, window=NOON, severity=2.0, features=("length",), summary="worse",
            execution_id=None, now=NOON + 5 * HOUR, again=True,
        )  # fmt: skip
        worse = _reread(connection, incident)
        assert (worse.breached_windows, worse.severity, worse.summary) == (1, 2.0, "worse")
        incidents.worsen(
            connection, worse, window=NOON, severity=1.0, features=("length",), summary="as before",
            execution_id=None, now=NOON + 6 * HOUR, again=True,
        )  # fmt: skip
        assert [event.change for event in incidents.events(connection, incident.id)] == [
            IncidentChange.OPENED, IncidentChange.WORSENED,
        ]  # fmt: skip


def test_a_closed_incident_is_history(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        first = _open(connection, monitor, deployment, IncidentKind.DATA_FAULT)
        second = _open(connection, monitor, deployment, IncidentKind.QUALITY)
        incidents.close(connection, first, reason="3 quiet windows", execution_id=None, now=NOON + 9 * HOUR)
        assert incidents.open_ones(connection, monitor.id) == (second,)
        closed, still_open = incidents.history(connection, monitor.id)
        assert (closed.id, closed.closed_at) == (first.id, NOON + 9 * HOUR)
        assert still_open == second
        *_, last = incidents.events(connection, first.id)
        assert (last.change, last.reason, last.at) == (
            IncidentChange.CLOSED, "3 quiet windows", NOON + 9 * HOUR,
        )  # fmt: skip


def test_incidents_of_other_endpoints_are_theirs(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _open(connection, monitor, deployment)
        other = world.watched(connection, "other")
        assert incidents.open_ones(connection, other.id) == ()
        assert incidents.history(connection, other.id) == ()
        assert incidents.by_id(connection, 4711) is None


def test_features_may_be_named_by_strangers(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        opened = incidents.add(
            connection, monitor_id=monitor.id, deployment_id=deployment.id, variant=world.VARIANT,
            kind=IncidentKind.DRIFT, window=NOON, severity=1.0, features=('"</script>', "länge\0", "a,b"),
            summary="länge\0", execution_id=None, now=NOON,
        )  # fmt: skip
        assert opened.features == ('"</script>', "länge\0", "a,b")
        assert opened.summary == "länge\u2400"
