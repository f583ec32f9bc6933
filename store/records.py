"""What the database holds, as values: frozen, and without a trace of SQLAlchemy.

All times are UTC and aware. `id` is the row's key; a record that was not stored yet does not exist here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ends; a check that could not run is a value, never an exception."""

    OK = "OK"
    VIOLATED = "VIOLATED"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    ERROR = "ERROR"

    @property
    def is_compared(self) -> bool:
        """Whether the data was held against the baseline, and so says something."""
        return self in (Outcome.OK, Outcome.VIOLATED)


class ExecutionStatus(StrEnum):
    """A monitoring execution's end, in Model Monitor's words."""

    COMPLETED = "Completed"
    COMPLETED_WITH_VIOLATIONS = "CompletedWithViolations"
    FAILED = "Failed"


class ExecutionKind(StrEnum):
    """What an execution judged: the data of a window, or the model's realised quality in it."""

    DATA_QUALITY = "DataQuality"
    MODEL_QUALITY = "ModelQuality"


class ObjectKind(StrEnum):
    """What a consumed object holds."""

    CAPTURE = "capture"
    GROUND_TRUTH = "ground_truth"
    SCHEDULE = "schedule"


class IncidentKind(StrEnum):
    """What a lasting breach is about."""

    DATA_FAULT = "data_fault"
    SKEW = "skew"
    DRIFT = "drift"
    QUALITY = "quality"

    @property
    def forbids_retraining(self) -> bool:
        """Whether training on such records would do harm: they are not what the model is to learn from."""
        return self in _NOT_TO_LEARN_FROM


_NOT_TO_LEARN_FROM = frozenset({IncidentKind.DATA_FAULT, IncidentKind.SKEW})


class IncidentChange(StrEnum):
    """Why an incident's row changed."""

    OPENED = "opened"
    WORSENED = "worsened"
    CONTINUED = "continued"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Late:
    """How many objects came so late that nobody counts them, and the key of the first."""

    count: int = 0
    first: str | None = None


@dataclass(frozen=True, slots=True)
class Monitor:
    """One endpoint of kedge.yaml, as the service last saw it."""

    id: int
    name: str
    config_digest: str
    created_at: datetime
    problem: str | None
    problem_at: datetime | None
    last_inference_at: datetime | None
    swept_at: datetime | None
    late_objects: int
    """Captures beyond the lateness that the last sweep found and nobody counted."""
    late_key: str | None
    late_labels: int
    """Labels beyond the label horizon, likewise."""
    late_label_key: str | None
    swept_digest: str | None
    """The digest of the entry by which they were looked for."""
    waiting_objects: int = 0
    """Objects that were found and are not counted yet: the endpoint's lag."""
    waiting_since: datetime | None = None
    """When the oldest of them was begun."""
    counted_since: datetime | None = None
    """All that was captured from then on until …"""
    counted_until: datetime | None = None
    """… the last whole listing is counted; None before the first."""


@dataclass(frozen=True, slots=True)
class Served:
    """A variant's own model in an era, and what judges it, where these are not the era's."""

    variant: str
    model_package: str | None
    baseline_id: int | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """An era: the time during which one endpoint config was in force, from `started_at` on.

    The model package and the baseline are those of every variant that is not among `served`.
    """

    id: int
    monitor_id: int
    endpoint_config: str | None
    model_package: str | None
    started_at: datetime
    ended_at: datetime | None
    mixed_until: datetime | None
    baseline_id: int | None
    served: tuple[Served, ...] = ()

    def of(self, variant: str) -> Deployment:
        """The era as a variant has it: with the package and the baseline of the model that answers there."""
        own = next((each for each in self.served if each.variant == variant), None)
        if own is None:
            return self
        return replace(self, model_package=own.model_package, baseline_id=own.baseline_id)

    @property
    def model_packages(self) -> frozenset[str]:
        """All that are known to serve in it."""
        named = {self.model_package, *(each.model_package for each in self.served)}
        return frozenset(package for package in named if package is not None)

    @property
    def baseline_ids(self) -> frozenset[int | None]:
        """What judges its windows, None among them where some have nothing."""
        return frozenset({self.baseline_id, *(each.baseline_id for each in self.served)})

    def with_model(
        self, variant: str, model_package: str | None, baseline_id: int | None, beside: Collection[str]
    ) -> Deployment:
        """The same with another model in a variant; the variants `beside` it keep theirs."""
        others = tuple(each for each in self.served if each.variant in beside and each.variant != variant)
        if not set(beside) - {variant}:
            return replace(self, model_package=model_package, baseline_id=baseline_id, served=())
        return replace(self, served=(*others, Served(variant, model_package, baseline_id)))

    def judged_by(self, model_package: str, baseline_id: int) -> Deployment:
        """The same with another baseline for a model, wherever it serves."""
        served = (
            replace(each, baseline_id=baseline_id) if each.model_package == model_package else each
            for each in self.served
        )
        own = baseline_id if self.model_package == model_package else self.baseline_id
        return replace(self, baseline_id=own, served=tuple(served))


@dataclass(frozen=True, slots=True)
class Baseline:
    """One version of an endpoint's baseline; the files' texts are fetched apart, they are large."""

    id: int
    monitor_id: int
    version: int
    created_at: datetime
    source: str
    records: int
    features: int


@dataclass(frozen=True, slots=True)
class Segment:
    """What one object gave one window: the profile of its records, encoded.

    `rejected` are the records it lost there; `columns` is a digest of the columns it was read with, "" where
    nobody kept it. `share` (32 hexadecimal digits) names the objects of a folder whose records of this window
    were summed into one profile: the first of them has it, the others have one of no records. "": its own.
    """

    window_start: datetime
    window_end: datetime
    variant: str
    deployment_id: int
    records: int
    first_at: datetime
    last_at: datetime
    profile: bytes
    rejected: int = 0
    columns: str = ""
    share: str = ""


@dataclass(frozen=True, slots=True)
class RejectCount:
    """Lines or values of one object that were bad in one way; `examples` say where, never what they held."""

    kind: str
    count: int
    examples: tuple[RejectExample, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """What one object gave a window, where it stands among the others there, and how many records it lost."""

    place: str
    profile: bytes
    rejected: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """Neighbouring pieces of a window that were added up: those after one place, up to another, inclusive.

    `level` says what they are: 0 segments, above it sums of the level below (monitor.rollups).
    """

    id: int
    level: int
    after: str
    upto: str
    rejected: int


@dataclass(frozen=True, slots=True)
class NewRollup:
    """A sum about to be kept, in the place of any that begins where it does; `profile` is encoded."""

    level: int
    after: str
    upto: str
    rejected: int
    profile: bytes


@dataclass(frozen=True, slots=True)
class RejectExample:
    """One bad line or value: where it stands and what is wrong with it."""

    line: int | None
    column: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class RejectedObject:
    """A consumed object with something bad in it, for a person to find it again."""

    bucket: str
    key: str
    consumed_at: datetime
    rejects: tuple[RejectCount, ...]


@dataclass(frozen=True, slots=True)
class ConsumedObject:
    """An object whose records are counted, once for each (bucket, key) and ETag."""

    kind: ObjectKind
    bucket: str
    key: str
    etag: str
    size: int
    variant: str
    records: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of inference time on one variant in one era, and how far it is judged."""

    id: int
    monitor_id: int
    start: datetime
    end: datetime
    variant: str
    deployment_id: int
    records: int
    revision: int
    dirty: bool
    quality_dirty: bool


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """One feature in one execution. `drift` is the distance to the baseline in the execution's mode."""

    feature: str
    data_type: str
    completeness: float | None
    mean: float | None
    std_dev: float | None
    minimum: float | None
    maximum: float | None
    distinct: float | None
    drift: float | None
    threshold: float | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check's result: `check` in Model Monitor's names, `detail` in one sentence."""

    feature: str
    check: str
    outcome: Outcome
    value: float | None
    threshold: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric with its bootstrap interval, and how many records it rests on."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Execution:
    """One judgement of a window. `latest` says that it is the verdict in force.

    A later revision supersedes it; one by another baseline version than its era's stands beside the verdict.
    """

    id: int
    monitor_id: int
    window_id: int
    kind: ExecutionKind
    revision: int
    status: ExecutionStatus
    start: datetime
    end: datetime
    variant: str
    deployment_id: int
    baseline_version: int | None
    distance_mode: str
    judged_at: datetime
    records: int
    rejected: int
    violations: int
    message: str
    config_digest: str
    latest: bool
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewExecution:
    """A judgement about to be stored, with all its rows."""

    kind: ExecutionKind
    status: ExecutionStatus
    baseline_id: int | None
    distance_mode: str
    records: int
    rejected: int
    message: str
    config_digest: str
    features: tuple[FeatureResult, ...] = ()
    checks: tuple[CheckRow, ...] = ()
    metrics: tuple[MetricRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """A lasting breach on an endpoint in an era: what, since when, how bad, on which features."""

    id: int
    monitor_id: int
    deployment_id: int
    variant: str
    kind: IncidentKind
    opened_at: datetime
    closed_at: datetime | None
    first_window: datetime
    last_window: datetime
    severity: float
    features: tuple[str, ...]
    summary: str
    breached_windows: int


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One change of an incident."""

    at: datetime
    change: IncidentChange
    reason: str
    execution_id: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """A drift report that was written, and where it lies."""

    id: int
    monitor_id: int
    created_at: datetime
    start: datetime
    end: datetime
    uri: str
    note: str


class FleetState(StrEnum):
    """An endpoint's state in a word, the most pressing first: each hides those after it."""

    PROBLEM = "problem"
    DATA_FAULT = "data fault"
    SKEW = "train/serve skew"
    QUALITY = "quality loss"
    DRIFTING = "drifting"
    WAITING = "waiting for data"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One endpoint at a glance."""

    monitor: Monitor
    last_execution: Execution | None
    max_drift: float | None
    drifted_features: int
    open_incidents: tuple[Incident, ...]
    baseline_version: int | None

    @property
    def state(self) -> FleetState:
        """The most pressing of what is known; store.attention counts and filters by the same rule."""
        kinds = {incident.kind for incident in self.open_incidents}
        if self.monitor.problem is not None:
            return FleetState.PROBLEM
        if IncidentKind.DATA_FAULT in kinds:
            return FleetState.DATA_FAULT
        if IncidentKind.SKEW in kinds:
            return FleetState.SKEW
        if IncidentKind.QUALITY in kinds:
            return FleetState.QUALITY
        if IncidentKind.DRIFT in kinds:
            return FleetState.DRIFTING
        return FleetState.WAITING if self.last_execution is None else FleetState.QUIET
