"""Retraining runs: one transaction a step, every call to the outside written down before and after it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from store.monitors import LeaseLostError
from store.retraining import Effect, Helped, HelpedCounts, Run, RunEvent, RunReason, RunState, Trial
from store.rows import one
from store.schema import effects, monitors, run_events, runs, trials

_COLUMNS = [runs.c[name] for name in Run.__slots__]
_LONGEST_NAME = 57  # 63 are allowed; a state machine's jobs append up to six characters
_DIGEST = 8


class RunInFlightError(Exception):
    """The endpoint has a run under way already."""


def _run(**row: Any) -> Run:  # noqa: ANN401 (a row's values)
    helped = row["helped"]
    return Run(
        **{
            **row,
            "state": RunState(row["state"]),
            "reason": RunReason(row["reason"]),
            "helped": Helped(helped) if helped else None,
        }
    )


def request(
    connection: Connection,
    *,
    monitor_id: int,
    endpoint: str,
    variant: str,
    deployment_id: int,
    incident_id: int | None,
    reason: RunReason,
    told: str,
    change_at: datetime,
    deadline: datetime,
    now: datetime,
) -> Run:
    """Open a run, named after the endpoint and its count; raises RunInFlightError where one is under way."""
    count = connection.execute(select(func.count()).where(runs.c.monitor_id == monitor_id)).scalar_one()
    name = name_of(endpoint, count + 1)
    new = insert(runs).values(
        monitor_id=monitor_id,
        name=name,
        state=RunState.REQUESTED,
        reason=reason,
        told=told,
        incident_id=incident_id,
        variant=variant,
        deployment_id=deployment_id,
        requested_at=now,
        updated_at=now,
        deadline=deadline,
        change_at=change_at,
        open=True,
    )
    try:
        with connection.begin_nested():
            run_id = connection.execute(new.returning(runs.c.id)).scalar_one()
    except IntegrityError as error:
        raise RunInFlightError(f"{endpoint} has a retraining run under way already") from error
    _event(connection, run_id, RunState.REQUESTED, reason, told, now)
    found = by_id(connection, run_id)
    assert found is not None  # noqa: S101 (written above, in this transaction)
    return found


def name_of(endpoint: str, number: int) -> str:
    """What an endpoint's run is called, and every thing outside after it: at most 57 characters.

    SageMaker's names have 63, and the jobs of a run append what they do (``-train``). A longer endpoint's is
    cut, and told from others that begin alike by a digest.

    >>> name_of("abalone", 2)
    'kedge-abalone-2'
    """
    room = _LONGEST_NAME - len(f"kedge--{number}")
    if len(endpoint) > room:
        digest = hashlib.sha256(endpoint.encode()).hexdigest()[:_DIGEST]
        endpoint = f"{endpoint[: room - _DIGEST - 1].rstrip('-')}-{digest}"
    return f"kedge-{endpoint}-{number}"


def move(
    connection: Connection,
    run: Run,
    state: RunState,
    reason: RunReason,
    told: str,
    now: datetime,
    **changes: object,
) -> Run:
    """Take a run to a state (or tell something new of the one it is in), with whatever else that changes."""
    ended = {"ended_at": now, "open": None} if state.is_end else {}
    connection.execute(
        update(runs)
        .where(runs.c.id == run.id)
        .values(state=state, reason=reason, told=told, updated_at=now, **ended, **changes)
    )
    if (state, reason, told) != (run.state, run.reason, run.told):
        _event(connection, run.id, state, reason, told, now)
    moved = by_id(connection, run.id)
    assert moved is not None  # noqa: S101 (the row was there a line above)
    return moved


def tell(connection: Connection, run: Run, reason: RunReason, told: str, now: datetime) -> None:
    """Tell what a run meets where it stands, which changes nothing about it."""
    _event(connection, run.id, run.state, reason, told, now)


def _event(
    connection: Connection, run_id: int, state: RunState, reason: RunReason, told: str, now: datetime
) -> None:
    connection.execute(
        insert(run_events).values(run_id=run_id, at=now, state=state, reason=reason, told=told)
    )


def say(
    connection: Connection,
    run_id: int,
    approval: str,
    states: Iterable[RunState],
    unless: RunReason | None = None,
) -> bool:
    """Note what a person wants of a run (approve, reject, cancel) that is in one of these states.

    False where it is in none of them, or there for the reason `unless`, or where another word was said
    before.
    """
    unsaid = or_(runs.c.approval.is_(None), runs.c.approval == approval)
    noted = connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state.in_(sorted(states)), unsaid)
        .where(*(() if unless is None else (runs.c.reason != unless,)))
        .values(approval=approval)
    )
    return noted.rowcount == 1


def by_id(connection: Connection, run_id: int) -> Run | None:
    """The run with this key."""
    return one(_run, connection.execute(select(*_COLUMNS).where(runs.c.id == run_id)))


def by_name(connection: Connection, name: str) -> Run | None:
    """The run of this name."""
    return one(_run, connection.execute(select(*_COLUMNS).where(runs.c.name == name)))


def under_way(connection: Connection) -> tuple[Run, ...]:
    """Every run that has not ended, oldest first."""
    return _fetch(connection, runs.c.open.is_not(None))


def history(connection: Connection, monitor_id: int) -> tuple[Run, ...]:
    """The endpoint's runs, newest first."""
    return tuple(reversed(_fetch(connection, runs.c.monitor_id == monitor_id)))


def helped_counts(connection: Connection, monitor_id: int) -> HelpedCounts:
    """How many of the endpoint's runs have helped, have not, and are not known to have."""
    rows = connection.execute(
        select(runs.c.helped, func.count())
        .where(runs.c.monitor_id == monitor_id, runs.c.helped.is_not(None))
        .group_by(runs.c.helped)
    )
    found = {Helped(helped): int(count) for helped, count in rows}
    return HelpedCounts(*(found.get(each, 0) for each in (Helped.HELPED, Helped.NOT, Helped.UNKNOWN)))


def counts(connection: Connection) -> dict[str, dict[RunState, int]]:
    """How many runs of each watched endpoint that ever had one are in each state."""
    rows = connection.execute(
        select(monitors.c.name, runs.c.state, func.count())
        .join(runs, runs.c.monitor_id == monitors.c.id)
        .where(monitors.c.watched)
        .group_by(monitors.c.name, runs.c.state)
        .order_by(monitors.c.name)
    )
    found: dict[str, dict[RunState, int]] = {}
    for name, state, count in rows:
        found.setdefault(name, dict.fromkeys(RunState, 0))[RunState(state)] = int(count)
    return found


def _fetch(connection: Connection, *conditions: ColumnElement[bool]) -> tuple[Run, ...]:
    rows = connection.execute(select(*_COLUMNS).where(*conditions).order_by(runs.c.id)).mappings()
    return tuple(_run(**row) for row in rows)


def planned_baseline(connection: Connection, monitor_id: int, endpoint_config: str) -> tuple[int, Run] | None:
    """The baseline that a run prepared for an endpoint config before it rolled it out, and the run."""
    return _prepared(connection, monitor_id, runs.c.new_endpoint_config == endpoint_config)


def registered_baseline(
    connection: Connection, monitor_id: int, model_package: str
) -> tuple[int, Run] | None:
    """The baseline that a run prepared for a model package, whoever deploys it, and the run."""
    return _prepared(connection, monitor_id, runs.c.model_package == model_package)


def has_challenged(
    connection: Connection, monitor_id: int, deployment_id: int, packages: Collection[str], config: str
) -> bool:
    """Whether a package was made to take the place of an era's model, and `config` is not its run's own."""
    found = select(runs.c.id).where(
        runs.c.monitor_id == monitor_id,
        runs.c.deployment_id == deployment_id,
        runs.c.model_package.in_(packages),
        runs.c.new_endpoint_config.is_distinct_from(config),
    )
    return connection.execute(found.limit(1)).first() is not None


def _prepared(connection: Connection, monitor_id: int, found: ColumnElement[bool]) -> tuple[int, Run] | None:
    rows = connection.execute(
        select(*_COLUMNS)
        .where(
            runs.c.monitor_id == monitor_id,
            found,
            runs.c.new_baseline_id.is_not(None),
        )
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    run = one(_run, rows)
    return None if run is None or run.new_baseline_id is None else (run.new_baseline_id, run)


def has_left(connection: Connection, monitor_id: int, config: str, present: str, since: datetime) -> bool:
    """Whether a run has set the endpoint from `config` to `present`, there or back, at or after `since`."""
    back = effects.alias()
    goes_back = exists().where(back.c.run_id == runs.c.id, back.c.name == "roll_back")
    there = and_(
        effects.c.name == "update",
        runs.c.old_endpoint_config == config,
        runs.c.new_endpoint_config == present,
        ~goes_back,
    )
    returned = and_(
        effects.c.name == "roll_back",
        runs.c.new_endpoint_config == config,
        runs.c.old_endpoint_config == present,
    )
    rows = connection.execute(
        select(effects.c.id)
        .join(runs, runs.c.id == effects.c.run_id)
        .where(runs.c.monitor_id == monitor_id, or_(there, returned), effects.c.answered_at >= since)
        .limit(1)
    )
    return rows.first() is not None


def events(connection: Connection, run_id: int) -> tuple[RunEvent, ...]:
    """A run's steps, oldest first."""
    rows = connection.execute(
        select(*[run_events.c[name] for name in RunEvent.__slots__])
        .where(run_events.c.run_id == run_id)
        .order_by(run_events.c.id)
    )
    return tuple(
        RunEvent(**{**row, "state": RunState(row["state"]), "reason": RunReason(row["reason"])})
        for row in rows.mappings()
    )


def intend(connection: Connection, run_id: int, name: str, text: str, now: datetime) -> Effect:
    """Write down a call before it is made; one that was written down already keeps its first bytes."""
    found = effect(connection, run_id, name)
    if found is not None:
        return found
    connection.execute(insert(effects).values(run_id=run_id, name=name, request=text, asked_at=now))
    return Effect(name, text, now, None, None)


def answered(connection: Connection, run_id: int, name: str, answer: str, now: datetime) -> None:
    """Write down a call's answer."""
    connection.execute(
        update(effects)
        .where(effects.c.run_id == run_id, effects.c.name == name)
        .values(answer=answer, answered_at=now)
    )


def effect(connection: Connection, run_id: int, name: str) -> Effect | None:
    """A call of this run, if it was ever intended."""
    rows = connection.execute(
        select(*[effects.c[column] for column in Effect.__slots__]).where(
            effects.c.run_id == run_id, effects.c.name == name
        )
    )
    return one(Effect, rows)


def all_effects(connection: Connection, run_id: int) -> tuple[Effect, ...]:
    """Every call of a run, in the order they were intended."""
    rows = connection.execute(
        select(*[effects.c[column] for column in Effect.__slots__])
        .where(effects.c.run_id == run_id)
        .order_by(effects.c.id)
    )
    return tuple(Effect(**row) for row in rows.mappings())


def set_trials(connection: Connection, run_id: int, found: tuple[Trial, ...]) -> None:
    """How champion and challenger did."""
    connection.execute(trials.delete().where(trials.c.run_id == run_id))
    if found:
        names = Trial.__slots__
        rows = [{"run_id": run_id, **{name: getattr(each, name) for name in names}} for each in found]
        connection.execute(insert(trials), rows)


def trials_of(connection: Connection, run_id: int) -> tuple[Trial, ...]:
    """How champion and challenger did, the fresh window first."""
    rows = connection.execute(
        select(*[trials.c[name] for name in Trial.__slots__])
        .where(trials.c.run_id == run_id)
        .order_by(trials.c.dataset, trials.c.metric)
    )
    return tuple(Trial(**row) for row in rows.mappings())


def claim(connection: Connection, run_id: int, owner: str, now: datetime, until: datetime) -> bool:
    """Take the run's lease if it is free, run out, or ours already (wall time)."""
    free = or_(runs.c.lease_until.is_(None), runs.c.lease_until < now, runs.c.lease_owner == owner)
    taken = connection.execute(
        update(runs).where(runs.c.id == run_id, free).values(lease_owner=owner, lease_until=until)
    )
    return taken.rowcount == 1


def hold(connection: Connection, run_id: int, owner: str, until: datetime) -> None:
    """Renew our lease within the transaction that writes; raises LeaseLostError when it is another's."""
    held = connection.execute(
        update(runs).where(runs.c.id == run_id, runs.c.lease_owner == owner).values(lease_until=until)
    )
    if held.rowcount != 1:
        raise LeaseLostError(f"the lease of run {run_id} was taken by another replica")


def release(connection: Connection, run_id: int, owner: str) -> None:
    """Give the lease back; nothing happens if it is no longer ours."""
    ours = update(runs).where(runs.c.id == run_id, runs.c.lease_owner == owner)
    connection.execute(ours.values(lease_owner=None, lease_until=None))
