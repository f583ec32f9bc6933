"""Why a run was asked for and what became of it, in words: one telling for page, API and terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.retraining import SeenCondition, SeenValue, SeenWindow, Trial
from web.run_story import Story

_TERMS = (
    ("when", "when"),
    ("for", "in so many windows"),
    ("clear", "a breach is over after"),
    ("cooldown", "rest after a run"),
    ("back_off", "after runs in vain, times"),
    ("limit", "most runs"),
    ("every", "at least every"),
    ("new_data", "new data"),
    ("cost", "cost"),
    ("judge", "what a challenger is judged by"),
    ("champion", "the parameter that names the champion"),
    ("accept", "a challenger is accepted where"),
    ("margin", "by a margin of"),
    ("slices", "and not worse on any part"),
    ("approval", "approval"),
    ("rollout", "rollout"),
    ("watch", "first windows after it"),
)
"""The keys of a policy in the order in which they are told, and how."""
_HELD = {"true": "it held", "false": "it did not hold", "unknown": "it was not certain"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A heading, and whole sentences or lines below it."""

    heading: str
    sentences: tuple[str, ...]


def explain(story: Story) -> tuple[Paragraph, ...]:
    """Everything that bears on why the run exists, in the order in which one would ask for it."""
    found = (
        Paragraph("Why it was opened", tuple(_reason(story))),
        Paragraph("What the policy saw", tuple(_seen(story))),
        Paragraph("The policy then", tuple(_policy(story))),
        Paragraph("The incident", tuple(_incident(story))),
        Paragraph("What became of it", tuple(_turns(story))),
    )
    return tuple(each for each in found if each.sentences)


def _reason(story: Story) -> Iterator[str]:
    if story.decision is None:
        yield "By hand, not by the policy."
    else:
        yield story.decision.words
        yield f"Decided at {_moment(story.decision.at)}."


def _seen(story: Story) -> Iterator[str]:
    for condition in story.decision.conditions if story.decision else ():
        yield _condition(condition)
        yield from map(_window, condition.windows)


def _condition(found: SeenCondition) -> str:
    hits = sum(window.truth == "true" for window in found.windows)
    verdict = "breached" if found.is_breached else "not breached"
    held = f"it held in {hits} of the last {len(found.windows)}"
    return f"{found.condition}: {verdict}, {held} ({found.wanted} is asked for)."


def _window(found: SeenWindow) -> str:
    numbers = "; ".join(map(_value, found.values))
    return f"Window of {_moment(found.start)}: {_HELD.get(found.truth, found.truth)} ({numbers})."


def _value(found: SeenValue) -> str:
    if found.value is None:
        return f"{found.comparison}: not measured"
    interval = "" if found.low is None or found.high is None else f" ({found.low:.3g} to {found.high:.3g})"
    against = "nothing" if found.threshold is None else f"{found.threshold:.3g}"
    return f"{found.comparison}: {found.value:.3g}{interval} against {against}"


def _policy(story: Story) -> Iterator[str]:
    if story.decision is None:
        return
    if story.policy is None:
        yield f"It was not kept; its configuration was {story.decision.config_digest[:12]}."
        return
    said: dict[str, Any] = json.loads(story.policy)
    for key, words in _TERMS:
        value = said.get(key)
        if value not in (None, [], {}):
            yield f"{key} ({words}): {_written(value)}" if key != words else f"{key}: {_written(value)}"


def _written(value: object) -> str:
    if isinstance(value, list):
        return " | ".join(map(_written, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items() if each is not None)
    return str(value)


def _incident(story: Story) -> Iterator[str]:
    incident = story.incident
    if incident is None:
        return
    kind = incident.kind.value.replace("_", " ")
    since = f"since the window of {_moment(incident.first_window)}, in {incident.breached_windows} windows"
    features = f", on {', '.join(incident.features)}" if incident.features else ""
    summary = incident.summary.rstrip(".")
    yield f"{summary} ({kind}, {since}{features})."
    if incident.closed_at is not None:
        yield f"It was closed at {_moment(incident.closed_at)}."


def _turns(story: Story) -> Iterator[str]:
    for event in story.events:
        # why it was asked for is told above
        told = "Asked for." if event is story.events[0] and story.decision else event.told
        yield f"{_moment(event.at)}, {event.state.value.replace('_', ' ')}: {told}"
    yield from map(_trial, story.trials)
    if story.run.approval and not story.run.state.is_end:
        yield f"It was told to {story.run.approval}; the service acts on that in its next round."


def _trial(found: Trial) -> str:
    both = f"champion {found.champion:.4g}, challenger {found.challenger:.4g}"
    gap = f"difference {found.difference:.4g}"
    if not found.count:
        return f"Judged on {found.dataset} by {found.metric}: {both}, {gap} as each was stated."
    gap = f"{gap} ({found.low:.4g} to {found.high:.4g})"
    return f"Judged on {found.dataset} by {found.metric}: {both}, {gap} on {found.count} records."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
