"""Retraining, as values: decisions, runs and what became of them. Beside store.records, and like it.

All times are UTC and aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class RunState(StrEnum):
    """Where a retraining run stands; the last seven are ends."""

    REQUESTED = "requested"
    STARTED = "started"
    TRAINED = "trained"
    WAITING = "waiting"
    WON = "won"
    REGISTERED = "registered"
    APPROVED = "approved"
    DEPLOYED = "deployed"
    ADOPTED = "adopted"
    ROLLED_BACK = "rolled_back"
    LOST = "lost"
    DECLINED = "declined"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return self in _ENDS


_ENDS = frozenset(
    {
        RunState.ADOPTED,
        RunState.ROLLED_BACK,
        RunState.LOST,
        RunState.DECLINED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.TIMED_OUT,
    }
)


class RunReason(StrEnum):
    """Why a run is where it is, for programs; a sentence stands beside it for people."""

    BREACH = "breach"
    NEW_DATA = "new_data"
    SCHEDULE = "schedule"
    BY_HAND = "by_hand"
    TRAINING = "training"
    WAITING_FOR_LABELS = "waiting_for_labels"
    ASKING = "asking"
    TOLD_TO_GO_ON = "told_to_go_on"
    DATA_FAULT = "data_fault"
    BETTER = "better"
    NOT_BETTER = "not_better"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    APPROVED_AUTOMATICALLY = "approved_automatically"
    APPROVED_BY_HAND = "approved_by_hand"
    DECLINED_BY_HAND = "declined_by_hand"
    ROLLING_OUT = "rolling_out"
    IN_SERVICE = "in_service"
    NOT_DEPLOYED_HERE = "not_deployed_here"
    FIRST_WINDOWS_GOOD = "first_windows_good"
    FIRST_WINDOWS_WORSE = "first_windows_worse"
    NO_LABELS = "no_labels"
    TARGET_FAILED = "target_failed"
    TARGET_TIMED_OUT = "target_timed_out"
    BAD_OUTPUT = "bad_output"
    BAD_TRAINING_SET = "bad_training_set"
    ROLLOUT_FAILED = "rollout_failed"
    CANCELLED_BY_HAND = "cancelled_by_hand"
    OUT_OF_TIME = "out_of_time"
    OVERTAKEN = "overtaken"
    NO_ACCESS = "no_access"
    NO_ANSWER = "no_answer"
    PARAMETERS_LEFT = "parameters_left"
    DEFECT = "defect"


class Helped(StrEnum):
    """Whether a retraining made the endpoint's realised quality better."""

    HELPED = "helped"
    NOT = "not"
    UNKNOWN = "unknown"


class DecisionReason(StrEnum):
    """Why the policy said what it said; the first three are a yes, the fourth a yes of a dry run."""

    BREACH = "breach"
    NEW_DATA = "new_data"
    SCHEDULE = "schedule"
    WOULD_RETRAIN = "would_retrain"
    NO_BREACH = "no_breach"
    NOT_LASTING = "not_lasting"
    UNKNOWN = "unknown"
    DATA_FAULT = "data_fault"
    IN_FLIGHT = "in_flight"
    COOLDOWN = "cooldown"
    LIMIT = "limit"
    NOT_CLEARED = "not_cleared"
    COST = "cost"

    @property
    def is_yes(self) -> bool:
        """Whether a run is opened."""
        return self in _YES


_YES = frozenset({DecisionReason.BREACH, DecisionReason.NEW_DATA, DecisionReason.SCHEDULE})


@dataclass(frozen=True, slots=True)
class SeenValue:
    """What one comparison of a condition saw in one window; None is what was not there."""

    comparison: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """A condition in one window: whether it held there (true, false, unknown), and the numbers."""

    start: datetime
    truth: str
    values: tuple[SeenValue, ...]


@dataclass(frozen=True, slots=True)
class SeenCondition:
    """A condition as a decision weighed it: `wanted` is such as 3 of 4, `windows` those that counted.

    They are newest first. `hit` is the start of the newest in which it held; None where it held in none.
    """

    condition: str
    wanted: str
    is_breached: bool
    hit: datetime | None
    windows: tuple[SeenWindow, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy said after new executions or new data, with the numbers it saw, in words.

    `seen` holds (comparison, value, threshold) of the newest window that was looked at, `conditions` the
    windows that counted. `reference` is the quality that the era's model was registered with, None where it
    was not kept; `upto_object_id` the newest object of training data that was known.
    """

    id: int
    monitor_id: int
    at: datetime
    upto_execution_id: int
    reason: DecisionReason
    words: str
    seen: tuple[tuple[str, float | None, float | None], ...]
    incident_id: int | None
    run_id: int | None
    config_digest: str
    variant: str | None = None
    policy_id: int | None = None
    conditions: tuple[SeenCondition, ...] = ()
    reference: Mapping[str, float] | None = None
    upto_object_id: int = 0
    deployment_id: int | None = None


STEADY: Final = timedelta(days=1)
"""New training data that has come for so long without a pause is taken as it is."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """New objects below a prefix of training data: how many, of how many bytes together, since when.

    `upto` is the key of the newest of them. They are `whole` once a look brought nothing more, or once they
    have come for a day: a prefix that is fed without a pause would never be.
    """

    uri: str
    objects: int
    size: int
    first_at: datetime
    upto: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object of training data that came, of `size` bytes."""

    id: int
    size: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class HelpedCounts:
    """How many runs that deployed a model have helped, have not, and are not known to have."""

    helped: int
    not_helped: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Run:
    """One retraining.

    `name` is what every call to the outside is named by. `deployment_id` is the era whose model is the
    champion. Captures from `change_at` on are of the changed world. `input` is the exact JSON handed to the
    target, `handle` the target's name for what it runs, `output` the JSON it answered. `approval` is what a
    person said (approve, reject, cancel, continue), None while nobody did.
    """

    id: int
    monitor_id: int
    name: str
    state: RunState
    reason: RunReason
    told: str
    incident_id: int | None
    variant: str
    deployment_id: int
    requested_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    deadline: datetime
    change_at: datetime
    input: str | None
    handle: str | None
    output: str | None
    training_uri: str | None
    judged_start: datetime | None
    judged_end: datetime | None
    model_package: str | None
    old_endpoint_config: str | None
    new_endpoint_config: str | None
    new_baseline_id: int | None
    new_deployment_id: int | None
    approval: str | None
    helped: Helped | None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One step of a run."""

    at: datetime
    state: RunState
    reason: RunReason
    told: str


@dataclass(frozen=True, slots=True)
class Effect:
    """A call to the outside: what was to be sent, written before it, and the answer, written after it."""

    name: str
    request: str
    asked_at: datetime
    answer: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Trial:
    """Champion against challenger on one data set: the metric of each, and the paired difference's interval.

    `difference` is challenger less champion.
    """

    dataset: str
    metric: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    count: int
