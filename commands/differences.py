"""What `kedge baseline diff` says of two baselines: of data, and of a model's quality."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from commands.failures import CommandError

if TYPE_CHECKING:
    from baselines.folder import BaselineFiles
    from baselines.quality.constraints import Bound
    from baselines.quality.difference import MetricDifference, QualityDifference
    from monitor.baseline_difference import BaselineDifference, Change, FeatureDifference


def of_data(found: BaselineDifference) -> Iterator[str]:
    """A line for each feature, behind one on the whole."""
    old, new = found.records
    yield f"{old} records → {new}; {len(found.features)} features in both, " + (
        f"{len(found.added)} added, {len(found.removed)} removed"
    )
    yield from (f"+ {one.name}  {one.inferred_type}" for one in found.added)
    yield from (f"- {one.name}  {one.inferred_type}" for one in found.removed)
    yield from (f"every feature  {_change_text(change)}" for change in found.monitoring)
    for feature in found.features:
        yield f"{feature.name}  {'; '.join(_told_of(feature))}"


def _told_of(feature: FeatureDifference) -> Iterator[str]:
    yield from (_change_text(change) for change in feature.changes)
    if feature.values_added:
        yield f"values added: {', '.join(feature.values_added)}"
    if feature.values_removed:
        yield f"values removed: {', '.join(feature.values_removed)}"
    if not feature.asks_otherwise:
        yield "asks the same"
    if feature.drift is None:
        yield "no statistics in one of the two"
    elif feature.drift.value is None:
        yield feature.drift.detail
    else:
        yield f"distance {feature.drift.value:.4g} of {feature.drift.threshold:g}: {feature.drift.outcome}"


def _change_text(change: Change) -> str:
    old, new = ("none" if value is None else f"{value}" for value in (change.old, change.new))
    return f"{change.setting} {old} → {new}"


def of_data_json(found: BaselineDifference) -> dict[str, object]:
    """The same for programs."""

    def changes(given: tuple[Change, ...]) -> dict[str, object]:
        return {change.setting: {"old": change.old, "new": change.new} for change in given}

    return {
        "records": {"old": found.records[0], "new": found.records[1]},
        "added": [{"name": one.name, "inferred_type": one.inferred_type} for one in found.added],
        "removed": [{"name": one.name, "inferred_type": one.inferred_type} for one in found.removed],
        "monitoring": changes(found.monitoring),
        "features": [
            {
                "name": one.name,
                "changes": changes(one.changes),
                "values_added": one.values_added,
                "values_removed": one.values_removed,
                "distance": one.drift.value if one.drift else None,
                "threshold": one.drift.threshold if one.drift else None,
                "outcome": one.drift.outcome if one.drift else None,
            }
            for one in found.features
        ],
    }


def quality_of(old: BaselineFiles, new: BaselineFiles) -> QualityDifference | None:
    """The difference of two quality baselines; None where both are of data.

    Raises QualityError, and CommandError where only one is of quality.
    """
    from baselines.quality.difference import difference, is_quality, parse

    kinds = is_quality(old), is_quality(new)
    if not any(kinds):
        return None
    if not all(kinds):
        quality, data = (old, new) if kinds[0] else (new, old)
        raise CommandError(
            f"{quality.source} is a baseline of a model's quality and {data.source} one of data: "
            "give two of a kind"
        )
    return difference(parse(old), parse(new))


def of_quality(found: QualityDifference) -> Iterator[str]:
    """A line for each metric, behind one on the whole."""
    old, new = ("?" if count is None else count for count in found.records)
    yield f"{old} records → {new}; {found.problem}, {len(found.metrics)} metrics"
    yield from (f"{each.name}  {'; '.join(_told(each))}" for each in found.metrics)


def _told(metric: MetricDifference) -> Iterator[str]:
    yield _change("", *map(_number, metric.values))
    old, new = metric.bounds
    if old != new:
        yield _change("threshold ", _bound(old), _bound(new))


def _change(what: str, old: str, new: str) -> str:
    return f"{what}{old}, the same" if old == new else f"{what}{old} → {new}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _bound(bound: Bound | None) -> str:
    return "none" if bound is None else f"{bound.threshold:.6g} ({bound.operator})"


def of_quality_json(found: QualityDifference) -> dict[str, object]:
    """The same for programs; what is no number is null."""
    return {
        "problem": found.problem,
        "records": {"old": found.records[0], "new": found.records[1]},
        "metrics": [
            {
                "name": each.name,
                "value": dict(zip(("old", "new"), map(_finite, each.values), strict=True)),
                "threshold": dict(
                    zip(("old", "new"), (b and _finite(b.threshold) for b in each.bounds), strict=True)
                ),
                "comparison_operator": dict(
                    zip(("old", "new"), (b and b.operator for b in each.bounds), strict=True)
                ),
            }
            for each in found.metrics
        ],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
