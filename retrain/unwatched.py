"""Runs of endpoints that kedge.yaml names no more: they are ended by what was written down of them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from config.model import Endpoint
from objects import PlaceError, PlaceProblem
from retrain import training_run
from retrain.bench import Bench
from retrain.ends import End
from retrain.targets.base import TargetError
from store import monitors, runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState

PATIENCE = timedelta(minutes=10)
"""So long (wall time) nobody must have watched an endpoint before its run is ended.

A file that is half written, or a replica with an older one, must not stop what trains.
"""
_NOWHERE = "file:///nowhere"
_TRAINING = frozenset({RunState.REQUESTED, RunState.STARTED})
_MADE = frozenset({"register", "plan", "model", "config"})
_MAY_PASS = frozenset({PlaceProblem.UNREACHABLE})


def left(connection: Connection, waiting: Iterable[Run], endpoints: Container[str]) -> dict[int, Endpoint]:
    """By their keys, the runs that nobody sees to, each with what stands in for its endpoint's entry.

    Of one that a person cancelled it is enough that this kedge.yaml has no entry by which to go on.
    """
    waiting = tuple(waiting)
    known = monitors.by_ids(connection, {run.monitor_id for run in waiting})
    lost = [(run, known[run.monitor_id]) for run in waiting if known[run.monitor_id].name not in endpoints]
    if not lost:
        return {}
    gone = monitors.unwatched_since(connection, datetime.now(UTC) - PATIENCE)
    return {
        # only its name is ever asked for: steps that want more of an entry are not made
        run.id: Endpoint(name=monitor.name, capture=_NOWHERE)
        for run, monitor in lost
        if monitor.id in gone or run.approval == "cancel"
    }


def abandoned(run: Run, bench: Bench) -> End:
    """Stop what trains by the target that was written down with its start, and say how the run ends.

    What can't be stopped so is told, for people to see to.

    Raises:
        TargetError, PlaceError: where it may be done later.
    """
    told = "Cancelled by hand." if run.approval == "cancel" else bench.without_policy
    words = [told]
    try:
        if run.state in _TRAINING and bench.effects.is_intended("start"):
            training_run.stop(run, bench, told)
        elif run.state is RunState.STARTED:
            words.append(f"What trains for it was not written down: {_by_hand(run)}.")
    except (TargetError, PlaceError) as error:
        if _may_pass(error):
            raise
        words.append(f"What trains could not be stopped, {_by_hand(run)}: {error}")
    return End(RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, " ".join([*words, *_made(run, bench)]))


def _may_pass(error: TargetError | PlaceError) -> bool:
    return error.kind in _MAY_PASS if isinstance(error, PlaceError) else error.retryable


def _by_hand(run: Run) -> str:
    handle = f" ({run.handle})" if run.handle else ""
    return f"look for {run.name}{handle} where it trains, and stop it there"


def _made(run: Run, bench: Bench) -> list[str]:
    """What may be left in SageMaker: a version whose answer never came, what a rollout begins with."""
    with reading(bench.world.engine) as connection:
        calls = runs.all_effects(connection, run.id)
    if any(call.name in _MADE and (call.name != "register" or call.answer is None) for call in calls):
        return [f"What it may have made in SageMaker is left there: look for {run.name}."]
    return []
