"""A decision in sentences, with the numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

from config import durations
from config.conditions import Comparison, Op, Reference, number
from config.expressions import Reading, Seen, Truth
from config.policy import Cost
from config.retraining import Retrain
from retrain.policy.cost import Weighing
from retrain.policy.facts import DecidedOn, Facts
from retrain.policy.hysteresis import wanted_windows
from retrain.policy.weighing import Weighed
from store.records import Incident, IncidentKind
from store.retraining import Arrived

_RELATIONS = {Op.BELOW: "below", Op.AT_MOST: "at most", Op.ABOVE: "above", Op.AT_LEAST: "at least"}


def moment(at: datetime) -> str:
    """``2026-03-02 12:00 UTC``."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def sentence(text: str) -> str:
    """With a full stop, whether it had one or not."""
    return text if text.endswith(".") else f"{text}."


def fault(incident: Incident) -> str:
    """An open data fault."""
    since = moment(incident.first_window)
    what = "training and serving differ" if incident.kind is IncidentKind.SKEW else "the data is at fault"
    return f"No retraining while {what}, since {since}. {sentence(incident.summary)}"


def cooling(retrain: Retrain, facts: Facts, ended: datetime, rest: timedelta) -> str:
    """The rest after the last run, which ended then."""
    until, lasts = moment(ended + rest), durations.spell(rest)
    if rest <= retrain.cooldown:
        return f"The last run ended at {moment(ended)}; its cooldown of {lasts} lasts until {until}."
    grown = f"{durations.spell(retrain.cooldown)}, {retrain.back_off.factor:g} times as long after each"
    return (
        f"The last run ended at {moment(ended)}, and {facts.in_vain} in a row did not help: "
        f"the cooldown has grown to {lasts} ({grown}) and lasts until {until}."
    )


def limited(retrain: Retrain, recent: int) -> str:
    """As many runs as are allowed."""
    period = durations.spell(retrain.limit.period)
    return f"There were {recent} runs in the last {period}, and the limit is {retrain.limit}."


def held(retrain: Retrain, before: DecidedOn, back: Weighed, rest: timedelta) -> str:
    """A breach that went and came `back` without having cleared."""
    clear = retrain.clear
    past = f" {clear.percent:g}% on the good side" if clear.percent else ""
    still = f"It is still the breach decided on at {moment(before.at)}, which went and came back"
    over = f"it is over after {clear.quiet} of {clear.windows} windows{past}"
    wanted = f"for {durations.spell(rest)} and {_counted(wanted_windows(clear))}"
    lasted = f"for {durations.spell(back.lasted)} and {_counted(back.lasted_windows)}"
    since = f"so far {lasted}, from {moment(back.change_at)}"
    return f"{still}: {over}, or counts again once it has lasted {wanted}: {since}."


def came(arrived: Arrived) -> str:
    """New training data: ``3 new objects of 1200 bytes came to s3://bucket/prefix since …``."""
    count = f"{arrived.objects} new object{'' if arrived.objects == 1 else 's'} of {arrived.size} bytes"
    return f"{count} came to {arrived.uri} since {moment(arrived.first_at)}."


def due(every: timedelta, since: datetime) -> str:
    """The schedule's turn."""
    return f"The schedule asks for a run every {durations.spell(every)}, and counts from {moment(since)}."


def weighed_cost(cost: Cost, found: Weighing) -> str:
    """The cost gate's numbers, in the owner's money."""
    if found.value is None or found.baseline is None:
        return f"What it costs can't be weighed: no window has measured {cost.metric} and knows its baseline."
    if found.loss is None or found.records_a_day is None:
        return "What it costs can't be weighed: it is not known how many records there are."
    relation = "more" if found.is_worth(cost) else "not more"
    excess = f"{cost.metric} {found.value:.3g} against its baseline {found.baseline:.3g}"
    traffic = f"{found.records_a_day:.0f} records a day for {durations.spell(cost.horizon)}"
    return (
        f"{excess}, at {_money(cost, cost.error)} a unit and record, on {traffic} comes to "
        f"{_money(cost, found.loss)}: {relation} than the {_money(cost, cost.training)} of a training."
    )


def _money(cost: Cost, amount: float) -> str:
    # a price as the owner wrote it, and no more than six digits of what is reckoned
    return f"{amount:.6g}" + (f" {cost.currency}" if cost.currency else "")


def told(weighed: Weighed) -> str:
    """``rmse 3.41 (3.2 to 3.6) is above 1.15 × baseline 2.04 = 2.35: so in 3 of 4 windows``."""
    newest, left_out = weighed.newest, _left_out(weighed.left_out)
    if newest is None:
        return f"No window was judged{left_out}"
    numbers = ", ".join(map(_compared, newest.outcome.seen))
    if not weighed.known:
        return f"{numbers} in {_counted(len(weighed.looks))}{left_out}"
    return f"{numbers}: so in {len(weighed.hits)} of {_counted(len(weighed.counted))}{left_out}"


def _left_out(windows: int) -> str:
    return f", beside {_counted(windows)} of a data fault" if windows else ""


def _counted(windows: int) -> str:
    return f"{windows} window{'' if windows == 1 else 's'}"


def _compared(seen: Seen) -> str:
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
