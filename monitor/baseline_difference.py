"""What tells two baselines of one endpoint apart: what each asks, and how far their data lie apart."""

from __future__ import annotations

from dataclasses import dataclass, fields

from baselines.constraints import Constraints, FeatureConstraints, MonitoringConfig
from baselines.profile.profile import Profile
from config.distance import Distance
from monitor.checks.drift import check_drift
from store.records import CheckRow

Asked = str | float | bool | None
"""A setting's value; None where nothing is asked."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The two files of a baseline as values."""

    profile: Profile
    constraints: Constraints


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that the two baselines have differently, by its name in constraints.json."""

    setting: str
    old: Asked
    new: Asked


@dataclass(frozen=True, slots=True)
class FeatureDifference:
    """What became of a feature that both baselines have.

    Attributes:
        name: the feature.
        changes: what is asked otherwise, its overrides of the common settings included.
        values_added: values of its domain that the new baseline has alone, sorted.
        values_removed: those that the old one has alone.
        drift: the distance of the new data from the old, judged as a window of that data would be; None where
            either statistics.json does not have the feature.
    """

    name: str
    changes: tuple[Change, ...]
    values_added: tuple[str, ...]
    values_removed: tuple[str, ...]
    drift: CheckRow | None

    @property
    def asks_otherwise(self) -> bool:
        """Whether the same data might be judged otherwise."""
        return bool(self.changes or self.values_added or self.values_removed)


@dataclass(frozen=True, slots=True)
class BaselineDifference:
    """From an old baseline to a new one: features in the order of their columns."""

    records: tuple[int, int]
    added: tuple[FeatureConstraints, ...]
    removed: tuple[FeatureConstraints, ...]
    monitoring: tuple[Change, ...]
    features: tuple[FeatureDifference, ...]


def difference(old: Baseline, new: Baseline, mode: Distance) -> BaselineDifference:
    """What tells `new` from `old`; distances are taken with the settings of `old`."""
    before = {feature.name: feature for feature in old.constraints.features}
    after = {feature.name: feature for feature in new.constraints.features}
    return BaselineDifference(
        records=(old.profile.rows, new.profile.rows),
        added=tuple(feature for name, feature in after.items() if name not in before),
        removed=tuple(feature for name, feature in before.items() if name not in after),
        monitoring=_settings(old.constraints.monitoring, new.constraints.monitoring),
        features=tuple(
            _feature(feature, after[name], old, new, mode)
            for name, feature in before.items()
            if name in after
        ),
    )


def _settings(old: MonitoringConfig, new: MonitoringConfig) -> tuple[Change, ...]:
    pairs = ((each.name, getattr(old, each.name), getattr(new, each.name)) for each in fields(old))
    return tuple(Change(name, one, other) for name, one, other in pairs if one != other)


def _feature(
    before: FeatureConstraints, after: FeatureConstraints, old: Baseline, new: Baseline, mode: Distance
) -> FeatureDifference:
    values, others = set(before.domains or ()), set(after.domains or ())
    return FeatureDifference(
        before.name,
        (*_asked(before, after), *_overridden(before.name, old.constraints, new.constraints)),
        tuple(sorted(others - values)),
        tuple(sorted(values - others)),
        _drift(before.name, old, new, mode),
    )


def _asked(before: FeatureConstraints, after: FeatureConstraints) -> tuple[Change, ...]:
    asked: tuple[tuple[str, Asked, Asked], ...] = (
        ("inferred_type", before.inferred_type, after.inferred_type),
        ("completeness", before.completeness, after.completeness),
        ("is_non_negative", before.is_non_negative, after.is_non_negative),
        ("domains", _listed(before), _listed(after)),
    )
    return tuple(Change(setting, one, other) for setting, one, other in asked if one != other)


def _listed(feature: FeatureConstraints) -> str:
    """Whether a feature has a domain at all; its values are told by themselves."""
    return "any" if feature.domains is None else "listed"


def _overridden(name: str, old: Constraints, new: Constraints) -> tuple[Change, ...]:
    """The settings in force for a feature, where its own or the lack of them makes the difference."""
    common = {change.setting for change in _settings(old.monitoring, new.monitoring)}
    own = {
        setting
        for constraints in (old, new)
        if (feature := constraints.feature(name)) and feature.overrides
        for setting in feature.overrides.settings()
    }
    changes = _settings(old.config_for(name), new.config_for(name))
    return tuple(change for change in changes if change.setting in own or change.setting not in common)


def _drift(name: str, old: Baseline, new: Baseline, mode: Distance) -> CheckRow | None:
    expected, found = old.profile.columns.get(name), new.profile.columns.get(name)
    if expected is None or found is None:
        return None
    return check_drift(name, found, expected, old.constraints.config_for(name), mode)
