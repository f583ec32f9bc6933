"""Model Monitor's constraints.json: what it says, how it is suggested, read and written."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from baselines.profile.types import DataType


class ConstraintsError(ValueError):
    """A constraints.json that cannot be used, in one sentence."""


class DistanceMethod(StrEnum):
    """How the distance of two distributions is taken; Robust subtracts what chance alone would explain."""

    ROBUST = "Robust"
    SIMPLE = "Simple"


class CategoricalDriftMethod(StrEnum):
    """The distance of two categorical distributions."""

    LINFINITY = "LInfinity"
    CHISQUARED = "ChiSquared"


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """What is checked and how strictly; the defaults are those of the files that Model Monitor writes."""

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: DistanceMethod = DistanceMethod.ROBUST
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: CategoricalDriftMethod = CategoricalDriftMethod.LINFINITY

    @property
    def categorical_threshold(self) -> float:
        """The threshold for categorical drift: its own, or else the numeric one."""
        own = self.categorical_comparison_threshold
        return self.comparison_threshold if own is None else own


@dataclass(frozen=True, slots=True)
class ConfigOverrides:
    """The settings of a MonitoringConfig that one feature has for itself; None leaves the common one."""

    evaluate_constraints: bool | None = None
    emit_metrics: bool | None = None
    datatype_check_threshold: float | None = None
    domain_content_threshold: float | None = None
    perform_comparison: bool | None = None
    comparison_threshold: float | None = None
    comparison_method: DistanceMethod | None = None
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: CategoricalDriftMethod | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that are there, by name."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class FeatureConstraints:
    """What one feature must be like; None where nothing is asked."""

    name: str
    inferred_type: DataType
    completeness: float = 1.0
    is_non_negative: bool | None = None
    domains: tuple[str, ...] | None = None
    overrides: ConfigOverrides | None = None


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a data set must be like, feature by feature in the order of its columns."""

    features: tuple[FeatureConstraints, ...] = ()
    monitoring: MonitoringConfig = MonitoringConfig()
    version: float = 0.0

    def feature(self, name: str) -> FeatureConstraints | None:
        """The constraints of a feature, or None where it has none."""
        return next((feature for feature in self.features if feature.name == name), None)

    def config_for(self, name: str) -> MonitoringConfig:
        """The monitoring configuration of a feature, its own overrides applied."""
        feature = self.feature(name)
        if feature is None or feature.overrides is None:
            return self.monitoring
        return replace(self.monitoring, **feature.overrides.settings())
