"""What the API and the command line answer about retraining runs and the decisions about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.retraining import (
    Decision,
    DecisionReason,
    Helped,
    Run,
    RunEvent,
    RunReason,
    RunState,
    SeenCondition,
    Trial,
)
from web.run_story import Story


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """A retraining run; `approval` is what a person said (approve, reject, …), null while nobody did."""

    name: str
    state: RunState
    reason: RunReason
    told: str
    variant: str
    requested_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    deadline: datetime
    approval: str | None
    helped: Helped | None
    model_package: str | None
    old_endpoint_config: str | None
    new_endpoint_config: str | None

    @classmethod
    def of(cls, stored: Run) -> RunAnswer:
        """From the stored row."""
        return cls(**{name: getattr(stored, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class SeenAnswer:
    """One comparison of a condition as a decision saw it."""

    comparison: str
    value: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class DecisionAnswer:
    """A yes (`breach`) or a no of the policy, with the numbers it saw; `id` counts up.

    `seen` is of the newest window, `conditions` have every window that counted. `variant` is the one whose
    windows they are, null in old decisions, `run` the name of the run that was opened, null where none was.
    """

    id: int
    at: datetime
    reason: DecisionReason
    words: str
    seen: tuple[SeenAnswer, ...]
    incident: int | None
    config_digest: str
    variant: str | None
    run: str | None
    conditions: tuple[SeenCondition, ...]

    @classmethod
    def of(cls, stored: Decision, run: str | None) -> DecisionAnswer:
        """From the stored row, and the name of the run that it opened."""
        return cls(
            id=stored.id,
            at=stored.at,
            reason=stored.reason,
            words=stored.words,
            seen=tuple(SeenAnswer(*each) for each in stored.seen),
            incident=stored.incident_id,
            config_digest=stored.config_digest,
            variant=stored.variant,
            run=run,
            conditions=stored.conditions,
        )


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """A call to the outside: when it was asked, and when answered (null: not yet)."""

    name: str
    asked_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with every step, the decision that opened it, its trials and its calls to the outside.

    `judged_start` to `judged_end` is the judging window. The baselines are versions.
    """

    endpoint: str
    run: RunAnswer
    decision: DecisionAnswer | None
    incident: int | None
    events: tuple[RunEvent, ...]
    trials: tuple[Trial, ...]
    calls: tuple[CallAnswer, ...]
    training_uri: str | None
    change_at: datetime
    judged_start: datetime | None
    judged_end: datetime | None
    old_baseline: int | None
    new_baseline: int | None

    @classmethod
    def of(cls, story: Story) -> RunDetail:
        """From the stored rows."""
        run = story.run
        return cls(
            endpoint=story.monitor.name,
            run=RunAnswer.of(run),
            decision=None if story.decision is None else DecisionAnswer.of(story.decision, run.name),
            incident=run.incident_id,
            events=story.events,
            trials=story.trials,
            calls=tuple(CallAnswer(each.name, each.asked_at, each.answered_at) for each in story.effects),
            training_uri=run.training_uri,
            change_at=run.change_at,
            judged_start=run.judged_start,
            judged_end=run.judged_end,
            old_baseline=story.old_baseline.version if story.old_baseline else None,
            new_baseline=story.new_baseline.version if story.new_baseline else None,
        )
