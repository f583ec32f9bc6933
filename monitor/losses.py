"""What of a capture could not be used, in sentences: where nothing is left, and where too much is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from monitor.capture.rejects import Kind, RejectKind
from monitor.comparison import Bad, Gathered, Period
from monitor.incidents import REJECTED_SHARE


def nothing_usable(address: str, found: Gathered, period: Period) -> str | None:
    """Why nothing can be compared: what was looked for, and what is there; None where there are records."""
    if found.profile.rows or found.profile.widths:
        return None
    counts = Counter[Kind]()
    for bad in found.bad:
        counts.update({kind: count for kind, count in bad.rejects.counts.items() if kind in _KINDS})
    where = address if found.read == 1 else f"{address} ({found.read} objects)"
    if counts:
        told = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
        return (
            f"{where} holds no record that can be used: {told}; the first is {_first(found)}; "
            "give captured objects, each line of them a JSON object with captureData and eventMetadata"
        )
    if period.is_open:
        return f"{where} holds no record that can be used: the preprocess script dropped every one of them"
    lies = (
        ""
        if found.span is None
        else f", its records are from {_told(found.span[0])} to {_told(found.span[1])}"
    )
    wanted = " ".join(
        f"{word} {_told(moment)}"
        for word, moment in (("from", period.start), ("before", period.end))
        if moment is not None
    )
    return f"{where} holds no record {wanted}{lies}: check --start and --end"


def fault_of_losses(records: int, lost: int, bad: Sequence[Bad] = ()) -> str | None:
    """The data fault where more is lost than may be, or nobody can say how much; None where there is none.

    `bad` is what was wrong object by object, where that is known.
    """
    share = lost / (records + lost) if lost else 0.0
    if share > REJECTED_SHARE:
        return (
            f"Data fault: {lost} of {records + lost} records ({share:.1%}) could not be used, "
            f"and more than {REJECTED_SHARE:.0%} is too many."
        )
    broken = next((each.key for each in bad if each.rejects.count(RejectKind.BAD_GZIP)), None)
    if broken is None:
        return None
    return f"Data fault: {broken} is damaged gzip, and nobody can say how many of its records are lost."


_KINDS = frozenset[Kind](RejectKind)


def _first(found: Gathered) -> str:
    bad = found.bad[0]
    example = next(each for each in bad.rejects.examples if each.kind in _KINDS)
    line = f" line {example.line}" if example.line else ""
    return f"{bad.key}{line}: {example.kind}: {example.detail}"


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
