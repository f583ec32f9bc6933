"""What `kedge retrain simulate` answers a program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrain.simulation import Said, Simulation


@dataclass(frozen=True, slots=True)
class SaidAnswer:
    """What the policy says at one moment; `recorded` is what it really said then, null where nobody asked."""

    at: datetime
    reason: str
    retrains: bool
    words: str
    variant: str
    recorded: str | None

    @classmethod
    def of(cls, said: Said) -> SaidAnswer:
        """From a replay's decision."""
        reason = said.verdict.reason.value
        return cls(said.at, reason, said.asks, said.verdict.told, said.variant, said.recorded)


@dataclass(frozen=True, slots=True)
class SimulationAnswer:
    """A whole replay: every decision, oldest first, the noes by reason, and what was taken for granted.

    `unmeasured` tells of each feature that the policy names and the baseline has not.
    """

    runs: int
    decisions: tuple[SaidAnswer, ...]
    noes: dict[str, int]
    assumed: tuple[str, ...]
    unmeasured: tuple[str, ...]


def as_answer(found: Simulation, unmeasured: tuple[str, ...]) -> SimulationAnswer:
    """The answer to a replay."""
    return SimulationAnswer(
        len(found.yeses),
        tuple(map(SaidAnswer.of, found.decisions)),
        {reason.value: times for reason, times in found.noes.items()},
        found.assumed.words,
        unmeasured,
    )
