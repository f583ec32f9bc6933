"""The metrics that a condition may name, and what may stand in their brackets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from config.conditions import Comparison, Condition, Reference, comparisons


class Argument(StrEnum):
    """What stands in a metric's brackets."""

    NONE = "nothing"
    FEATURE = "a feature"
    CHECK = "a check, or nothing for all of them"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric measures in one window; `is_quality`: it is the model's, and waits for labels."""

    measures: str
    argument: Argument = Argument.NONE
    is_quality: bool = False


METRICS: Final[dict[str, Metric]] = {
    "rmse": Metric("root mean squared error of the labelled predictions", is_quality=True),
    "mae": Metric("mean absolute error of the labelled predictions", is_quality=True),
    "r2": Metric("share of the labels' variance that the predictions explain", is_quality=True),
    "drifted_features_share": Metric("drifted features, as a share of those that were compared"),
    "drifted_features": Metric("number of drifted features"),
    "drift": Metric("a feature's distance to the baseline", Argument.FEATURE),
    "missing": Metric("share of records in which a feature is missing", Argument.FEATURE),
    "violations": Metric("number of violations", Argument.CHECK),
    "volume": Metric("number of records"),
    "rejected_share": Metric("share of records that could not be read"),
}
"""Every metric by its name."""

DRIFT_CHECK: Final = "baseline_drift_check"
CHECKS: Final = (
    "extra_column_check",
    "missing_column_check",
    "data_type_check",
    "completeness_check",
    "categorical_values_check",
    DRIFT_CHECK,
    "non_negative_check",
    "unit_change_check",
)
"""The checks whose violations can be counted one kind at a time."""
DATASETS: Final = ("fresh", "test")
"""What a challenger is judged on: the freshest labelled window, and the original test set."""


def check_names(condition: Condition) -> str | None:
    """What is wrong with the metrics a condition names, in a sentence, or None."""
    return next((told for each in comparisons(condition) if (told := _complaint(each))), None)


def _complaint(comparison: Comparison) -> str | None:
    metric = METRICS.get(comparison.metric)
    if metric is None:
        return f"there is no metric {comparison.metric!r}; known here are {', '.join(METRICS)}"
    given = comparison.feature is not None
    if metric.argument is Argument.NONE and given:
        return f"{comparison.metric} is of the whole window; write {comparison.metric} without brackets"
    if metric.argument is Argument.FEATURE and not given:
        return f"{comparison.metric} is of one feature; name it: {comparison.metric}(NAME)"
    if metric.argument is Argument.CHECK and given and comparison.feature not in CHECKS:
        return f"there is no check {comparison.feature!r}; known here are {', '.join(CHECKS)}"
    return None


def check_trigger(condition: Condition) -> str | None:
    """Why a condition can't say when to retrain, in a sentence, or None."""
    if any(each.against is Reference.CHAMPION for each in comparisons(condition)):
        return "there is no champion to hold a window against before there is a challenger; write baseline"
    if (told := check_names(condition)) is not None:
        return told
    for each in comparisons(condition):
        if each.against is Reference.BASELINE and not METRICS[each.metric].is_quality:
            return f"{each.metric} has no baseline, only a model's quality has; hold it against a number"
    return None


def check_acceptance(condition: Condition) -> str | None:
    """Why a condition can't say whether a challenger is accepted, in a sentence, or None."""
    named = comparisons(condition)
    told = next((told for each in named if (told := _complaint(_without_dataset(each)))), None)
    if told is not None:
        return told
    if not all(METRICS[each.metric].is_quality for each in named):
        known = ", ".join(name for name, metric in METRICS.items() if metric.is_quality)
        return f"a challenger is judged by its quality alone; write a condition on {known}"
    if any(each.against is Reference.BASELINE for each in named):
        return "a challenger is held against the champion or a number; write rmse < champion"
    return None


def _without_dataset(comparison: Comparison) -> Comparison:
    """A model's quality may be asked for on one data set: ``rmse(test) < 1.25 * champion``."""
    metric = METRICS.get(comparison.metric)
    named = metric is not None and metric.is_quality and comparison.feature in DATASETS
    return replace(comparison, feature=None) if named else comparison
