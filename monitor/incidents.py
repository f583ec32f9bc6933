"""When a breach becomes an incident, and when it is over: pure decisions, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from baselines.checks.names import DATA_FAULTS, Check
from config.plurals import counted
from monitor import skew
from store.records import CheckRow, Incident, IncidentKind, Outcome

QUIET_WINDOWS = 2
"""So many judged windows in a row without the breach close an incident."""
REJECTED_SHARE = 0.05
"""A window that loses more of its records than this is a data fault."""


_WHOLLY_BAD = frozenset({Check.EXTRA_COLUMNS, Check.MISSING_COLUMNS, Check.UNIT})


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
    """The breaches of one window, of each kind at most one.

    Drift of most columns may be skew too: which of the two it is, the windows before it tell.
    """
    checks = tuple(checks)
    violated = [check for check in checks if check.outcome is Outcome.VIOLATED]
    faults = [check for check in violated if check.check in DATA_FAULTS]
    drifted = [check for check in violated if check.check == Check.DRIFT]
    found = []
    lost = rejected / (records + rejected) if rejected else 0.0
    if faults or lost > REJECTED_SHARE:
        found.append(_data_fault(faults, lost, rejected))
    if drifted:
        found.append(_drift(drifted))
    if far := skew.far_columns(checks):
        features = _features(far)
        summary = skew.summary(far, _named(features))
        found.append(Breach(IncidentKind.SKEW, max(map(_distance, far)), features, summary))
    return tuple(found)


def _data_fault(faults: Sequence[CheckRow], lost: float, rejected: int) -> Breach:
    features = _features(faults)
    said = []
    if faults:
        kinds = ", ".join(sorted({fault.check for fault in faults}))
        said.append(f"{kinds} on {_named(features)}")
    if lost > REJECTED_SHARE:
        said.append(f"{counted(rejected, 'record')} ({lost:.1%}) could not be read")
    severity = max([lost, *map(_share_of_bad, faults)])
    return Breach(IncidentKind.DATA_FAULT, severity, features, f"Data fault: {'; '.join(said)}.")


def _share_of_bad(fault: CheckRow) -> float:
    """A wrong number of columns or a wrong unit spoils every record; the others measure the good share."""
    return 1.0 if fault.check in _WHOLLY_BAD or fault.value is None else 1.0 - fault.value


def _drift(drifted: Sequence[CheckRow]) -> Breach:
    worst = max(drifted, key=_distance)
    features = _features(drifted)
    summary = f"Drift on {_named(features)}; the worst is {worst.feature} at {_measured(worst)}."
    return Breach(IncidentKind.DRIFT, _distance(worst), features, summary)


def _distance(drifted: CheckRow) -> float:
    """How far off; a p-value violates from below, and the smaller it is, the further off."""
    value = drifted.value or 0.0
    return 1.0 - value if _is_p_value(drifted) else value


def _is_p_value(drifted: CheckRow) -> bool:
    return drifted.value is not None and drifted.threshold is not None and drifted.value < drifted.threshold


def _measured(drifted: CheckRow) -> str:
    if _is_p_value(drifted):
        return f"a p-value of {drifted.value:.3g}, under the threshold {drifted.threshold}"
    return f"a distance of {drifted.value:.3f}, over the threshold {drifted.threshold}"


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
        known = open_incident is not None and window >= open_incident.first_window
        if not known and quiet_after >= QUIET_WINDOWS:
            return Decision.LEAVE, "judged late: the windows after it show the breach is over"
        return Decision.OPEN if open_incident is None else Decision.WORSEN, breach.summary
    if open_incident is None or window < open_incident.first_window:
        return Decision.LEAVE, "no breach"
    if window == open_incident.first_window == open_incident.last_window:
        return Decision.CLOSE, "Judged again with records that came late: no breach."
    if window > open_incident.last_window and quiet_before + 1 + quiet_after >= QUIET_WINDOWS:
        return Decision.CLOSE, f"{QUIET_WINDOWS} windows in a row without the breach."
    return Decision.LEAVE, f"fewer than {QUIET_WINDOWS} windows in a row without the breach"
