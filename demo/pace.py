"""Keeping step with the service: business time stands still until the hour's work is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from demo.served import Served, ServiceFailedError
from store import decisions, executions, monitors, runs, windows
from store.engine import reading
from store.records import ExecutionKind
from store.retraining import Run, RunReason, RunState

PATIENCE_SECONDS = 240.0
"""How long nothing at all may happen before the story is given up."""
SETTLE_SECONDS = 1.0
"""How long a run must have rested on labels to be taken for waiting for more: some ticks of the service."""
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Hour:
    """What the service should have seen by now; windows are counted by their start: an era splits one in two.

    `due` is the latest end of a window that is to be judged by now, `watched` how many labelled windows a run
    looks at after a rollout.
    """

    judged: int
    measured: int
    due: datetime
    watched: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the service is; `missing` says what it has not done yet, `resting` that it may only seem so."""

    judged: int = 0
    measured: int = 0
    decided: int = 0
    run: tuple[RunState, RunReason] | None = None
    missing: str | None = None
    resting: bool = False


def standing(connection: Connection, endpoint: str, hour: Hour) -> Standing:
    """What the database says."""
    monitor = monitors.by_name(connection, endpoint)
    if monitor is None:
        return Standing(missing="has not taken up its endpoint")
    judged, measured = (
        _windows(connection, monitor.id, kind)
        for kind in (ExecutionKind.DATA_QUALITY, ExecutionKind.MODEL_QUALITY)
    )
    decided = decisions.decided_upto(connection, monitor.id)
    last = next(iter(runs.history(connection, monitor.id)), None)
    undone = (
        windows.due(connection, monitor.id, hour.due)
        or windows.due_for_quality(connection, monitor.id, hour.due)
        or decided != (decisions.newest_execution(connection, monitor.id) or 0)
    )
    missing = None
    if judged < hour.judged or measured < hour.measured:
        missing = f"judged {judged} of {hour.judged} windows and measured {measured} of {hour.measured}"
    elif undone:
        missing = "has not decided on all that it judged"
    elif last is not None and _is_moving(connection, last, hour.watched):
        missing = f"left run {last.name} {last.state} ({last.told})"
    return Standing(
        judged, measured, decided, (last.state, last.reason) if last else None, missing, _rests(last)
    )


def _windows(connection: Connection, monitor_id: int, kind: ExecutionKind) -> int:
    found = executions.latest(connection, monitor_id, kind)
    counts = kind is ExecutionKind.DATA_QUALITY
    return len({execution.start for execution in found if counts or execution.records > 0})


def _is_moving(connection: Connection, run: Run, watched: int) -> bool:
    """Whether the run's next step needs no business time to pass."""
    if run.state.is_end or _rests(run):
        return False
    if run.state is not RunState.DEPLOYED or run.reason is RunReason.FIRST_WINDOWS_WORSE:
        return True
    found = executions.latest(connection, run.monitor_id, ExecutionKind.MODEL_QUALITY)
    mine = [each for each in found if each.deployment_id == run.new_deployment_id and each.records]
    return len(mine) >= watched


def _rests(run: Run | None) -> bool:
    """Whether the run waits for labels, which may be those that have just come."""
    if run is None:
        return False
    requested = run.state is RunState.REQUESTED and run.reason is RunReason.WAITING_FOR_LABELS
    return requested or run.state is RunState.WAITING


def keep_step(
    engine: Engine, endpoint: str, hour: Hour, served: Served, seen: Callable[[Standing], None]
) -> None:
    """Wait until the service has done all it can in this hour; `seen` is told whenever it got further.

    Raises ServiceFailedError where the service has ended, or nothing happens for too long.
    """
    last, since = Standing(), time.monotonic()
    while True:
        with reading(engine) as connection:
            now = standing(connection, endpoint, hour)
        if now != last:
            last, since = now, time.monotonic()
            seen(now)
        if now.missing is None and (not now.resting or time.monotonic() - since > SETTLE_SECONDS):
            return
        served.require_alive()
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise ServiceFailedError(
                f"the service {now.missing} and did nothing for {PATIENCE_SECONDS:.0f} s:\n{served.tail()}"
            )
        time.sleep(POLL_SECONDS)
