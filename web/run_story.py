"""One retraining run with all that is known of it, and how it is told: its stages, places and trials."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from store import baselines, decisions, deployments, incidents, runs
from store.records import Baseline, Deployment, Incident, Monitor
from store.retraining import Decision, Effect, Run, RunEvent, RunState, Trial

_ROAD = (
    RunState.REQUESTED,
    RunState.STARTED,
    RunState.TRAINED,
    RunState.WON,
    RunState.REGISTERED,
    RunState.APPROVED,
    RunState.DEPLOYED,
    RunState.ADOPTED,
)
"""The states of a run that goes well, in order."""
_GIVEN = (
    ("training set", ("training", "data")),
    ("manifest", ("training", "manifest")),
    ("judging window, without labels", ("score", "fresh")),
    ("captured training records, without labels", ("score", "captured")),
    ("original test set", ("score", "test")),
    ("champion", ("champion", "model_data")),
)
_ANSWERED = (
    ("challenger", ("model_data",)),
    ("image", ("image",)),
    ("its own evaluation", ("evaluation",)),
)


@dataclass(frozen=True, slots=True)
class Story:
    """A run, its endpoint, and the rows that belong to it."""

    run: Run
    monitor: Monitor
    events: tuple[RunEvent, ...]
    decision: Decision | None
    incident: Incident | None
    trials: tuple[Trial, ...]
    effects: tuple[Effect, ...]
    champion: Deployment | None
    old_baseline: Baseline | None
    new_baseline: Baseline | None
    policy: str | None = None
    """The policy that decided, as JSON, where it was kept."""


def read(connection: Connection, run: Run, monitor: Monitor) -> Story:
    """Everything the database has of an endpoint's run."""
    eras = deployments.eras(connection, monitor.id)
    champion = next((era.of(run.variant) for era in eras if era.id == run.deployment_id), None)
    known = {baseline.id: baseline for baseline in baselines.versions(connection, monitor.id)}
    decision = decisions.of_run(connection, run.id)
    policy_id = decision.policy_id if decision else None
    return Story(
        run=run,
        monitor=monitor,
        events=runs.events(connection, run.id),
        decision=decision,
        incident=None if run.incident_id is None else incidents.by_id(connection, run.incident_id),
        trials=runs.trials_of(connection, run.id),
        effects=runs.all_effects(connection, run.id),
        champion=champion,
        old_baseline=known.get(champion.baseline_id or 0) if champion else None,
        new_baseline=known.get(run.new_baseline_id or 0),
        policy=None if policy_id is None else decisions.policy(connection, policy_id),
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """One state on a run's way: when it was reached (None: ahead), and whether the run stands there."""

    state: RunState
    at: datetime | None
    is_now: bool


def stages(run: Run, events: Sequence[RunEvent]) -> tuple[Stage, ...]:
    """The states that were passed, in order, then those of a good way that lie ahead."""
    reached: dict[RunState, datetime] = {}
    for event in events:
        reached.setdefault(event.state, event.at)
    passed = tuple(Stage(state, at, state is run.state) for state, at in reached.items())
    return passed + tuple(Stage(state, None, False) for state in _ahead(run.state))


def _ahead(state: RunState) -> tuple[RunState, ...]:
    if state.is_end:
        return ()
    here = RunState.TRAINED if state is RunState.WAITING else state
    return _ROAD[_ROAD.index(here) + 1 :]


@dataclass(frozen=True, slots=True)
class Named:
    """What lies where, as the input says or the target answered."""

    what: str
    where: str


def places(run: Run) -> tuple[Named, ...]:
    """The addresses of what the run read and made; what a target answered in another form is left out."""
    given = _named(_value(run.input), _GIVEN)
    return (*given, *_named(_value(run.output), _ANSWERED))


def has_own_data(run: Run) -> bool:
    """Whether the target was handed no records, and trains on what it has."""
    given = _value(run.input)
    return isinstance(given, dict) and "score" in given and given["score"] is None


def _value(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _named(value: object, wanted: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[Named]:
    for what, keys in wanted:
        found: Any = value
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            yield Named(what, found)
