"""Runs and earlier decisions, real ones or those of a replay, as the facts that a decision asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from retrain.policy.facts import DecidedOn, Facts, Verdict
from store.records import Deployment, Incident
from store.retraining import Arrived, Decision, DecisionReason, Helped, Run, RunState, SeenCondition

_IN_VAIN = frozenset(
    {RunState.ROLLED_BACK, RunState.LOST, RunState.DECLINED, RunState.FAILED, RunState.TIMED_OUT}
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run, or what would have been one: `ended_at` is None while it is under way.

    `config` is the endpoint config of its champion: one that came back by a rollback is the same model.
    `in_vain` is None where it says nothing about retraining: cancelled, or never made. `left` is the config
    that it put in the place of its champion's and did not take back, None where it did no such thing.
    """

    name: str
    requested_at: datetime
    ended_at: datetime | None
    config: str | None
    in_vain: bool | None
    left: str | None = None

    def is_of(self, config: str | None) -> bool:
        """Whether what is in force by this config is its champion, or the model that it has left there."""
        return config == self.config or (self.left is not None and config == self.left)


@dataclass(frozen=True, slots=True)
class Yes:
    """A decision to retrain: when, for which variant, and what its conditions came to."""

    at: datetime
    variant: str | None
    conditions: tuple[SeenCondition, ...]

    @classmethod
    def of(cls, decision: Decision) -> Yes:
        """From a stored one."""
        return cls(decision.at, decision.variant, decision.conditions)

    @classmethod
    def said(cls, verdict: Verdict, variant: str, at: datetime) -> Yes:
        """From one that was just made."""
        return cls(at, variant, verdict.conditions)


def attempt(run: Run, eras: Iterable[Deployment]) -> Attempt:
    """A run as an attempt."""
    config = next((era.endpoint_config for era in eras if era.id == run.deployment_id), None)
    # without an era of its own it came to no rollout, or SageMaker took that back
    is_left = run.new_deployment_id is not None and run.state is not RunState.ROLLED_BACK
    return Attempt(
        run.name,
        run.requested_at,
        run.ended_at,
        config,
        in_vain(run.state, run.helped),
        run.new_endpoint_config if is_left else None,
    )


def in_vain(state: RunState, helped: Helped | None) -> bool | None:
    """Whether a run that ended so did not help; None where that says nothing."""
    if state is RunState.CANCELLED or not state.is_end:
        return None
    return state in _IN_VAIN or helped is Helped.NOT


def would_have(decision: Decision) -> Attempt:
    """What a dry run kept back, as if it had ended at once."""
    return Attempt("a dry run", decision.at, decision.at, None, None)


def facts(
    attempts: Sequence[Attempt],
    yeses: Sequence[Yes],
    *,
    era: Deployment,
    began_at: datetime,
    variant: str,
    data_fault: Incident | None,
    arrived: Arrived | None,
) -> Facts:
    """What bears on a decision about an era's variant; attempts and decisions are newest first.

    `began_at` is when the era began, or its first window where nobody knows when it did.
    """
    ended = [each.ended_at for each in attempts if each.ended_at is not None]
    return Facts(
        data_fault=data_fault,
        run_in_flight=next((each.name for each in attempts if each.ended_at is None), None),
        last_run_ended_at=max(ended, default=None),
        recent_runs=tuple(each.requested_at for each in attempts),
        in_vain=_in_a_row(attempts, era.endpoint_config),
        decided=_decided(yes for yes in yeses if yes.at >= era.started_at and yes.variant == variant),
        since=max((began_at, *ended)),
        arrived=arrived,
    )


def _in_a_row(attempts: Sequence[Attempt], config: str | None) -> int:
    """So many did not help, of those that led to the config in force; another's deployment parts them."""
    count = 0
    for each in attempts:
        if each.ended_at is None or each.in_vain is None:
            continue
        if not each.in_vain or not each.is_of(config):
            break
        # where it has left its own model in force, those before it were of the one that it replaced
        config = each.config
        count += 1
    return count


def _decided(yeses: Iterable[Yes]) -> tuple[DecidedOn, ...]:
    found: dict[str, DecidedOn] = {}
    for yes in yeses:
        for each in yes.conditions:
            if each.is_breached and each.hit is not None:
                found.setdefault(each.condition, DecidedOn(each.condition, yes.at, each.hit))
    return tuple(found.values())


def acted_on(reason: DecisionReason, *, dry_run: bool) -> bool:
    """Whether a decision counts as one to retrain: in a dry run what it kept back does too."""
    return reason.is_yes or (dry_run and reason is DecisionReason.WOULD_RETRAIN)
