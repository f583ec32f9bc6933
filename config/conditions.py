"""A condition as a value: comparisons joined by and/or. `str` gives the text that reads back as the same."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

_BARE_FEATURE = re.compile(r"[\w.-]+")


class Op(StrEnum):
    """How a metric is compared."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="

    def holds(self, left: float, right: float) -> bool:
        """Whether ``left op right``."""
        match self:
            case Op.BELOW:
                return left < right
            case Op.AT_MOST:
                return left <= right
            case Op.ABOVE:
                return left > right
            case Op.AT_LEAST:
                return left >= right

    @property
    def upward(self) -> bool:
        """Whether large values make it true."""
        return self in (Op.ABOVE, Op.AT_LEAST)


class Reference(StrEnum):
    """What a metric may be held against, other than a number: its own value elsewhere."""

    BASELINE = "baseline"
    CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``metric(feature) op factor * against``."""

    metric: str
    feature: str | None
    op: Op
    factor: float | None
    against: Reference | float

    def __str__(self) -> str:
        return f"{self.subject} {self.op.value} {self._threshold()}"

    @property
    def subject(self) -> str:
        """The left side: ``drift(length)``; a feature that is no plain word stands in quotes."""
        if self.feature is None:
            return self.metric
        plain = _BARE_FEATURE.fullmatch(self.feature)
        return f"{self.metric}({self.feature if plain else json.dumps(self.feature, ensure_ascii=False)})"

    def _threshold(self) -> str:
        against = self.against.value if isinstance(self.against, Reference) else number(self.against)
        return against if self.factor is None else f"{number(self.factor)} * {against}"


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; two parts or more."""

    parts: tuple[Condition, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ValueError("a joined condition has two parts or more")

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; two parts or more."""

    parts: tuple[Condition, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ValueError("a joined condition has two parts or more")

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


Condition: TypeAlias = Comparison | And | Or


def comparisons(condition: Condition) -> tuple[Comparison, ...]:
    """Every comparison in a condition, in the order in which it is written."""
    if isinstance(condition, Comparison):
        return (condition,)
    return tuple(found for part in condition.parts for found in comparisons(part))


def number(value: float) -> str:
    """A number that reads back as itself, whole ones without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
