"""When a breach becomes an incident, and when it is over: pure decisions, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from baselines.checks.domain import UNCOUNTED
from baselines.checks.names import DATA_FAULTS, NO_RECORDS, NOT_ASKED, Check
from config.plurals import counted
from monitor import skew
from monitor.checks.profiled import REASONS
from store.records import CheckRow, Incident, IncidentKind, Outcome

QUIET_WINDOWS = 2
"""So many windows in a row that show no breach where there was one close an incident."""
REJECTED_SHARE = 0.05
"""A window that loses more of its records than this is a data fault."""

ENOUGH_RECORDS: Final = skew.FEWEST_RECORDS
"""More than any check wants: where one says nothing of so many, that is for what their values are like."""
_UNREAD = frozenset({NO_RECORDS, UNCOUNTED, *REASONS})
"""What is said of values that were not looked at as the check would have it, however many there are."""

_COLUMNS = frozenset({Check.EXTRA_COLUMNS, Check.MISSING_COLUMNS})
_WHOLLY_BAD = _COLUMNS | {Check.UNIT}


@dataclass(frozen=True, slots=True)
class Breach:
    """One kind of trouble in a window; `severity` is the worst distance, or the worst share of bad values."""

    kind: IncidentKind
    severity: float
    features: tuple[str, ...]
    summary: str


Watched = frozenset[tuple[str, str]]
"""(feature, check) of all that breached, which a window has to show to be over."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a window's judgement says: its checks, its records, and those that it lost.

    What has no row was not asked for, or is fine: Model Monitor's files hold the violations alone.
    """

    checks: tuple[CheckRow, ...]
    records: int
    rejected: int


class Shows(StrEnum):
    """What a window shows of one kind of trouble."""

    BREACH = "breach"
    QUIET = "quiet"
    NOTHING = "nothing"


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


def shows(kind: IncidentKind, judged: Judged, watched: Watched) -> Shows:
    """What a window says of a kind of trouble of which these checks and features breached.

    Few records at night neither breach nor show that a fault is over: quiet is a window in which all that
    breached was compared, and is fine. What the entry or the baseline does not ask for any more is let go. So
    is what can't be compared for the values of a window of enough records: those may stay as they are, and a
    fault that is not to be seen in them would be open for ever. Drift is not over where the data is at fault.
    """
    if any(breach.kind is kind for breach in breaches(judged.checks, judged.records, judged.rejected)):
        return Shows.BREACH
    if kind is IncidentKind.SKEW:
        return Shows.QUIET if skew.is_near(judged.checks, judged.records) else Shows.NOTHING
    if not judged.records or any(row.check in _COLUMNS for row in judged.checks):
        return Shows.NOTHING
    rows = {(row.feature, row.check): row for row in judged.checks}
    has_enough = judged.records >= ENOUGH_RECORDS
    faulty = {
        row.feature for row in judged.checks if row.outcome is Outcome.VIOLATED and row.check in DATA_FAULTS
    }

    def tells(row: CheckRow) -> bool:
        if row.outcome.is_compared or row.detail in NOT_ASKED:
            return True
        return has_enough and _is_for_its_values(row) and row.feature not in faulty

    told = {row.feature for row in judged.checks if tells(row)}
    silent = {row.feature for row in judged.checks} - told

    def is_over(pair: tuple[str, str]) -> bool:
        row = rows.get(pair)
        if row is None:  # not asked for any more, unless nothing could be told of this feature
            return pair[0] not in silent
        return row.outcome is not Outcome.VIOLATED and tells(row)

    return Shows.QUIET if all(map(is_over, watched)) else Shows.NOTHING


def _is_for_its_values(row: CheckRow) -> bool:
    """Whether it is for what the values are like that a check says nothing, given enough records of them."""
    nothing = row.outcome in (Outcome.NOT_APPLICABLE, Outcome.INSUFFICIENT_DATA)
    return nothing and row.detail not in _UNREAD


def of_kind(kind: IncidentKind, violated: Watched) -> Watched:
    """Those of the violations that are of this kind of trouble."""
    checks = DATA_FAULTS if kind is IncidentKind.DATA_FAULT else {Check.DRIFT}
    return frozenset(pair for pair in violated if pair[1] in checks)


def decide(
    open_incident: Incident | None,
    breach: Breach | None,
    window: datetime,
    quiet_before: int,
    quiet_after: int,
    *,
    quiet: bool = True,
) -> tuple[Decision, str]:
    """What a judged window means for the incident of one kind, and why.

    `quiet_before` and `quiet_after` are how many windows around it, before and after, show that there is no
    such breach, up to the next that has it: a window judged late opens nothing that later windows already
    show to be over. Without a breach, but not `quiet`, it shows nothing itself.
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
    if quiet and window > open_incident.last_window and quiet_before + 1 + quiet_after >= QUIET_WINDOWS:
        return Decision.CLOSE, f"{QUIET_WINDOWS} windows in a row without the breach."
    return Decision.LEAVE, f"fewer than {QUIET_WINDOWS} windows in a row without the breach"
