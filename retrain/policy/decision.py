"""Whether to retrain: a pure decision over what the windows measured, with its reason in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.expressions import Seen
from config.retraining import Retrain
from retrain.policy import words
from retrain.policy.cost import weigh_cost
from retrain.policy.facts import Facts, Verdict
from retrain.policy.hysteresis import held_by
from retrain.policy.rest import rest
from retrain.policy.weighing import Looks, Weighed, weigh
from retrain.readings import WindowReadings
from store.retraining import DecisionReason


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the conditions, new data and the schedule came to: a reason to retrain, or why there is none."""

    reason: DecisionReason
    words: str
    cost: str | None = None


def decide(
    retrain: Retrain,
    windows: Sequence[WindowReadings],
    facts: Facts,
    now: datetime,
    looks: Looks | None = None,
) -> Verdict:
    """Weigh what asks for a run over `windows` (newest first), then what forbids it.

    An open data fault forbids before all else. A condition is breached where it is true in N of the last M
    windows that have a say (``for: N of M``); a window without labels, without the metric, or of a data fault
    has none, and a window in which the interval includes the threshold is no hit. A breach asks for a run
    unless it is one that was decided on, ceased and came back without having cleared, or costs less than a
    training; else new training data does; else the schedule. Then one run at a time, the cooldown from the
    end of the last attempt, longer after each in vain, and the limit per period. A dry run keeps back what is
    left.

    Who asks again and again, about much the same windows, gives the same `looks`.
    """
    looks = looks or Looks()
    weighed = [weigh(condition, windows, retrain.persistence, looks) for condition in retrain.when]
    breached = [each for each in weighed if each.is_breached]
    asked = _asked(retrain, weighed, breached, windows, facts, now)
    reason, told = _answer(retrain, asked, facts, now)
    return Verdict(
        reason,
        " ".join((told, *(words.sentence(words.told(each)) for each in breached or weighed))),
        tuple(_noted(seen) for each in weighed if each.newest for seen in each.newest.outcome.seen),
        tuple(sorted({hit.start for each in breached for hit in each.hits}, reverse=True)),
        min((each.change_at for each in breached), default=None),
        asked.reason if asked.reason.is_yes else None,
        tuple(each.seen for each in weighed),
        None if reason is DecisionReason.DATA_FAULT else asked.cost,
    )


def _asked(
    retrain: Retrain,
    weighed: Sequence[Weighed],
    breached: Sequence[Weighed],
    windows: Sequence[WindowReadings],
    facts: Facts,
    now: datetime,
) -> _Asked:
    breach = _breach(retrain, breached, windows, facts) if breached else _quiet(retrain, weighed)
    if breach.reason.is_yes:
        return breach
    arrived, wanted = facts.arrived, retrain.new_data
    whole = arrived if arrived and arrived.whole else None
    if wanted and whole and whole.objects >= wanted.objects and whole.size >= wanted.bytes:
        return _Asked(DecisionReason.NEW_DATA, words.came(whole))
    if retrain.every and facts.since and now >= facts.since + retrain.every:
        return _Asked(DecisionReason.SCHEDULE, words.due(retrain.every, facts.since))
    return breach


def _breach(
    retrain: Retrain,
    breached: Sequence[Weighed],
    windows: Sequence[WindowReadings],
    facts: Facts,
) -> _Asked:
    lasts = _rest(retrain, facts)
    held = [held_by(each, facts.decided, retrain.clear, lasts) for each in breached]
    if all(held):
        longest = max(breached, key=lambda each: each.lasted)
        before = next(each for each in held if each)
        return _Asked(DecisionReason.NOT_CLEARED, words.held(retrain, before, longest, lasts))
    if retrain.cost is None:
        return _Asked(DecisionReason.BREACH, "")
    found = weigh_cost(retrain.cost, windows, retrain.persistence.windows)
    told = words.weighed_cost(retrain.cost, found)
    if found.is_worth(retrain.cost):
        return _Asked(DecisionReason.BREACH, "", told)
    return _Asked(DecisionReason.COST, "Not worth a training.", told)


def _quiet(retrain: Retrain, weighed: Sequence[Weighed]) -> _Asked:
    if any(each.hits for each in weighed):
        told = f"Not for long enough: {retrain.persistence} windows are asked for."
        return _Asked(DecisionReason.NOT_LASTING, told)
    if not weighed or any(each.known for each in weighed):
        return _Asked(DecisionReason.NO_BREACH, "Nothing to retrain for.")
    return _Asked(DecisionReason.UNKNOWN, "Nothing is known yet.")


def _answer(retrain: Retrain, asked: _Asked, facts: Facts, now: datetime) -> tuple[DecisionReason, str]:
    if facts.data_fault is not None:
        return DecisionReason.DATA_FAULT, words.fault(facts.data_fault)
    if not asked.reason.is_yes:
        return asked.reason, asked.words
    forbidden = _forbidden(retrain, facts, now)
    if forbidden is not None:
        return forbidden
    if retrain.dry_run:
        return DecisionReason.WOULD_RETRAIN, f"A dry run: it would retrain now. {asked.words}".strip()
    return asked.reason, f"Retrain. {asked.words}".strip()


def _forbidden(retrain: Retrain, facts: Facts, now: datetime) -> tuple[DecisionReason, str] | None:
    if facts.run_in_flight is not None:
        return DecisionReason.IN_FLIGHT, f"No second run: {facts.run_in_flight} is under way."
    ended, lasts = facts.last_run_ended_at, _rest(retrain, facts)
    if ended is not None and now < ended + lasts:
        return DecisionReason.COOLDOWN, words.cooling(retrain, facts, ended, lasts)
    recent = _within(facts.recent_runs, now, retrain.limit.period)
    if recent >= retrain.limit.runs:
        return DecisionReason.LIMIT, words.limited(retrain, recent)
    return None


def _rest(retrain: Retrain, facts: Facts) -> timedelta:
    return rest(retrain.cooldown, retrain.back_off, facts.in_vain)


def _within(requested: Iterable[datetime], now: datetime, period: timedelta) -> int:
    return sum(at > now - period for at in requested)


def _noted(seen: Seen) -> tuple[str, float | None, float | None]:
    return str(seen.comparison), seen.reading.value if seen.reading else None, seen.threshold
