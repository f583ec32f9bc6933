"""Past windows held against any stored baseline version, from what is stored of them: no capture is read.

By the version that judges a window's era the outcome is its verdict, with all that follows from one but the
run of a postprocess script: nothing but the database is asked. By any other it is an answer to a question,
kept beside the verdict: incidents, the result tree, CloudWatch and the retraining policy go on by what
people trust.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from baselines import versions
from baselines.checks.names import NO_COLUMN
from baselines.folder import BaselineError
from baselines.profile import codec
from baselines.versions import LoadedBaseline
from config.model import Endpoint
from monitor import evidence
from monitor.checks import profiled
from monitor.executions import Bench, judgement, settle
from store import baselines, deployments, executions, windows
from store.engine import reading
from store.records import Deployment, Execution, NewExecution, Window

_AT_ONCE = 32
"""Windows that are judged in one transaction: few enough that it stays short."""


@dataclass(frozen=True, slots=True)
class Past:
    """The windows of an endpoint that ended within a period, and who judges them now.

    `waiting` are those that the version judges and that wait to be judged: objects of theirs may not be
    counted yet, so none gets a verdict. `gone` is how many of its windows have no statistics any more:
    `retention.profiles` let them go.
    """

    endpoint: Endpoint
    baseline: LoadedBaseline
    eras: Mapping[int, Deployment]
    read_by: Mapping[int, LoadedBaseline]
    """Baseline id → the baseline by which an era's records were read."""
    windows: tuple[Window, ...]
    waiting: tuple[Window, ...]
    gone: int

    def bench(self, window: Window) -> Bench:
        """Who judges a window."""
        era = self.eras[window.deployment_id].of(window.variant)
        return Bench(
            self.endpoint,
            self.baseline,
            era.ended_at is not None,
            None if era.baseline_id is None else self.read_by[era.baseline_id],
        )

    def is_verdict(self, window: Window) -> bool:
        """Whether the version is the one that judges the window's model."""
        return _rules(self.baseline, self.eras, window)


def _rules(baseline: LoadedBaseline, eras: Mapping[int, Deployment], window: Window) -> bool:
    return eras[window.deployment_id].of(window.variant).baseline_id == baseline.baseline.id


def past(
    engine: Engine,
    monitor_id: int,
    endpoint: Endpoint,
    version: int,
    *,
    start: datetime | None,
    end: datetime | None,
    now: datetime,
) -> Past:
    """What is stored of a period, oldest first; a window that is not over yet is none of it.

    Raises BaselineError where there is no such version.
    """
    with reading(engine) as connection:
        found = baselines.by_version(connection, monitor_id, version)
        if found is None:
            known = (
                ", ".join(str(one.version) for one in baselines.versions(connection, monitor_id)) or "none"
            )
            raise BaselineError(
                f"{endpoint.name} has no baseline version {version}: it has {known}; "
                f"'kedge baseline list {endpoint.name}' shows them"
            )
        eras = {era.id: era for era in deployments.eras(connection, monitor_id)}
        asked = {found.id}.union(*(era.baseline_ids for era in eras.values()))
        loaded = {key: versions.load(connection, key) for key in asked if key is not None}
        over = now - endpoint.grace if end is None else min(end, now - endpoint.grace)
        stored = windows.with_statistics(connection, monitor_id, start, over)
        waiting = tuple(one for one in stored if one.dirty and _rules(loaded[found.id], eras, one))
        left_out = {one.id for one in waiting}
        return Past(
            endpoint,
            loaded[found.id],
            eras,
            loaded,
            tuple(one for one in stored if one.id not in left_out),
            waiting,
            windows.without_statistics(connection, monitor_id, start, over),
        )


@dataclass(frozen=True, slots=True)
class Silent:
    """A feature of which what is stored can't answer everything, why, and in how many windows."""

    feature: str
    why: str
    windows: int


def silent(connection: Connection, judged: Sequence[Execution]) -> tuple[Silent, ...]:
    """What a version asks of stored windows that their statistics can't tell, by feature."""
    told = executions.with_details(connection, [one.id for one in judged], (NO_COLUMN, *profiled.REASONS))
    return tuple(Silent(*one) for one in told)


Transaction = Callable[[], AbstractContextManager[Connection]]
"""A writing transaction that holds the monitor's lease, or raises LeaseLostError."""


def rejudge(engine: Engine, transaction: Transaction, given: Past, now: datetime) -> Iterator[Execution]:
    """Judge the windows, many to a transaction; each execution comes once it is stored.

    What is stored is summed up and judged before the transaction that writes, since that takes longest. A
    window that was marked or judged meanwhile is left out: another run has it.
    """
    for at in range(0, len(given.windows), _AT_ONCE):
        chosen = given.windows[at : at + _AT_ONCE]
        with reading(engine) as connection:
            judged = _judged(connection, given, chosen)
        with transaction() as connection:
            stored = [
                _store(connection, given, window, judged[window.id], now)
                for window in chosen
                if _is_as_it_was(connection, window)
            ]
        yield from stored


def _judged(connection: Connection, given: Past, chosen: Sequence[Window]) -> dict[int, NewExecution]:
    merged = windows.merged(connection, [window.id for window in chosen])
    found: dict[int, NewExecution] = {}
    for window in chosen:
        if window.id in merged:
            encoded, rejected = merged[window.id]
            profile = codec.decode(encoded)
        else:
            known = evidence.gather(connection, window)
            profile, rejected = known.profile, known.rejected
        found[window.id] = judgement(profile, rejected, given.bench(window))
    return found


def _is_as_it_was(connection: Connection, window: Window) -> bool:
    found = windows.by_id(connection, window.id)
    return found is not None and (found.dirty, found.revision) == (window.dirty, window.revision)


def _store(
    connection: Connection, given: Past, window: Window, judged: NewExecution, now: datetime
) -> Execution:
    if given.is_verdict(window):
        return settle(connection, window, judged, given.bench(window).ended, now)
    return executions.record(connection, window, judged, now, beside=True)
