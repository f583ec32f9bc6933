"""How a new model takes over an endpoint, as kedge.yaml says it, within what SageMaker does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_serializer, model_validator

from config import durations
from config.fields import Duration, Part, Read

SETTLING = timedelta(minutes=10)
"""So long after an accepted update DescribeEndpoint may tell of the config before it."""

_GRADUAL = re.compile(r"(canary (\d{1,3})% for|linear (\d{1,3})% every) (\S+)", re.ASCII)
_FORMS = "write canary 10% for 30m, linear 10% every 5m, all-at-once or none"
_CANARY = range(1, 51)  # SageMaker: a canary takes at most half of the capacity
_LINEAR = range(10, 51)  # and a step a tenth to a half
_LONGEST_WAIT = timedelta(seconds=3600)  # and each wait is an hour at most
_SHORTEST, _LONGEST = timedelta(seconds=600), timedelta(seconds=28_800)
"""SageMaker: a deployment's time-out, start of the new instances included."""
_STARTING = timedelta(hours=1)
"""What the new instances are given to start in, beside all waits."""
_ALARMS = 10  # SageMaker: at most


class RolloutKind(StrEnum):
    """How traffic goes over to a new model."""

    CANARY = "canary"
    LINEAR = "linear"
    ALL_AT_ONCE = "all-at-once"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Traffic:
    """``canary 10% for 30m``, ``linear 10% every 5m``, ``all-at-once`` or ``none`` (registered only).

    `percent` of the capacity goes first (canary) or in each step (linear); `wait` is how long SageMaker then
    looks at its alarms.
    """

    kind: RolloutKind
    percent: int | None = None
    wait: timedelta | None = None

    def __str__(self) -> str:
        if self.percent is None or self.wait is None:
            return self.kind.value
        word = "for" if self.kind is RolloutKind.CANARY else "every"
        return f"{self.kind} {self.percent}% {word} {durations.spell(self.wait)}"

    @property
    def waits(self) -> timedelta:
        """All waits together: one of a canary, one after each step of a linear rollout."""
        if self.percent is None or self.wait is None:
            return timedelta(0)
        return self.wait * (-(-100 // self.percent) if self.kind is RolloutKind.LINEAR else 1)

    @classmethod
    def parse(cls, text: str) -> Traffic:
        """Read one of the four forms.

        Raises:
            ValueError: where it has another form, or SageMaker would refuse it.
        """
        if text in (RolloutKind.ALL_AT_ONCE, RolloutKind.NONE):
            return cls(RolloutKind(text))
        found = _GRADUAL.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no rollout; {_FORMS}")
        kind = RolloutKind(found[1].partition(" ")[0])
        traffic = cls(kind, int(found[2] or found[3]), durations.parse(found[4]))
        taken = _CANARY if kind is RolloutKind.CANARY else _LINEAR
        if int(found[2] or found[3]) not in taken or durations.parse(found[4]) > _LONGEST_WAIT:
            raise ValueError(
                f"{text!r} is not what SageMaker does; a {kind} takes {taken[0]}% to {taken[-1]}% and waits "
                "at most 1h"
            )
        return traffic


def _short_enough(wait: timedelta) -> timedelta:
    if wait > _LONGEST_WAIT:
        raise ValueError(f"must be at most {durations.spell(_LONGEST_WAIT)}; write a shorter one")
    return wait


class Rollout(Part):
    """How a new model takes over: as text its `traffic` alone, or a mapping with the other keys.

    SageMaker takes the rollout back by itself when one of the CloudWatch `alarms` goes off while it lasts,
    and keeps the earlier instances for `termination_wait` once all traffic has moved.
    """

    traffic: Annotated[Traffic, Read(_FORMS, Traffic.parse)] = Traffic(RolloutKind.NONE)
    alarms: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(max_length=_ALARMS)
    ] = ()
    termination_wait: Annotated[Duration, AfterValidator(_short_enough)] = timedelta(0)

    @property
    def kind(self) -> RolloutKind:
        """How traffic goes over."""
        return self.traffic.kind

    @property
    def time_limit(self) -> timedelta:
        """When SageMaker gives the deployment up: all waits, and an hour for the new instances to start."""
        waits = self.traffic.waits + self.termination_wait
        return min(max(waits + _STARTING, _SHORTEST), _LONGEST)

    def __str__(self) -> str:
        return str(self.traffic)

    @classmethod
    def parse(cls, text: str) -> Rollout:
        """A rollout of this traffic alone; raises ValueError as `Traffic.parse` does."""
        return cls(traffic=Traffic.parse(text))

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: object) -> object:
        if isinstance(given, str):
            return {"traffic": Traffic.parse(given)}
        if not isinstance(given, dict | Rollout):
            raise ValueError(f"is no rollout; {_FORMS}")
        return given

    @model_validator(mode="after")
    def _possible(self) -> Rollout:
        if self.kind is RolloutKind.NONE and (self.alarms or self.termination_wait):
            raise ValueError("a rollout of none deploys nothing: leave alarms and termination_wait out")
        if len(set(self.alarms)) < len(self.alarms):
            raise ValueError("alarms names one twice: name each once")
        if self.traffic.waits + self.termination_wait > _LONGEST - _SHORTEST:
            raise ValueError(
                f"{self.traffic} waits for {durations.spell(self.traffic.waits + self.termination_wait)} in "
                "all, and SageMaker gives a deployment 8h, its start included: wait less, or step further"
            )
        return self

    @model_serializer(mode="plain")
    def _canonical(self) -> str | dict[str, object]:
        if not (self.alarms or self.termination_wait):
            return str(self.traffic)
        return {
            "traffic": str(self.traffic),
            "alarms": self.alarms,
            "termination_wait": durations.spell(self.termination_wait),
        }
