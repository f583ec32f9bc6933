"""What the API answers: values of its own, so that the database may change without its readers noticing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from store.records import (
    Baseline,
    CheckRow,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    FleetRow,
    FleetState,
    Incident,
    IncidentEvent,
    IncidentKind,
    MetricRow,
    Outcome,
    RejectedObject,
)
from store.series import DriftPoint, QualityPoint


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer, in one sentence."""

    error: str


@dataclass(frozen=True, slots=True)
class ExecutionAnswer:
    """One judgement of a window; `latest` is false once a later revision took its place."""

    id: int
    window: int
    kind: ExecutionKind
    revision: int
    latest: bool
    status: ExecutionStatus
    start: datetime
    end: datetime
    variant: str
    baseline_version: int | None
    distance_mode: str
    judged_at: datetime
    records: int
    rejected: int
    violations: int
    message: str
    config_digest: str

    @classmethod
    def of(cls, stored: Execution) -> ExecutionAnswer:
        """From the stored row."""
        names = [name for name in cls.__slots__ if name != "window"]
        return cls(window=stored.window_id, **{name: getattr(stored, name) for name in names})


@dataclass(frozen=True, slots=True)
class IncidentAnswer:
    """A lasting breach; `closed_at` is null while it is open."""

    id: int
    kind: IncidentKind
    variant: str
    opened_at: datetime
    closed_at: datetime | None
    first_window: datetime
    last_window: datetime
    severity: float
    features: tuple[str, ...]
    summary: str
    breached_windows: int

    @classmethod
    def of(cls, stored: Incident) -> IncidentAnswer:
        """From the stored row."""
        return cls(**{name: getattr(stored, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """One endpoint at a glance.

    `waiting_objects` were found and are not counted yet; the oldest of them was begun at `waiting_since`.
    """

    name: str
    state: FleetState
    problem: str | None
    last_inference_at: datetime | None
    waiting_objects: int
    waiting_since: datetime | None
    last_execution: ExecutionAnswer | None
    max_drift: float | None
    drifted_features: int
    open_incidents: tuple[IncidentAnswer, ...]
    baseline_version: int | None

    @classmethod
    def of(cls, row: FleetRow) -> EndpointAnswer:
        """From the fleet's row."""
        return cls(
            name=row.monitor.name,
            state=row.state,
            problem=row.monitor.problem,
            last_inference_at=row.monitor.last_inference_at,
            waiting_objects=row.monitor.waiting_objects,
            waiting_since=row.monitor.waiting_since,
            last_execution=None if row.last_execution is None else ExecutionAnswer.of(row.last_execution),
            max_drift=row.max_drift,
            drifted_features=row.drifted_features,
            open_incidents=tuple(map(IncidentAnswer.of, row.open_incidents)),
            baseline_version=row.baseline_version,
        )


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """A page of endpoints; `matching` of them fit in all, `counts` is by state.

    `overdue` of the whole fleet wait for their turn to be looked at, the first since `overdue_since` (the
    machine's time); `waiting_objects` are those that all endpoints together have found and not counted yet.
    """

    endpoints: tuple[EndpointAnswer, ...]
    matching: int
    counts: dict[FleetState, int]
    overdue: int
    overdue_since: datetime | None
    waiting_objects: int


@dataclass(frozen=True, slots=True)
class DriftAnswer:
    """One window of a feature's series."""

    start: datetime
    drift: float | None
    threshold: float | None
    outcome: Outcome
    execution: int


@dataclass(frozen=True, slots=True)
class DriftSeries:
    """One feature of one variant over time, oldest window first."""

    feature: str
    variant: str
    windows: tuple[DriftAnswer, ...]


def drift_series(points: Iterable[DriftPoint]) -> list[DriftSeries]:
    """The points by variant and feature."""
    grouped: dict[tuple[str, str], list[DriftAnswer]] = {}
    for p in points:
        answer = DriftAnswer(p.start, p.drift, p.threshold, p.outcome, p.execution_id)
        grouped.setdefault((p.variant, p.feature), []).append(answer)
    return [DriftSeries(feature, variant, tuple(found)) for (variant, feature), found in grouped.items()]


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    """A metric in one labelled window, with its interval and how many labelled records it rests on."""

    start: datetime
    value: float | None
    low: float | None
    high: float | None
    labelled: int
    execution: int


@dataclass(frozen=True, slots=True)
class QualitySeries:
    """One metric of one variant over time, oldest window first."""

    metric: str
    variant: str
    windows: tuple[QualityAnswer, ...]


def quality_series(points: Iterable[QualityPoint]) -> list[QualitySeries]:
    """The points by variant and metric."""
    grouped: dict[tuple[str, str], list[QualityAnswer]] = {}
    for point in points:
        m = point.metric
        answer = QualityAnswer(point.start, m.value, m.low, m.high, m.count, point.execution_id)
        grouped.setdefault((point.variant, m.name), []).append(answer)
    return [QualitySeries(name, variant, tuple(found)) for (variant, name), found in grouped.items()]


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """One execution with every row of it, and all revisions of its window."""

    endpoint: str
    execution: ExecutionAnswer
    checks: tuple[CheckRow, ...]
    features: tuple[FeatureResult, ...]
    metrics: tuple[MetricRow, ...]
    revisions: tuple[ExecutionAnswer, ...]


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """One change of an incident."""

    at: datetime
    change: str
    reason: str
    execution: int | None

    @classmethod
    def of(cls, event: IncidentEvent) -> EventAnswer:
        """From the stored row."""
        return cls(event.at, event.change, event.reason, event.execution_id)


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """One incident with every change of it."""

    endpoint: str
    incident: IncidentAnswer
    events: tuple[EventAnswer, ...]


@dataclass(frozen=True, slots=True)
class BaselineAnswer:
    """One version of an endpoint's baseline."""

    version: int
    created_at: datetime
    source: str
    records: int
    features: int

    @classmethod
    def of(cls, stored: Baseline) -> BaselineAnswer:
        """From the stored row."""
        return cls(**{name: getattr(stored, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class EraAnswer:
    """The time during which one endpoint config was in force; the last has no end."""

    started_at: datetime
    ended_at: datetime | None
    endpoint_config: str | None
    model_package: str | None
    variants: dict[str, str | None]
    """The model packages of variants that have another than the rest, by variant."""

    @classmethod
    def of(cls, stored: Deployment) -> EraAnswer:
        """From the stored row."""
        return cls(
            stored.started_at,
            stored.ended_at,
            stored.endpoint_config,
            stored.model_package,
            {each.variant: each.model_package for each in stored.served},
        )


@dataclass(frozen=True, slots=True)
class RejectsAnswer:
    """Bad input by kind, and the newest objects with something bad in them: where, never what.

    `late_objects` came after the lateness and `late_labels` after the label horizon, as they were last
    looked for (daily, and when the endpoint's entry changes); neither are counted.
    """

    late_objects: int
    late_key: str | None
    late_labels: int
    late_label_key: str | None
    counts: dict[str, int]
    objects: tuple[RejectedObject, ...]


@dataclass(frozen=True, slots=True)
class MarkedAnswer:
    """How many windows the next tick judges again."""

    marked: int
