"""Quality incidents: what labels show a model to have lost, from all windows of its era that were measured.

Labels come in any order and measure a window again and again. So which incident is open follows from what is
measured now, and from nothing else: not from the order in which it was, nor from what was open before. Of a
loss that is longer than what is read at a time, only its beginning and its count go on from what was open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from config.model import Endpoint
from monitor.incidents import QUIET_WINDOWS
from store import deployments, executions, incidents
from store.records import CheckRow, Execution, ExecutionKind, Incident, IncidentKind, MetricRow, Outcome

_PAGE = 32
_SILENT: Final = 500
"""Windows without a breach, beyond which nobody looks for the one that they would be about."""
_READ_AT_MOST: Final = 1000
"""So many measured windows are read for a loss, which is done under the endpoint's lease."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A window's constrained metrics, and the metrics with their intervals."""

    start: datetime
    checks: tuple[CheckRow, ...]
    metrics: tuple[MetricRow, ...] = ()

    @property
    def violated(self) -> tuple[CheckRow, ...]:
        """Those that are beyond their thresholds with their whole interval, where they have one.

        A suggested threshold is the baseline's own value, which a model as good as ever misses in every other
        window: by chance, which the interval tells from a loss.
        """
        beyond = (row for row in self.checks if row.outcome is Outcome.VIOLATED)
        return tuple(row for row in beyond if not self._is_within(row))

    def _is_within(self, row: CheckRow) -> bool:
        interval = _interval(row.feature, self.metrics)
        return (
            interval is not None and row.threshold is not None and interval[0] <= row.threshold <= interval[1]
        )

    @property
    def is_fine(self) -> bool:
        """Whether every constrained metric was measured, and is within its threshold."""
        return bool(self.checks) and all(row.outcome is Outcome.OK for row in self.checks)

    def is_quiet(self, breached: Iterable[CheckRow]) -> bool:
        """Whether all that breached is measured here and fine, or constrained no more."""
        now = {row.feature: row.outcome for row in self.checks}
        return bool(now) and all(now.get(row.feature, Outcome.OK) is Outcome.OK for row in breached)


def _interval(metric: str, metrics: Iterable[MetricRow]) -> tuple[float, float] | None:
    known = {row.name: (row.low, row.high) for row in metrics if row.low is not None and row.high is not None}
    if metric == "mse" and "rmse" in known:  # which is measured as its root
        low, high = known["rmse"]
        return low * low, high * high
    return known.get(metric)


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of quality that lasts: its first and last breached window, how many they are, and how bad.

    `starts` are those of the breached windows, newest first. It is not whole where nobody has read on to its
    beginning.
    """

    first: datetime
    last: datetime
    windows: int
    severity: float
    features: tuple[str, ...]
    summary: str
    starts: tuple[datetime, ...]
    is_whole: bool = True


def lasting(newest_first: Iterable[Measured]) -> Loss | None:
    """The loss that no two windows in a row show to be over; the windows of an era, the newest first."""
    breached: list[Measured] = []
    between: list[Measured] = []
    is_whole = True
    for count, window in enumerate(newest_first):
        if count == _READ_AT_MOST:
            is_whole = False
            break
        if not window.violated:
            between.append(window)
            fine = sum(each.is_fine for each in between)
            if fine >= QUIET_WINDOWS or len(between) >= _SILENT:
                break
            continue
        if sum(each.is_quiet(window.violated) for each in between) >= QUIET_WINDOWS:
            break
        breached.append(window)
        between = []
    return _loss(breached, is_whole) if breached else None


def continued(loss: Loss, standing: Incident) -> Loss:
    """A loss that is longer than what was read of it, with what the standing incident knows of the rest."""
    if loss.is_whole or standing.first_window >= loss.first:
        return loss
    since = sum(start > standing.last_window for start in loss.starts)
    return replace(
        loss,
        first=standing.first_window,
        windows=max(loss.windows, standing.breached_windows + since),
        severity=max(loss.severity, standing.severity),
        features=tuple(sorted({*loss.features, *standing.features})),
    )


def _loss(newest_first: Sequence[Measured], is_whole: bool) -> Loss:
    newest = newest_first[0]
    worst = max(newest.violated, key=_beyond)
    names = ", ".join(row.feature for row in newest.violated)
    return Loss(
        first=newest_first[-1].start,
        last=newest.start,
        windows=len(newest_first),
        severity=max(_beyond(row) for each in newest_first for row in each.violated),
        features=tuple(sorted({row.feature for each in newest_first for row in each.violated})),
        summary=f"Quality loss on {names}; the worst is {worst.feature}, "
        f"{worst.value:.4g} against a threshold of {worst.threshold:.4g}.",
        starts=tuple(each.start for each in newest_first),
        is_whole=is_whole,
    )


def _beyond(row: CheckRow) -> float:
    """How far a metric lies beyond its threshold, as a part of it."""
    value, threshold = row.value or 0.0, row.threshold or 0.0
    return abs(value - threshold) / abs(threshold) if threshold else abs(value)


def judged(connection: Connection, execution: Execution, endpoint: Endpoint, now: datetime) -> None:
    """Bring the quality incident up to date after a window was judged, which measures nothing.

    It is another one only where the entry asks for none any more, or where a variant that had vanished is
    back, and a loss of its quality with it. The common window reads nothing of those that were measured.
    """
    if endpoint.quality_baseline is None or _may_be_back(connection, execution):
        follow(connection, execution, endpoint, now)


def follow(connection: Connection, execution: Execution, endpoint: Endpoint, now: datetime) -> None:
    """Bring the quality incident of a window's variant and era up to date, as it is measured."""
    era = (execution.monitor_id, execution.variant, execution.deployment_id)
    standing = _open(connection, era)
    if endpoint.quality_baseline is None:
        if standing is not None:
            reason = "The entry has no quality_baseline any more."
            incidents.close(connection, standing, reason=reason, execution_id=execution.id, now=now)
        return
    loss = None if _has_vanished(connection, era) else lasting(_measured(connection, era))
    if loss is None:
        if standing is not None:
            reason = _over(connection, era, standing)
            incidents.close(connection, standing, reason=reason, execution_id=execution.id, now=now)
        return
    if standing is None:
        eras = deployments.eras(connection, execution.monitor_id)
        if any(each.id == execution.deployment_id and each.ended_at is not None for each in eras):
            return  # what it is about is no longer in force
        standing = incidents.add(
            connection,
            monitor_id=execution.monitor_id,
            deployment_id=execution.deployment_id,
            variant=execution.variant,
            kind=IncidentKind.QUALITY,
            window=loss.last,
            severity=loss.severity,
            features=loss.features,
            summary=loss.summary,
            execution_id=execution.id,
            now=now,
        )
    loss = continued(loss, standing)
    incidents.restate(
        connection,
        standing,
        first_window=loss.first,
        last_window=loss.last,
        breached_windows=loss.windows,
        severity=loss.severity,
        features=loss.features,
        summary=loss.summary,
        execution_id=execution.id,
        now=now,
    )


def _open(connection: Connection, era: tuple[int, str, int]) -> Incident | None:
    for incident in incidents.open_ones(connection, era[0]):
        mine = (incident.monitor_id, incident.variant, incident.deployment_id) == era
        if mine and incident.kind is IncidentKind.QUALITY:
            return incident
    return None


def _measured(connection: Connection, era: tuple[int, str, int]) -> Iterator[Measured]:
    """An era's measured windows, the newest first."""
    found = executions.recent(connection, era[0], ExecutionKind.MODEL_QUALITY, *era[1:], _PAGE)
    while found:
        ids = [each.id for each in found]
        rows, metrics = executions.checks_of(connection, ids), executions.metrics_of(connection, ids)
        yield from (Measured(each.start, rows.get(each.id, ()), metrics.get(each.id, ())) for each in found)
        oldest = found[-1].start
        found = executions.before(connection, *era, oldest, _PAGE, ExecutionKind.MODEL_QUALITY)


def _has_vanished(connection: Connection, era: tuple[int, str, int]) -> bool:
    """Whether others have had records since, and this variant none: its incidents are closed for that."""
    newest = executions.recent(connection, era[0], ExecutionKind.DATA_QUALITY, *era[1:], 1)
    if not newest:
        return False
    after = executions.starts_after(connection, era[0], era[2], newest[0].start, QUIET_WINDOWS)
    return len(after) == QUIET_WINDOWS


def _may_be_back(connection: Connection, execution: Execution) -> bool:
    """Whether a variant's newest window comes after two in which others may have had records, and it none."""
    era = (execution.monitor_id, execution.variant, execution.deployment_id)
    last = executions.before(connection, *era, execution.start, 1)
    if not last or executions.after(connection, *era, execution.start, 1):
        return False
    # this window is among them: one too many is asked about here, and none too few
    after = executions.starts_after(connection, era[0], era[2], last[0].start, QUIET_WINDOWS)
    return len(after) == QUIET_WINDOWS


def _over(connection: Connection, era: tuple[int, str, int], incident: Incident) -> str:
    kind = ExecutionKind.MODEL_QUALITY
    if incidents.violated(connection, *era, incident.first_window, incident.last_window, kind):
        return f"{QUIET_WINDOWS} windows in a row without the breach."
    return "Measured again with labels that came late: no breach."
