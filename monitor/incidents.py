"""When a breach becomes an incident, and when it is over: pure decisions, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.checks.names import DATA_FAULTS, Check
from store.records import CheckRow, Incident, IncidentKind, Outcome

QUIET_WINDOWS = 2
"""So many judged windows in a row without the breach close an incident."""
REJECTED_SHARE = 0.05
"""A window that loses more of its records than this is a data fault."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One kind of trouble in a window; `severity` is the worst distance, or the worst share of bad values."""

    kind: IncidentKind
    severity: float
    features: tuple[str, ...]
    summary: str


class Decision(StrEnum):
    """What is to be done about an incident after a window was judged."""

    OPEN = "open"
    WORSEN = "worsen"
    CLOSE = "close"
    LEAVE = "leave"


def breaches(checks: Iterable[CheckRow], records: int, rejected: int) -> tuple[Breach, ...]:
    """The breaches of one window, of each kind at most one."""
    violated = [check for check in checks if check.outcome is Outcome.VIOLATED]
    faults = [check for check in violated if check.check in DATA_FAULTS]
    drifted = [check for check in violated if check.check == Check.DRIFT]
    found = []
    lost = rejected / (records + rejected) if rejected else 0.0
    if faults or lost > REJECTED_SHARE:
        found.append(_data_fault(faults, lost, rejected))
    if drifted:
        found.append(_drift(drifted))
    return tuple(found)


def _data_fault(faults: Sequence[CheckRow], lost: float, rejected: int) -> Breach:
    features = _features(faults)
    said = []
    if faults:
        kinds = ", ".join(sorted({fault.check for fault in faults}))
        said.append(f"{kinds} on {_named(features)}")
    if lost > REJECTED_SHARE:
        said.append(f"{rejected} records ({lost:.1%}) could not be read")
    bad = [1 - fault.value for fault in faults if fault.value is not None and fault.value <= 1]
    return Breach(
        IncidentKind.DATA_FAULT, max([lost, *bad], default=1.0), features, f"Data fault: {'; '.join(said)}."
    )


def _drift(drifted: Sequence[CheckRow]) -> Breach:
    worst = max(drifted, key=lambda check: check.value or 0.0)
    features = _features(drifted)
    summary = (
        f"Drift on {_named(features)}; the worst is {worst.feature} at a distance of {worst.value:.3f}, "
        f"over the threshold {worst.threshold}."
    )
    return Breach(IncidentKind.DRIFT, worst.value or 0.0, features, summary)


def _features(checks: Iterable[CheckRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check.feature for check in checks))


def _named(features: Sequence[str]) -> str:
    shown = ", ".join(features[:5])
    return shown if len(features) <= 5 else f"{shown} and {len(features) - 5} more"


def decide(
    open_incident: Incident | None,
    breach: Breach | None,
    window: datetime,
    quiet_before: int,
    quiet_after: int,
) -> tuple[Decision, str]:
    """What a judged window means for the incident of one kind, and why.

    `quiet_before` and `quiet_after` are how many judged windows next to it, before and after, are without
    this breach: a window judged late opens nothing that later windows already show to be over.
    """
    if breach is not None:
        if open_incident is not None:
            return Decision.WORSEN, breach.summary
        if quiet_after >= QUIET_WINDOWS:
            return Decision.LEAVE, "judged late: the windows after it show the breach is over"
        return Decision.OPEN, breach.summary
    if open_incident is None or window < open_incident.first_window:
        return Decision.LEAVE, "no breach"
    if window == open_incident.first_window == open_incident.last_window:
        return Decision.CLOSE, "Judged again with records that came late: no breach."
    if window > open_incident.last_window and quiet_before + 1 >= QUIET_WINDOWS:
        return Decision.CLOSE, f"{QUIET_WINDOWS} windows in a row without the breach."
    return Decision.LEAVE, f"fewer than {QUIET_WINDOWS} windows in a row without the breach"
