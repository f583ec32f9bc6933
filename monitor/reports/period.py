"""What the database knows of a period of an endpoint: the facts that a report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from baselines import versions
from baselines.constraints import Constraints
from baselines.profile import codec
from baselines.profile.profile import Profile
from baselines.versions import LoadedBaseline
from config.model import Endpoint
from store import baselines, captures, executions, fleet, incidents, monitors, series, windows
from store.records import (
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FleetState,
    Incident,
    Monitor,
    Outcome,
)
from store.series import DriftPoint, QualityPoint, ViolationCount

_ALL = 1_000_000  # windows; a year of minutes is half of it


class ReportError(ValueError):
    """A report that can't be written, in one sentence."""


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """A feature that drifted: in how many of the windows that judged it, how far at worst and at last."""

    name: str
    drifted: int
    judged: int
    worst: float
    last: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The judged windows of one baseline version as one profile, and the baseline that judged them.

    `other_windows` rest on another baseline version, or their profiles were let go.
    """

    profile: Profile
    baseline: LoadedBaseline
    constraints: Constraints
    windows: int
    other_windows: int


@dataclass(frozen=True, slots=True)
class Facts:
    """A period of an endpoint; `state` and `problem` are those of the moment of writing."""

    endpoint: Endpoint
    start: datetime
    end: datetime
    written_at: datetime
    state: FleetState
    problem: str | None
    judged: tuple[Execution, ...]
    violations: tuple[ViolationCount, ...]
    drifted: tuple[FeatureDrift, ...]
    incidents: tuple[Incident, ...]
    quality: tuple[QualityPoint, ...]
    rejects: Mapping[str, int]
    compared: Compared | None

    @property
    def violated(self) -> int:
        """Windows in which something was violated."""
        return sum(one.status is ExecutionStatus.COMPLETED_WITH_VIOLATIONS for one in self.judged)

    @property
    def records(self) -> int:
        """Records in the judged windows."""
        return sum(one.records for one in self.judged)

    @property
    def labelled_windows(self) -> int:
        """Windows whose realised quality was measured; the page of the report asks for it."""
        return len({point.execution_id for point in self.quality})


def gather(
    connection: Connection, endpoint: Endpoint, start: datetime, end: datetime, now: datetime
) -> Facts:
    """The facts of the windows that lie within the period. Raises ReportError for an unknown endpoint."""
    monitor = monitors.by_name(connection, endpoint.name)
    if monitor is None:
        raise ReportError(
            f"the endpoint {endpoint.name} was never monitored here: run 'kedge serve', or 'kedge run' for it"
        )
    newest_first = executions.latest(
        connection, monitor.id, ExecutionKind.DATA_QUALITY, start=start, end=end, limit=_ALL
    )
    (row,) = fleet.of_monitors(connection, [monitor])
    return Facts(
        endpoint=endpoint,
        start=start,
        end=end,
        written_at=now,
        state=row.state,
        problem=monitor.problem,
        judged=newest_first[::-1],
        violations=series.violations(connection, monitor.id, start=start, end=end),
        drifted=drifted_features(series.drift(connection, monitor.id, start=start, end=end)),
        incidents=tuple(
            incident
            for incident in incidents.history(connection, monitor.id)
            if incident.first_window < end and start <= incident.last_window
        ),
        quality=series.quality(connection, monitor.id, start=start, end=end),
        rejects=captures.reject_counts(connection, monitor.id, start=start, end=end),
        compared=_compared(connection, monitor, endpoint, newest_first),
    )


def drifted_features(points: Iterable[DriftPoint]) -> tuple[FeatureDrift, ...]:
    """Features that violated their threshold in some window, the furthest first; points come oldest first."""
    by_feature: dict[str, list[DriftPoint]] = {}
    for point in points:
        if point.drift is not None and point.threshold is not None:
            by_feature.setdefault(point.feature, []).append(point)
    found = [_feature_drift(name, of_it) for name, of_it in by_feature.items()]
    return tuple(sorted((one for one in found if one.drifted), key=lambda one: (-one.worst, one.name)))


def _feature_drift(name: str, points: list[DriftPoint]) -> FeatureDrift:
    over = [
        point
        for point in points
        if point.outcome is Outcome.VIOLATED and (point.drift or 0.0) > (point.threshold or 0.0)
    ]
    worst = max((point.drift or 0.0 for point in points), default=0.0)
    return FeatureDrift(name, len(over), len(points), worst, points[-1].drift, points[-1].threshold)


def _compared(
    connection: Connection, monitor: Monitor, endpoint: Endpoint, newest_first: tuple[Execution, ...]
) -> Compared | None:
    """What the newest baseline version of the period judged."""
    version = next((one.baseline_version for one in newest_first if one.baseline_version), None)
    stored = version and baselines.by_version(connection, monitor.id, version)
    if not stored:
        return None
    baseline = versions.load(connection, stored.id)
    total, count = None, 0
    for one in reversed(newest_first):  # one profile in memory at a time: a period may be long
        kept = windows.profile(connection, one.window_id) if one.baseline_version == version else None
        if kept:
            profile = codec.decode(kept)
            total, count = profile if total is None else total + profile, count + 1
    if total is None:
        return None
    constraints = _without(baseline.constraints, endpoint.exclude)
    return Compared(total, baseline, constraints, count, len(newest_first) - count)


def _without(constraints: Constraints, excluded: tuple[str, ...]) -> Constraints:
    kept = tuple(feature for feature in constraints.features if feature.name not in excluded)
    return replace(constraints, features=kept)
