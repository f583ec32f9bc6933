"""The `retrain` section of kedge.yaml: when, how often, by what, and what becomes of the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator

from config import addresses, durations, expressions, metrics
from config.conditions import comparisons
from config.expressions import Condition
from config.fields import AwsName, Duration, Part, PositiveDuration, Read, Text, one_of
from config.parameters import Parameters
from config.policy import BackOff, Clear, Cost, NewData, prefix_alone
from config.rollout import Rollout
from config.slices import Slices
from config.targets import Target
from config.training import Training
from config.watch import Watch

_PERSISTENCE = re.compile(r"(\d{1,4}) of (\d{1,4})", re.ASCII)
_MOST_WINDOWS = 1000
"""Windows that ``for: N of M`` may ask for: all of them, and as many again, are read at each decision."""
_LIMIT = re.compile(r"(\d{1,4}) per (\S+)", re.ASCII)


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
            ValueError: where it has another form, or is not 1 <= N <= M <= 1000.
        """
        found = _PERSISTENCE.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text!r} is no number of windows; write one such as 3 of 4")
        if int(found[2]) > _MOST_WINDOWS:
            raise ValueError(
                f"{text!r} asks for more than the {_MOST_WINDOWS} windows that are looked at; write fewer"
            )
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


class Approval(StrEnum):
    """Who approves a model that won; `ALWAYS` is automatic on weak evidence too."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"
    ALWAYS = "always"


class Judge(StrEnum):
    """By what a challenger is judged: Kedge's fresh window, or the evaluation of the workflow itself."""

    FRESH = "fresh"
    EVALUATION = "evaluation"


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


class Retrain(Part):
    """When to retrain and what to do with the result; `persistence` is the key ``for``.

    A challenger must win by more than `margin`, a share of the champion's metric, and not lose on any of
    `slices`. After a rollout the first windows of `watch` are looked at, and of labelled ones more until they
    have `training.judging` records. `ssm` names parameters that tell others who the champion is, and `events`
    a queue that tells of model packages. At least one of `when`, `every` and `new_data` says when
    (config.policy has the terms of the latter).
    `champion` is the SSM parameter that names the champion's package where the endpoint's model is of none.
    """

    when: tuple[_Trigger, ...] = ()
    persistence: Annotated[Persistence, Read("a number of windows such as 3 of 4", Persistence.parse)] = (
        Field(Persistence(1, 1), alias="for")
    )
    cooldown: Duration = timedelta(hours=24)
    limit: Annotated[Limit, Read("a limit such as 3 per 7d", Limit.parse)] = Limit(3, timedelta(days=7))
    clear: Annotated[Clear, Read("windows such as 3 of 3 by 5%", Clear.parse)] = Clear(3, 3, 5.0)
    back_off: Annotated[BackOff, Read("a longer rest such as 2 up to 7d", BackOff.parse)] = BackOff(
        2.0, timedelta(days=7)
    )
    every: PositiveDuration | None = None
    new_data: Annotated[NewData, BeforeValidator(prefix_alone)] | None = None
    cost: Cost | None = None
    dry_run: bool = False
    target: Target
    training: Training = Training()
    accept: _Acceptance = Field(default_factory=lambda: expressions.parse("rmse < champion"))
    registry: AwsName
    champion: Text | None = None
    judge: Annotated[Judge, one_of(Judge)] = Judge.FRESH
    approval: Annotated[Approval, one_of(Approval)] = Approval.MANUAL
    rollout: Rollout = Rollout()
    margin: Annotated[float, Field(ge=0)] = 0.0
    slices: Slices = ()
    ssm: Parameters | None = None
    events: Annotated[str, Read("the URL of a queue", addresses.web)] | None = None
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not self.when and self.every is None and self.new_data is None:
            raise ValueError(
                "says nowhere when to retrain; give conditions (when), a schedule (every: 30d) or new_data"
            )
        return self

    @model_validator(mode="after")
    def _on_what_is_there(self) -> Self:
        if self.judge is Judge.EVALUATION and self.slices:
            raise ValueError("has slices, which are of records that Kedge scores, and judge: evaluation")
        named = [each for each in comparisons(self.accept) if each.feature is not None]
        if self.judge is Judge.EVALUATION and named:
            raise ValueError(
                f"has accept: {named[0]}, which asks for a data set that Kedge scores, and "
                "judge: evaluation; write the metric without brackets"
            )
        if self.training.test is None and (
            wanted := [each for each in named if each.feature == metrics.TEST]
        ):
            raise ValueError(
                f"has accept: {wanted[0]}, which asks for the test set, and training.test names none; add it"
            )
        return self
