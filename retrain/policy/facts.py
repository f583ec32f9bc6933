"""What bears on a decision beside the windows, and what the decision comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from store.records import Incident
from store.retraining import Arrived, DecisionReason, SeenCondition


@dataclass(frozen=True, slots=True)
class DecidedOn:
    """A breach that was decided on: by which condition, when, and the newest window in which it held then."""

    condition: str
    at: datetime
    window: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What else bears on the decision.

    `data_fault` is an open one of the endpoint, `run_in_flight` the name of a run that has not ended,
    `last_run_ended_at` when the last attempt ended, however it did, `recent_runs` when runs were requested.
    `in_vain` counts the attempts in a row, the last one included, that did not help, and that found this
    era's model or led to it; `decided` are the breaches of this era and variant that were decided on, the
    newest of each condition. A schedule counts from `since`, when the era began or the last run ended.
    `arrived` is the training data that came and was not acted on yet.
    """

    data_fault: Incident | None = None
    run_in_flight: str | None = None
    last_run_ended_at: datetime | None = None
    recent_runs: Sequence[datetime] = ()
    in_vain: int = 0
    decided: Sequence[DecidedOn] = ()
    since: datetime | None = None
    arrived: Arrived | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes (`reason.is_yes`), a yes that a dry run keeps back, or no, and why.

    `trigger` is what a run would be for (one of the three that are a yes), None where nothing asks for one.
    `seen` holds (comparison, value, threshold) of the newest window in which each condition was known;
    `conditions` all windows that counted. `cost` tells what it would cost, in money, and is kept apart from
    `words` for that. `breached` are the starts of the breached windows that count, newest first; the world
    changed at `change_at`, the start of the first window of the stretch that they belong to. Both stand also
    where something else forbids to retrain, and are empty where no condition holds for long enough.
    """

    reason: DecisionReason
    words: str
    seen: tuple[tuple[str, float | None, float | None], ...]
    breached: tuple[datetime, ...]
    change_at: datetime | None
    trigger: DecisionReason | None = None
    conditions: tuple[SeenCondition, ...] = ()
    cost: str | None = None

    @property
    def told(self) -> str:
        """All of it, money included: for the database and its readers, not for a log."""
        return self.words if self.cost is None else f"{self.words} {self.cost}"
