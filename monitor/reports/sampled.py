"""Evidently on the sampled rows, with Kedge's distances and thresholds in place of its own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from baselines.constraints import CategoricalDriftMethod, DistanceMethod, MonitoringConfig
from baselines.profile.categories import Categories
from baselines.profile.column import ColumnProfile
from baselines.profile.kll import Sketch
from baselines.profile.types import TypeCounts
from config.distance import Distance
from monitor.checks.drift import check_drift
from monitor.reports.period import Compared
from monitor.reports.rows import can_rebuild, is_number, reference_rows, sampled_rows
from store.records import Outcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Sampled:
    """Evidently's page in its two parts, and what it rests on."""

    head: str
    body: str
    rows: int
    reference: int
    left_out: tuple[str, ...]


def is_installed() -> bool:
    """Whether the extra is there; looking for it imports nothing."""
    return find_spec("evidently") is not None and find_spec("pandas") is not None


def compare(compared: Compared, mode: Distance) -> Sampled | None:
    """Evidently's data drift report on the sampled rows, or None where there is nothing to compare."""
    baseline = compared.baseline.profile
    features = [feature.name for feature in compared.constraints.features]
    names = [name for name in features if name in baseline.columns and can_rebuild(baseline.columns[name])]
    current = sampled_rows(compared.profile, baseline, names)
    usable = [name for name in current.columns if current[name].count()]
    if not usable:
        return None
    reference = reference_rows(baseline, usable)
    page = _run(pl.DataFrame([current[name] for name in usable]), reference, compared, mode)
    head, _, rest = page.partition("<head>")[2].partition("</head>")
    body = rest.partition("<body>")[2].rpartition("</body>")[0]
    left_out = tuple(name for name in features if name not in usable)
    return Sampled(head, body, current.height, reference.height, left_out)


def _run(current: pl.DataFrame, reference: pl.DataFrame, compared: Compared, mode: Distance) -> str:
    os.environ["DO_NOT_TRACK"] = "1"  # or Evidently reports its use over the network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about Evidently's own dependencies
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        shown = _shown_names(reference.columns)
        numbers = [name for name in shown if is_number(compared.baseline.profile.columns[name])]
        definition = DataDefinition(
            numerical_columns=[shown[name] for name in numbers],
            categorical_columns=[shown[name] for name in shown if name not in numbers],
        )
        configs = {name: compared.constraints.config_for(name) for name in shown}
        preset = DataDriftPreset(
            columns=list(shown.values()),
            per_column_method={shown[name]: _method(config, mode) for name, config in configs.items()},
            per_column_threshold={
                shown[name]: config.comparison_threshold if name in numbers else config.categorical_threshold
                for name, config in configs.items()
            },
        )
        sides = [Dataset.from_pandas(_to_pandas(side, shown), definition) for side in (current, reference)]
        return str(Report([preset]).run(*sides).get_html_str(as_iframe=False))


def without_tags(text: str) -> str:
    """A stranger's text for Evidently, which writes it into a script unescaped: no tag can begin or end."""
    return text.replace("<", "‹").replace(">", "›")


def _shown_names(names: list[str]) -> dict[str, str]:
    """Each column's name as it is shown, which stays its own where two would look alike."""
    shown: dict[str, str] = {}
    for name in names:
        sign = without_tags(name)
        while sign in shown.values():
            sign += "′"
        shown[name] = sign
    return shown


def _to_pandas(frame: pl.DataFrame, shown: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    columns = {
        shown[each.name]: each.to_numpy()
        if each.dtype.is_numeric()
        else pd.Series([None if text is None else without_tags(text) for text in each], dtype=object)
        for each in frame.get_columns()
    }
    return pd.DataFrame(columns)


def _method(config: MonitoringConfig, mode: Distance) -> str:
    return _registered(config.comparison_method, config.categorical_drift_method, mode)


@cache
def _registered(method: DistanceMethod, categorical: CategoricalDriftMethod, mode: Distance) -> str:
    """The name of Kedge's distance among Evidently's tests, where it is entered once in a process."""
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    name = f"kedge_{method}_{categorical}_{mode}".lower()
    test = StatTest(
        name=name,
        display_name=f"Kedge, {method} ({mode})",
        allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
    )
    register_stattest(test, default_impl=drift_test(method, categorical, mode))
    return name


def drift_test(
    method: DistanceMethod, categorical: CategoricalDriftMethod, mode: Distance
) -> Callable[[pd.Series[Any], pd.Series[Any], Any, float], tuple[float, bool]]:
    """Kedge's drift check as a test of Evidently's, which gives the distance and whether it is drift."""

    def test(
        reference: pd.Series[Any], current: pd.Series[Any], _kind: object, threshold: float
    ) -> tuple[float, bool]:
        config = MonitoringConfig(
            comparison_threshold=threshold,
            comparison_method=method,
            categorical_comparison_threshold=threshold,
            categorical_drift_method=categorical,
        )
        row = check_drift("", _column(current), _column(reference), config, mode)
        return (float("nan") if row.value is None else row.value), row.outcome is Outcome.VIOLATED

    return test


def _column(values: pd.Series[Any]) -> ColumnProfile:
    """The profile of a pandas Series without missing values."""
    if isinstance(values.dtype, np.dtype) and np.issubdtype(values.dtype, np.number):
        numbers = values.to_numpy(dtype=np.float64)
        return ColumnProfile(types=TypeCounts(fractional=numbers.size), sketch=Sketch.of(numbers))
    counts = {str(text): int(count) for text, count in values.value_counts().items()}
    return ColumnProfile(types=TypeCounts(string=len(values)), categories=Categories.bounded(counts))
