"""Model Monitor's constraints.json: what it says, how a data set suggests it, read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from baselines.fields import Fields, plain, told_of
from baselines.jackson import Json, render
from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile
from baselines.profile.types import DataType
from baselines.statistics import HISTOGRAM_BOUND, file_type

# deequ suggests a range of categories where at most a tenth of them occur only once (CategoricalRangeRule).
MAX_SHARE_OF_SINGLE_CATEGORIES = 0.1


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
    completeness: float | None = 1.0
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

    @property
    def tested(self) -> frozenset[str]:
        """The features of text that a chi-squared test compares: it gives a p-value or a statistic.

        Neither is a distance: a p-value is the smaller the more a feature has moved.
        """
        return frozenset(
            feature.name
            for feature in self.features
            if not feature.inferred_type.numeric
            and self.config_for(feature.name).categorical_drift_method is CategoricalDriftMethod.CHISQUARED
        )


def suggest(profile: Profile, *, histogram_bound: int = HISTOGRAM_BOUND) -> Constraints:
    """The constraints that Model Monitor's baselining suggests for data like this.

    A text feature with more than `histogram_bound` different values gets no domain.
    """
    columns = profile.columns.items()
    return Constraints(tuple(_suggested(name, column, histogram_bound) for name, column in columns))


def _suggested(name: str, column: ColumnProfile, histogram_bound: int) -> FeatureConstraints:
    kind = file_type(column)
    numbers = kind.numeric and column.moments.count > 0
    return FeatureConstraints(
        name=name,
        inferred_type=kind,
        completeness=column.completeness,
        is_non_negative=column.moments.minimum >= 0 if numbers else None,
        domains=None if kind.numeric or column.moments.count else _domain(column.categories, histogram_bound),
    )


def _domain(categories: Categories, histogram_bound: int) -> tuple[str, ...] | None:
    counts = categories.counts
    single = sum(count == 1 for count in counts.values())
    if not 0 < len(counts) <= histogram_bound or single > MAX_SHARE_OF_SINGLE_CATEGORIES * len(counts):
        return None
    return tuple(text for text, _ in categories.ranked())


def write(constraints: Constraints) -> str:
    """The text of a constraints.json, overrides in the place and spelling of the documentation."""
    return render(
        {
            "version": constraints.version,
            "features": [_feature_json(feature) for feature in constraints.features],
            "monitoring_config": _config_json(_config_settings(constraints.monitoring)),
        }
    )


def _feature_json(feature: FeatureConstraints) -> Json:
    entry: dict[str, Json] = {
        "name": feature.name,
        "inferred_type": str(feature.inferred_type),
    }
    if feature.completeness is not None:
        entry["completeness"] = feature.completeness
    if feature.is_non_negative is not None:
        entry["num_constraints"] = {"is_non_negative": feature.is_non_negative}
    if feature.domains is not None:
        entry["string_constraints"] = {"domains": feature.domains}
    if feature.overrides is not None:
        entry["monitoringConfigOverrides"] = _config_json(feature.overrides.settings())
    return entry


def _config_settings(config: MonitoringConfig) -> dict[str, Any]:
    """All settings but the categorical ones that older containers do not know, where they say nothing."""
    settings = {each.name: getattr(config, each.name) for each in fields(config)}
    if config.categorical_comparison_threshold is None:
        del settings["categorical_comparison_threshold"]
        if config.categorical_drift_method is CategoricalDriftMethod.LINFINITY:
            del settings["categorical_drift_method"]
    return settings


_TOP = ("evaluate_constraints", "emit_metrics", "datatype_check_threshold", "domain_content_threshold")


def _config_json(settings: Mapping[str, Any]) -> Json:
    written = {name: _setting_json(value) for name, value in settings.items()}
    top: dict[str, Json] = {name: value for name, value in written.items() if name in _TOP}
    distribution = {name: value for name, value in written.items() if name not in _TOP}
    return {**top, "distribution_constraints": distribution} if distribution else top


def _setting_json(value: bool | float | StrEnum) -> Json:
    if isinstance(value, bool):
        return "Enabled" if value else "Disabled"
    return str(value) if isinstance(value, StrEnum) else float(value)


def read(text: str | bytes, where: str) -> Constraints:
    """The constraints of a constraints.json; `where` names the file in errors.

    Settings that the file leaves out have Model Monitor's defaults; one that is none is refused. Their keys
    may have any case, with underscores or without. Overrides are found in the places and spellings of the
    documentation and of the SDK; the names of 2019 (`enable_comparisons`, `min_domain_mass`) and of the
    documentation (`linf_robust`) are understood. Raises ConstraintsError.
    """
    with told_of(where, "constraints.json", "data-quality", ConstraintsError):
        return _constraints(Fields.parsed(text))


def _constraints(document: Fields) -> Constraints:
    monitoring = document.spelled("monitoring_config").optional("monitoring_config")
    return Constraints(
        features=tuple(_feature(entry) for entry in document.objects("features")),
        monitoring=MonitoringConfig(**dict(_settings(monitoring))) if monitoring else MonitoringConfig(),
        version=document.number("version") if document.has("version") else 0.0,
    )


def _feature(entry: Fields) -> FeatureConstraints:
    numeric, textual = entry.optional("num_constraints"), entry.optional("string_constraints")
    overrides = _overrides(*(place for place in (numeric, textual, entry) if place))
    return FeatureConstraints(
        name=entry.text("name"),
        inferred_type=entry.choice("inferred_type", DataType),
        completeness=entry.share("completeness") if entry.has("completeness") else None,
        is_non_negative=_non_negative(numeric),
        domains=textual.texts("domains") if textual and textual.has("domains") else None,
        overrides=overrides,
    )


def _non_negative(numeric: Fields | None) -> bool | None:
    if numeric is None or not numeric.has("is_non_negative"):
        return None
    return numeric.switch("is_non_negative")


def _overrides(*places: Fields) -> ConfigOverrides | None:
    """The overrides of all places and names together, those of later ones winning.

    Where the SDK sets a switch in a file of the documentation's form, both names stand side by side, and its
    own comes last.
    """
    names = ("monitoringConfigOverrides", "monitoring_config_overrides")

    def spellings(place: Fields) -> list[str]:
        alike = (key for key in place.values if plain(key) == plain(names[0]) and place.has(key))
        return sorted(alike, key=lambda key: names.index(key) if key in names else -1)

    found = [place.inner(key) for place in places for key in spellings(place)]
    settings = {name: value for one in found for name, value in _settings(one)}
    return ConfigOverrides(**settings) if found else None


def _method(fields: Fields, name: str) -> DistanceMethod:
    return fields.choice(name, DistanceMethod, {"linf_robust": "Robust", "linf_simple": "Simple"})


def _drift_method(fields: Fields, name: str) -> CategoricalDriftMethod:
    return fields.choice(
        name, CategoricalDriftMethod, {"l_infinity": "LInfinity", "chi_squared": "ChiSquared"}
    )


_DISTRIBUTION = "distribution_constraints"
# Where each setting may stand, later places winning, and how it is read.
_PLACES: tuple[tuple[str, str, str, Callable[[Fields, str], object]], ...] = (
    ("", "evaluate_constraints", "evaluate_constraints", Fields.switch),
    ("", "emit_metrics", "emit_metrics", Fields.switch),
    ("", "datatype_check_threshold", "datatype_check_threshold", Fields.share),
    (_DISTRIBUTION, "min_domain_mass", "domain_content_threshold", Fields.share),
    ("", "domain_content_threshold", "domain_content_threshold", Fields.share),
    (_DISTRIBUTION, "enable_comparisons", "perform_comparison", Fields.switch),
    (_DISTRIBUTION, "perform_comparison", "perform_comparison", Fields.switch),
    (_DISTRIBUTION, "comparison_threshold", "comparison_threshold", Fields.threshold),
    (_DISTRIBUTION, "comparison_method", "comparison_method", _method),
    (
        _DISTRIBUTION,
        "categorical_comparison_threshold",
        "categorical_comparison_threshold",
        Fields.threshold,
    ),
    (_DISTRIBUTION, "categorical_drift_method", "categorical_drift_method", _drift_method),
)


def _settings(config: Fields) -> Iterator[tuple[str, Any]]:
    """The settings that a configuration or an override spells out.

    Those of the distribution are understood without their block too; what stands in it wins.
    """
    every = tuple(key for _, key, _, _ in _PLACES)
    config = config.spelled(*every, _DISTRIBUTION)
    config.require_no_others(*every, _DISTRIBUTION)
    inside = config.optional(_DISTRIBUTION)
    if inside is not None:
        inside = inside.spelled(*every)
        inside.require_no_others(*(key for place, key, _, _ in _PLACES if place))
    for place, key, setting, read_value in _PLACES:
        for block in (config, inside if place else None):
            if block is not None and block.has(key):
                yield setting, read_value(block, key)
