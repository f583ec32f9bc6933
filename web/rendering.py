"""Templates, and how numbers and times are written in them. Every value is escaped."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from config import durations
from store.records import ExecutionStatus, FleetState, IncidentKind, Outcome
from store.retraining import DecisionReason, Helped, RunState
from web.assets import version
from web.texts import visible

OUTCOME_WORDS = {
    Outcome.OK: "within bounds",
    Outcome.VIOLATED: "violated",
    Outcome.INSUFFICIENT_DATA: "too little data",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.ERROR: "could not run",
}
STATUS_WORDS = {
    ExecutionStatus.COMPLETED: "no violations",
    ExecutionStatus.COMPLETED_WITH_VIOLATIONS: "violations",
    ExecutionStatus.FAILED: "failed",
}
INCIDENT_WORDS = {
    IncidentKind.DATA_FAULT: "data fault",
    IncidentKind.SKEW: "train/serve skew",
    IncidentKind.DRIFT: "drift",
    IncidentKind.QUALITY: "quality loss",
}
HELPED_WORDS = {
    Helped.HELPED: "it helped",
    Helped.NOT: "it did not help",
    Helped.UNKNOWN: "not known whether it helped",
}
_TONES = {
    "good": {FleetState.QUIET, Outcome.OK, ExecutionStatus.COMPLETED, RunState.ADOPTED},
    "warn": {
        FleetState.DRIFTING,
        Outcome.VIOLATED,
        ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
        IncidentKind.DRIFT,
        RunState.LOST,
        RunState.ROLLED_BACK,
        DecisionReason.BREACH,
        DecisionReason.WOULD_RETRAIN,
    },
    "bad": {
        FleetState.DATA_FAULT,
        FleetState.SKEW,
        FleetState.QUALITY,
        IncidentKind.DATA_FAULT,
        IncidentKind.SKEW,
        IncidentKind.QUALITY,
        FleetState.PROBLEM,
        Outcome.ERROR,
        ExecutionStatus.FAILED,
        RunState.FAILED,
        RunState.TIMED_OUT,
    },
}


def tone(value: object) -> str:
    """The colour and icon of a state, an outcome or a kind; always beside its word."""
    return next((name for name, values in _TONES.items() if value in values), "idle")


def number(value: float | None) -> str:
    """Four significant digits; whole numbers with thin spaces between thousands; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    if value == int(value) if math.isfinite(value) else False:
        return count(int(value)) if abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:.4g}"


def count(value: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def percent(value: float | None) -> str:
    """A share as a percentage; never rounded up to 100 % or down to 0 %."""
    if value is None or math.isnan(value):
        return "–"
    shown = f"{value * 100:.1f}"
    if shown == "100.0" and value < 1:
        return "> 99.9\u202f%"
    if shown == "0.0" and value > 0:
        return "< 0.1\u202f%"
    return f"{shown.removesuffix('.0')}\u202f%"


def moment(value: datetime | None) -> str:
    """A time in UTC, to the minute, or to the second where it has any."""
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    return f"{utc:%Y-%m-%d %H:%M:%S}" if utc.second else f"{utc:%Y-%m-%d %H:%M}"


def span(start: datetime, end: datetime) -> str:
    """A period: the date once where both ends are on it."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    return f"{moment(first)} – " + (f"{last:%H:%M}" if first.date() == last.date() else moment(last))


def ago(value: timedelta) -> str:
    """How long ago, in the largest unit that says enough."""
    seconds = int(value.total_seconds())
    if seconds < 0:
        return "just now"
    for size, name in ((86400 * 2, "days"), (3600 * 2, "h"), (60, "min")):
        if seconds >= size:
            unit = {"days": 86400, "h": 3600, "min": 60}[name]
            return f"{seconds // unit} {name} ago"
    return "just now"


def path(*parts: object) -> str:
    """A path of this site, its parts quoted."""
    return "/" + "/".join(quote(str(part), safe="") for part in parts)


def query(given: dict[str, str], **changes: object) -> str:
    """A query string: what was given, with changes; None takes a parameter out."""
    merged = given | {key: "" if value is None else str(value) for key, value in changes.items()}
    return "?" + urlencode({key: value for key, value in merged.items() if value})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_function"] = _json
    environment.filters.update(
        number=number, count=count, percent=percent, moment=moment, ago=ago, tone=tone, visible=visible
    )
    environment.globals.update(
        span=span,
        spell=durations.spell,
        path=path,
        query=query,
        assets=version(),
        outcome_words=OUTCOME_WORDS,
        status_words=STATUS_WORDS,
        incident_words=INCIDENT_WORDS,
        helped_words=HELPED_WORDS,
    )
    return environment


def _json(value: object, **_options: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def render(template: str, **values: object) -> str:
    """A page's text."""
    return _environment().get_template(template).render(**values)
