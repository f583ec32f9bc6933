"""Retraining, as values: decisions, runs and what became of them. Beside store.records, and like it.

All times are UTC and aware.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    BY_HAND = "by_hand"
    TRAINING = "training"
    WAITING_FOR_LABELS = "waiting_for_labels"
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


class Helped(StrEnum):
    """Whether a retraining made the endpoint's realised quality better."""

    HELPED = "helped"
    NOT = "not"
    UNKNOWN = "unknown"


class DecisionReason(StrEnum):
    """Why the policy said what it said; the first alone is a yes."""

    BREACH = "breach"
    NO_BREACH = "no_breach"
    NOT_LASTING = "not_lasting"
    UNKNOWN = "unknown"
    DATA_FAULT = "data_fault"
    IN_FLIGHT = "in_flight"
    COOLDOWN = "cooldown"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy said after new executions, with the numbers it saw, in words.

    `seen` holds (comparison, value, threshold) of the newest window that was looked at.
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


@dataclass(frozen=True, slots=True)
class Run:
    """One retraining.

    `name` is what every call to the outside is named by. `deployment_id` is the era whose model is the
    champion. Captures from `change_at` on are of the changed world. `input` is the exact JSON handed to the
    target, `handle` the target's name for what it runs, `output` the JSON it answered. `approval` is what a
    person said (approve, reject, cancel), None while nobody did.
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
