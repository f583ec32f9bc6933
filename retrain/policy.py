"""Whether to retrain: a pure decision over what the windows measured, with its reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config import durations
from config.conditions import Comparison, Op, Reference, number
from config.expressions import Condition, Outcome, Reading, Seen, Truth, evaluate
from config.retraining import Persistence, Retrain
from retrain.readings import WindowReadings
from store.records import Incident
from store.retraining import DecisionReason

_RELATIONS = {Op.BELOW: "below", Op.AT_MOST: "at most", Op.ABOVE: "above", Op.AT_LEAST: "at least"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What else bears on the decision.

    `data_fault` is an open one of the endpoint, `run_in_flight` the name of a run that has not ended,
    `last_run_ended_at` when the last attempt ended, however it did, `recent_runs` when runs were requested.
    """

    data_fault: Incident | None = None
    run_in_flight: str | None = None
    last_run_ended_at: datetime | None = None
    recent_runs: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes (BREACH) or no, and why.

    `seen` holds (comparison, value, threshold) of the newest window in which each condition was known.
    `breached` are the starts of the breached windows that count, newest first; the world changed at
    `change_at`, the start of the first window of the stretch that they belong to. Both stand also where
    something else forbids to retrain, and are empty where no condition holds for long enough.
    """

    reason: DecisionReason
    words: str
    seen: tuple[tuple[str, float | None, float | None], ...]
    breached: tuple[datetime, ...]
    change_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Look:
    """One condition in one window."""

    start: datetime
    outcome: Outcome

    @property
    def is_hit(self) -> bool:
        return self.outcome.truth is Truth.TRUE

    @property
    def is_known(self) -> bool:
        """Whether the window has a say: a value that was measured and is only doubtful has, and is no hit."""
        unknown = self.outcome.truth is Truth.UNKNOWN
        return not (unknown and any(seen.threshold is None for seen in self.outcome.seen))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """One condition over the windows, newest first; `known` are those that have a say."""

    wanted: Persistence
    looks: tuple[_Look, ...]
    known: tuple[_Look, ...]

    @property
    def counted(self) -> tuple[_Look, ...]:
        return self.known[: self.wanted.windows]

    @property
    def hits(self) -> tuple[_Look, ...]:
        return tuple(look for look in self.counted if look.is_hit)

    @property
    def is_breached(self) -> bool:
        return len(self.hits) >= self.wanted.hits

    @property
    def newest(self) -> _Look | None:
        """The window to tell of: the newest breach, else the newest that is known, else the newest."""
        return next(iter((*self.hits, *self.counted, *self.looks)), None)

    @property
    def change_at(self) -> datetime:
        """Where the stretch of hits begins; as many misses in a row as "N of M" forgives don't end it."""
        forgiven, misses, first = self.wanted.windows - self.wanted.hits, 0, self.hits[0].start
        for look in self.known:
            misses = 0 if look.is_hit else misses + 1
            if misses > forgiven:
                break
            first = look.start if look.is_hit else first
        return first


def decide(retrain: Retrain, windows: Sequence[WindowReadings], facts: Facts, now: datetime) -> Verdict:
    """Weigh the conditions over `windows` (newest first), then what forbids to act on them.

    An open data fault forbids before all else. A condition is breached where it is true in N of the last M
    windows that have a say (``for: N of M``); a window without labels, or without the metric, has none, and a
    window in which the interval includes the threshold is no hit. Then one run at a time, the cooldown from
    the end of the last attempt, the limit per period.
    """
    weighed = [_weigh(condition, windows, retrain.persistence) for condition in retrain.when]
    breached = [each for each in weighed if each.is_breached]
    reason, told = _reason(retrain, weighed, breached, facts, now)
    return Verdict(
        reason,
        " ".join((told, *(_sentence(_told(each)) for each in breached or weighed))),
        tuple(_noted(seen) for each in weighed if each.newest for seen in each.newest.outcome.seen),
        tuple(sorted({hit.start for each in breached for hit in each.hits}, reverse=True)),
        min((each.change_at for each in breached), default=None),
    )


def _weigh(condition: Condition, windows: Iterable[WindowReadings], wanted: Persistence) -> _Weighed:
    looks = tuple(_Look(window.start, evaluate(condition, window.metrics)) for window in windows)
    return _Weighed(wanted, looks, tuple(look for look in looks if look.is_known))


def _reason(
    retrain: Retrain, weighed: Sequence[_Weighed], breached: Sequence[_Weighed], facts: Facts, now: datetime
) -> tuple[DecisionReason, str]:
    if facts.data_fault is not None:
        return DecisionReason.DATA_FAULT, _fault(facts.data_fault)
    if not breached:
        return _quiet(retrain, weighed)
    if facts.run_in_flight is not None:
        return DecisionReason.IN_FLIGHT, f"No second run: {facts.run_in_flight} is under way."
    return _rested(retrain, facts, now) or (DecisionReason.BREACH, "Retrain.")


def _fault(fault: Incident) -> str:
    since = _moment(fault.first_window)
    return f"No retraining while the data is at fault, since {since}. {_sentence(fault.summary)}"


def _quiet(retrain: Retrain, weighed: Sequence[_Weighed]) -> tuple[DecisionReason, str]:
    if any(each.hits for each in weighed):
        wanted = retrain.persistence
        return DecisionReason.NOT_LASTING, f"Not for long enough: {wanted} windows are asked for."
    if any(each.known for each in weighed):
        return DecisionReason.NO_BREACH, "Nothing to retrain for."
    return DecisionReason.UNKNOWN, "Nothing is known yet."


def _rested(retrain: Retrain, facts: Facts, now: datetime) -> tuple[DecisionReason, str] | None:
    ended, limit = facts.last_run_ended_at, retrain.limit
    if ended is not None and now < ended + retrain.cooldown:
        until, cooldown = _moment(ended + retrain.cooldown), durations.spell(retrain.cooldown)
        told = f"The last run ended at {_moment(ended)}; its cooldown of {cooldown} lasts until {until}."
        return DecisionReason.COOLDOWN, told
    recent = _within(facts.recent_runs, now, limit.period)
    if recent >= limit.runs:
        period = durations.spell(limit.period)
        told = f"There were {recent} runs in the last {period}, and the limit is {limit}."
        return DecisionReason.LIMIT, told
    return None


def _within(requested: Iterable[datetime], now: datetime, period: timedelta) -> int:
    return sum(at > now - period for at in requested)


def _noted(seen: Seen) -> tuple[str, float | None, float | None]:
    return str(seen.comparison), seen.reading.value if seen.reading else None, seen.threshold


def _told(weighed: _Weighed) -> str:
    """``rmse 3.41 (3.2 to 3.6) is above 1.15 × baseline 2.04 = 2.35 in 3 of 4 windows``."""
    newest = weighed.newest
    if newest is None:
        return "No window was judged"
    numbers = ", ".join(map(_weighed, newest.outcome.seen))
    if not weighed.known:
        return f"{numbers} in {_counted(len(weighed.looks))}"
    return f"{numbers}: so in {len(weighed.hits)} of {_counted(len(weighed.counted))}"


def _counted(windows: int) -> str:
    return f"{windows} window{'' if windows == 1 else 's'}"


def _weighed(seen: Seen) -> str:
    comparison, found, threshold = seen.comparison, seen.reading, seen.threshold
    if found is None:
        return f"{comparison.subject} was not measured"
    if threshold is None:
        return f"{comparison.subject} {found.value:.3g} has no {comparison.against} to be held against"
    relation = f"{'not ' if seen.truth is Truth.FALSE else ''}{_RELATIONS[comparison.op]}"
    doubt = " but not for certain" if seen.truth is Truth.UNKNOWN else ""
    return f"{comparison.subject} {_value(found)} is {relation} {_limit(comparison, found, threshold)}{doubt}"


def _value(found: Reading) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.3g}"
    return f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _limit(comparison: Comparison, found: Reading, threshold: float) -> str:
    factor = "" if comparison.factor is None else f"{number(comparison.factor)} × "
    if not isinstance(comparison.against, Reference):
        return f"{factor}{number(comparison.against)}" + (f" = {threshold:.3g}" if factor else "")
    level = found.baseline if comparison.against is Reference.BASELINE else found.champion
    written = f"{comparison.against} {level:.3g}"
    return f"{factor}{written} = {threshold:.3g}" if factor else written


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
