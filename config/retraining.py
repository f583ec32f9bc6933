"""The `retrain` section of kedge.yaml: when, how often, by what, and what becomes of the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from config import addresses, durations, expressions, metrics
from config.expressions import Condition
from config.fields import AwsName, Duration, Folder, Part, PositiveDuration, Read, Text, one_of

_PERSISTENCE = re.compile(r"(\d{1,4}) of (\d{1,4})", re.ASCII)
_LIMIT = re.compile(r"(\d{1,4}) per (\S+)", re.ASCII)
_CANARY = re.compile(r"canary (\d{1,3})% for (\S+)", re.ASCII)
_MAX_CANARY_PERCENT = 50  # SageMaker: a canary takes at most half of the capacity
_MAX_CANARY_WAIT = timedelta(seconds=3600)  # and is waited on for at most an hour


@dataclass(frozen=True, slots=True)
class Persistence:
    """``3 of 4``: the condition must hold in `hits` of the last `windows` windows."""

    hits: int
    windows: int

    def __str__(self) -> str:
        return f"{self.hits} of {self.windows}"

    @classmethod
    def parse(cls, text: str) -> Persistence:
        """Read ``N of M``.

        Raises:
            ValueError: where it has another form, or is not 1 <= N <= M.
        """
        found = _PERSISTENCE.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text!r} is no number of windows; write one such as 3 of 4")
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Limit:
    """``3 per 7d``: at most `runs` retraining runs in any stretch of `period`."""

    runs: int
    period: timedelta

    def __str__(self) -> str:
        return f"{self.runs} per {durations.spell(self.period)}"

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``N per DURATION``.

        Raises:
            ValueError: where it has another form, or one of the two is nothing.
        """
        found = _LIMIT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no limit; write one such as 3 per 7d")
        limit = cls(int(found[1]), durations.parse(found[2]))
        if not limit.runs or not limit.period:
            raise ValueError(f"{text!r} allows no run at all; leave `retrain` out instead")
        return limit


class RolloutKind(StrEnum):
    """How a new model takes over."""

    CANARY = "canary"
    ALL_AT_ONCE = "all-at-once"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Rollout:
    """``canary 10% for 30m``, ``all-at-once`` or ``none`` (registered only); percent of the capacity."""

    kind: RolloutKind
    percent: int | None = None
    wait: timedelta | None = None

    def __str__(self) -> str:
        if self.percent is None or self.wait is None:
            return self.kind.value
        return f"canary {self.percent}% for {durations.spell(self.wait)}"

    @classmethod
    def parse(cls, text: str) -> Rollout:
        """Read one of the three forms.

        Raises:
            ValueError: where it has another form, or SageMaker would refuse the canary.
        """
        if text in (RolloutKind.ALL_AT_ONCE, RolloutKind.NONE):
            return cls(RolloutKind(text))
        found = _CANARY.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rollout; write canary 10% for 30m, all-at-once or none")
        rollout = cls(RolloutKind.CANARY, int(found[1]), durations.parse(found[2]))
        if not 1 <= int(found[1]) <= _MAX_CANARY_PERCENT or durations.parse(found[2]) > _MAX_CANARY_WAIT:
            raise ValueError(f"{text!r} is more than SageMaker does; a canary takes 1% to 50% for at most 1h")
        return rollout


class Approval(StrEnum):
    """Who approves a model that won."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


class TargetKind(StrEnum):
    """What can train."""

    STEP_FUNCTIONS = "step_functions"
    LOCAL = "local"


class Target(Part):
    """What runs the training: exactly one of a Step Functions state machine and a local worker's command."""

    step_functions: Annotated[str, Read("the ARN of a state machine", addresses.state_machine)] | None = None
    local: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.step_functions is None) == (self.local is None):
            raise ValueError("must name exactly one target; write step_functions: ARN or local: COMMAND")
        return self

    @property
    def kind(self) -> TargetKind:
        """Which target it is."""
        return TargetKind.LOCAL if self.step_functions is None else TargetKind.STEP_FUNCTIONS

    @property
    def address(self) -> str:
        """Its state machine's ARN, or its command."""
        return self.step_functions or self.local or ""


def _condition(value: object) -> Condition:
    if isinstance(value, expressions.Comparison | expressions.And | expressions.Or):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a condition, such as rmse > 1.15 * baseline")
    return expressions.parse(value)


def _trigger(value: object) -> Condition:
    condition = _condition(value)
    _refuse(metrics.check_trigger(condition))
    return condition


def _acceptance(value: object) -> Condition:
    condition = _condition(value)
    _refuse(metrics.check_acceptance(condition))
    return condition


def _refuse(told: str | None) -> None:
    if told is not None:
        raise ValueError(told)


_AS_TEXT = PlainSerializer(str, return_type=str)
_Trigger = Annotated[Condition, PlainValidator(_trigger), _AS_TEXT]
_Acceptance = Annotated[Condition, PlainValidator(_acceptance), _AS_TEXT]


class Training(Part):
    """What a challenger is trained and judged on.

    `original` is the champion's own training set and `test` its test set: CSV with a header of the label's
    column (the endpoint's `prediction`) and the inputs. `output` is the folder that training sets, manifests
    and models go to (default: `retraining` below the endpoint's results, or its captures). So many labelled
    captured records are wanted to train on (`minimum`) and to judge on (`judging`); a run waits for them, and
    for the end of a data fault, at most `wait`. The training itself may take `time_limit`.
    """

    original: Folder | None = None
    test: Folder | None = None
    output: Folder | None = None
    minimum: Annotated[int, Field(ge=1)] = 300
    judging: Annotated[int, Field(ge=2)] = 200
    wait: PositiveDuration = timedelta(days=2)
    time_limit: PositiveDuration = timedelta(days=1)


class Retrain(Part):
    """When to retrain and what to do with the result; `persistence` is the key ``for``.

    A challenger must win by more than `margin`, a share of the champion's metric. After a rollout the first
    `watch` labelled windows are looked at, and more until they have `training.judging` labelled records.
    """

    when: Annotated[tuple[_Trigger, ...], Field(min_length=1)]
    persistence: Annotated[Persistence, Read("a number of windows such as 3 of 4", Persistence.parse)] = (
        Field(Persistence(1, 1), alias="for")
    )
    cooldown: Duration = timedelta(hours=24)
    limit: Annotated[Limit, Read("a limit such as 3 per 7d", Limit.parse)] = Limit(3, timedelta(days=7))
    target: Target
    training: Training = Training()
    accept: _Acceptance = Field(default_factory=lambda: expressions.parse("rmse < champion"))
    registry: AwsName
    approval: Annotated[Approval, one_of(Approval)] = Approval.MANUAL
    rollout: Annotated[Rollout, Read("canary 10% for 30m, all-at-once or none", Rollout.parse)] = Rollout(
        RolloutKind.NONE
    )
    margin: Annotated[float, Field(ge=0)] = 0.0
    watch: Annotated[int, Field(ge=1)] = 2
