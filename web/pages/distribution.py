"""One feature in one window over its baseline: which is chosen, and what can be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from baselines import versions
from baselines.profile.codec import ProfileFormatError, decode
from baselines.profile.column import ColumnProfile
from store import baselines, windows
from store import executions as stored
from store.records import Execution, FeatureResult, Monitor
from web import figures
from web.comparison import Comparison, compare
from web.figures import Figure
from web.lines import FeatureLine


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers of one side, for the table under the picture."""

    present: int
    completeness: float
    mean: float | None
    std_dev: float | None
    minimum: float | None
    maximum: float | None
    distinct: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown of the chosen feature; `problem` says in a sentence why there is no picture."""

    feature: str
    execution: Execution
    result: FeatureResult | None
    now: Facts | None = None
    baseline: Facts | None = None
    comparison: Comparison | None = None
    figure: Figure | None = None
    problem: str | None = None


def choose(
    connection: Connection,
    monitor: Monitor,
    judged: Sequence[Execution],
    lines: Sequence[FeatureLine],
    feature: str | None,
    window_id: int | None,
) -> Picture | None:
    """The feature and window that were asked for; else the feature that moved most, in the newest window."""
    execution = next((e for e in judged if e.window_id == window_id), judged[0] if judged else None)
    known = {line.feature for line in lines}
    chosen = feature if feature in known else (lines[0].feature if lines else None)
    if execution is None or chosen is None:
        return None
    results = stored.features(connection, execution.id)
    result = next((found for found in results if found.feature == chosen), None)
    return _picture(connection, monitor, execution, chosen, result)


def _picture(
    connection: Connection, monitor: Monitor, execution: Execution, feature: str, result: FeatureResult | None
) -> Picture:
    encoded = windows.profile(connection, execution.window_id)
    base = _baseline_column(connection, monitor, execution, feature)
    if encoded is None:
        sentence = "The profile of this window has outlived its retention; its numbers are kept."
        return Picture(feature, execution, result, problem=sentence)
    try:
        now = decode(encoded).column(feature)
    except ProfileFormatError as error:
        return Picture(
            feature, execution, result, problem=f"The profile of this window can't be read: {error}."
        )
    if base is None:
        sentence = "No baseline with this feature judged this window."
        return Picture(feature, execution, result, now=_facts(now), problem=sentence)
    comparison = compare(now, base)
    return Picture(
        feature,
        execution,
        result,
        now=_facts(now),
        baseline=_facts(base),
        comparison=comparison,
        figure=None if comparison is None else figures.distribution(comparison),
        problem=_why_empty(now, base) if comparison is None else None,
    )


def _baseline_column(
    connection: Connection, monitor: Monitor, execution: Execution, feature: str
) -> ColumnProfile | None:
    if execution.baseline_version is None:
        return None
    version = baselines.by_version(connection, monitor.id, execution.baseline_version)
    if version is None:
        return None
    return versions.load(connection, version.id).profile.columns.get(feature)


def _why_empty(now: ColumnProfile, base: ColumnProfile) -> str:
    if now.categories.overflowed or base.categories.overflowed:
        return "More than a thousand different texts: only their number is kept, not how often each occurs."
    return "Neither the window nor the baseline has values here."


def _facts(column: ColumnProfile) -> Facts:
    numbers = column.moments if column.moments.count else None
    return Facts(
        present=column.num_present,
        completeness=column.completeness,
        mean=numbers.mean if numbers else None,
        std_dev=numbers.std_dev if numbers else None,
        minimum=numbers.minimum if numbers else None,
        maximum=numbers.maximum if numbers else None,
        distinct=column.distinct_count,
    )
