"""What Model Monitor gives CloudWatch: its metrics' names, dimensions and statistic sets, as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from baselines.constraints import Constraints
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile
from baselines.statistics import file_type
from store.records import FeatureResult

Dimensions = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """Many values of a metric at once: how many, their sum, the least and the greatest."""

    count: float
    total: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric at one moment (UTC): a number, or a statistic set. It has no unit."""

    name: str
    dimensions: Dimensions
    at: datetime
    value: float | StatisticSet

    def told(self) -> dict[str, object]:
        """The value as PutMetricData and the container's metrics file have it, but for the time's form."""
        told: dict[str, object] = {
            "MetricName": self.name,
            "Timestamp": self.at,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Unit": "None",
        }
        if isinstance(self.value, StatisticSet):
            told["StatisticValues"] = {
                "SampleCount": self.value.count,
                "Sum": self.value.total,
                "Minimum": self.value.minimum,
                "Maximum": self.value.maximum,
            }
        else:
            told["Value"] = self.value
        return told


def dimensions(endpoint: str | None, schedule: str | None) -> Dimensions:
    """`Endpoint` and `MonitoringSchedule`; a batch schedule has the second alone."""
    given = (("Endpoint", endpoint), ("MonitoringSchedule", schedule))
    return tuple((name, value) for name, value in given if value)


def of_data_quality(
    current: Profile, results: Iterable[FeatureResult], constraints: Constraints, of: Dimensions, at: datetime
) -> tuple[MetricValue, ...]:
    """Per feature its data (numbers alone), its completeness, and its distance where one was taken.

    Features for which the constraints disable `emit_metrics` are left out.
    """
    distances = {result.feature: result.drift for result in results}
    return tuple(
        MetricValue(name, of, at, value)
        for feature, column in current.columns.items()
        if constraints.config_for(feature).emit_metrics
        for name, value in _of_feature(feature, column, distances.get(feature))
    )


def _of_feature(
    feature: str, column: ColumnProfile, distance: float | None
) -> Iterator[tuple[str, float | StatisticSet]]:
    moments = column.moments
    if moments.count and file_type(column).numeric:
        found = StatisticSet(float(moments.count), moments.total, moments.minimum, moments.maximum)
        yield f"feature_data_{feature}", found
    if column.types.rows:
        yield f"feature_non_null_{feature}", column.completeness
    if distance is not None:
        yield f"feature_baseline_drift_{feature}", distance


def json_lines(values: Iterable[MetricValue]) -> str:
    """The container's cloudwatch_metrics.jsonl: a JSON object a line, times in UTC to the second."""
    return "".join(json.dumps(_line(value), ensure_ascii=False) + "\n" for value in values)


def _line(value: MetricValue) -> dict[str, object]:
    return value.told() | {"Timestamp": f"{value.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
