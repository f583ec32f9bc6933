"""The metrics that a condition may name, and what may stand in their brackets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from config.conditions import Comparison, Condition, Op, Reference, comparisons
from config.problem import ProblemType


class Argument(StrEnum):
    """What stands in a metric's brackets."""

    NONE = "nothing"
    FEATURE = "a feature"
    CHECK = "a check, or nothing for all of them"


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric measures in one window; `problems`: of which kinds of model it is the quality."""

    measures: str
    argument: Argument = Argument.NONE
    problems: frozenset[ProblemType] = frozenset()

    @property
    def is_quality(self) -> bool:
        """Whether it is the model's, and waits for labels."""
        return bool(self.problems)


def _of(problem: ProblemType, *others: ProblemType) -> frozenset[ProblemType]:
    return frozenset((problem, *others))


_NUMBER = _of(ProblemType.REGRESSION)
_TWO = _of(ProblemType.BINARY_CLASSIFICATION)
_SEVERAL = _of(ProblemType.MULTICLASS_CLASSIFICATION)

METRICS: Final[dict[str, Metric]] = {
    "rmse": Metric("root mean squared error of the labelled predictions", problems=_NUMBER),
    "mae": Metric("mean absolute error of the labelled predictions", problems=_NUMBER),
    "r2": Metric("share of the labels' variance that the predictions explain", problems=_NUMBER),
    "accuracy": Metric("share of labelled predictions that are right", problems=_TWO | _SEVERAL),
    "recall": Metric("share of positives that were answered as positive", problems=_TWO),
    "precision": Metric("share of positive answers that are right", problems=_TWO),
    "auc": Metric("area under the ROC curve", problems=_TWO),
    "f0_5": Metric("F measure that weighs precision twice", problems=_TWO),
    "f1": Metric("F measure that weighs precision and recall alike", problems=_TWO),
    "f2": Metric("F measure that weighs recall twice", problems=_TWO),
    "true_positive_rate": Metric("recall, by its other name", problems=_TWO),
    "true_negative_rate": Metric("share of negatives that were answered as negative", problems=_TWO),
    "false_positive_rate": Metric("share of negatives that were answered as positive", problems=_TWO),
    "false_negative_rate": Metric("share of positives that were answered as negative", problems=_TWO),
    "weighted_recall": Metric("the classes' recalls by their frequency", problems=_SEVERAL),
    "weighted_precision": Metric("the classes' precisions by their frequency", problems=_SEVERAL),
    "weighted_f0_5": Metric("the classes' F0.5 measures by their frequency", problems=_SEVERAL),
    "weighted_f1": Metric("the classes' F1 measures by their frequency", problems=_SEVERAL),
    "weighted_f2": Metric("the classes' F2 measures by their frequency", problems=_SEVERAL),
    "drifted_features_share": Metric("drifted features, as a share of those that were compared"),
    "drifted_features": Metric("number of drifted features"),
    "drift": Metric("a feature's distance to the baseline", Argument.FEATURE),
    "missing": Metric("share of records in which a feature is missing", Argument.FEATURE),
    "violations": Metric("number of violations", Argument.CHECK),
    "volume": Metric("number of records"),
    "rejected_share": Metric("share of records that could not be read"),
}
"""Every metric by its name."""

LOWER_IS_BETTER: Final = frozenset({"rmse", "mae", "false_positive_rate", "false_negative_rate"})
"""The metrics of quality that grow as a model gets worse; the others fall."""
_USUAL: Final = {
    ProblemType.REGRESSION: "rmse < champion",
    ProblemType.BINARY_CLASSIFICATION: "f1 > champion",
    ProblemType.MULTICLASS_CLASSIFICATION: "weighted_f1 > champion",
}
"""What is proposed where an owner judges by a metric of another kind of model."""
_BETTER: Final = {True: ("smaller", Op.BELOW), False: ("larger", Op.ABOVE)}
OF_PROBABILITIES: Final = "auc"
"""The metric that only probabilities tell."""
SHARES: Final = frozenset({"drifted_features_share", "missing", "rejected_share"})
"""The metrics that lie between 0 and 1."""
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
FRESH: Final = "fresh"
TEST: Final = "test"
DATASETS: Final = (FRESH, TEST)
"""What a challenger is judged on: the freshest labelled window, and the original test set."""


def check_names(condition: Condition) -> str | None:
    """What is wrong with the metrics a condition names, in a sentence, or None."""
    return next((told for each in comparisons(condition) if (told := _complaint(each))), None)


def _complaint(comparison: Comparison) -> str | None:
    metric = METRICS.get(comparison.metric)
    if metric is None:
        return f"there is no metric {comparison.metric!r}; {_nearest(comparison.metric, METRICS)}"
    given = comparison.feature is not None
    if metric.argument is Argument.NONE and given:
        return f"{comparison.metric} is of the whole window; write {comparison.metric} without brackets"
    if metric.argument is Argument.FEATURE and not given:
        return f"{comparison.metric} is of one feature; name it: {comparison.metric}(NAME)"
    if metric.argument is Argument.CHECK and given and comparison.feature not in CHECKS:
        return f"there is no check {comparison.feature!r}; {_nearest(str(comparison.feature), CHECKS)}"
    return None


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is nearly this one, in letters of either case, or else all of them."""
    names = tuple(known)
    near = get_close_matches(name.casefold(), names, n=1)
    return f"did you mean {near[0]}?" if near else f"known here are {', '.join(names)}"


def check_trigger(condition: Condition) -> str | None:
    """Why a condition can't say when to retrain, in a sentence, or None."""
    if any(each.against is Reference.CHAMPION for each in comparisons(condition)):
        return "there is no champion to hold a window against before there is a challenger; write baseline"
    if (told := check_names(condition)) is not None:
        return told
    if isinstance(condition, Comparison) and (told := _true_of_good(condition)) is not None:
        return told
    for each in comparisons(condition):
        if each.against is Reference.BASELINE and not METRICS[each.metric].is_quality:
            return f"{each.metric} has no baseline, only a model's quality has; hold it against a number"
        if each.metric in SHARES and each.op.upward and not isinstance(each.against, Reference):
            threshold = each.against * (1.0 if each.factor is None else each.factor)
            if threshold > 1 or (threshold == 1 and each.op is Op.ABOVE):
                return f"{each} is never true: {each.metric} is a share, from 0 to 1; write 0.3 for 30 %"
    return None


def _true_of_good(comparison: Comparison) -> str | None:
    """Why a comparison with the baseline that is turned the wrong way retrains a model as good as ever.

    `rmse < 0.5 * baseline` is true of no such model, and may be meant.
    """
    is_lower = comparison.metric in LOWER_IS_BETTER
    is_quality = METRICS[comparison.metric].is_quality
    if comparison.against is not Reference.BASELINE or not is_quality or comparison.op.upward is is_lower:
        return None
    factor = 1.0 if comparison.factor is None else comparison.factor
    if not (factor > 1 if is_lower else factor < 1):
        return None
    turned = replace(comparison, op=Op.ABOVE if is_lower else Op.BELOW)
    better, _ = _BETTER[is_lower]
    good = f"{comparison.metric} is better when it is {better}"
    return f"{good}, so {comparison} retrains a good model; write {turned}"


def is_of_quality(condition: Condition) -> bool:
    """Whether any part of it is told by labels alone."""
    return any(METRICS[each.metric].is_quality for each in comparisons(condition))


def check_problem(condition: Condition, problem: ProblemType) -> str | None:
    """Why a condition asks for what a model of this kind does not have, in a sentence, or None."""
    told = (check_metric(each.metric, problem) for each in comparisons(condition))
    return next((sentence for sentence in told if sentence), None)


def check_metric(name: str, problem: ProblemType) -> str | None:
    """Why a model of this kind does not have this metric, in a sentence, or None."""
    problems = METRICS[name].problems
    if problems and problem not in problems:
        known = ", ".join(name for name, metric in METRICS.items() if problem in metric.problems)
        return f"{name} is no metric of {problem}; those are {known}"
    return None


def check_judging(
    accept: Condition, problem: ProblemType, *, has_probability: bool, is_given: bool = True
) -> str | None:
    """Why a challenger of this kind can't be judged by a condition, in a sentence, or None."""
    if (told := check_problem(accept, problem)) is not None:
        where = "" if is_given else " where accept says nothing"
        return f"a challenger is judged by {accept}{where}, and {told}; write accept: {_USUAL[problem]}"
    named = (each.metric for each in comparisons(accept))
    return None if has_probability else next(filter(None, map(check_probability, named)), None)


def check_probability(metric: str) -> str | None:
    """Why a metric can't be told where no column of probabilities is named, in a sentence, or None."""
    if metric != OF_PROBABILITIES:
        return None
    return (
        f"asks for {metric}, which probabilities alone tell; name the column of the positive class's: "
        "probability: NAME"
    )


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
        asked = next(each for each in named if each.against is Reference.BASELINE)
        written = replace(asked, against=Reference.CHAMPION)
        return f"a challenger is held against the champion or a number; write {written}"
    return next((told for each in named if (told := _wrong_way(each))), None)


def _wrong_way(comparison: Comparison) -> str | None:
    """What is wrong with an acceptance that a worse model meets sooner than a better one, or None."""
    is_lower = comparison.metric in LOWER_IS_BETTER
    if comparison.op.upward is not is_lower:
        return None
    better, right = _BETTER[is_lower]
    return f"{comparison.metric} is better when it is {better}; write {replace(comparison, op=right)}"


def _without_dataset(comparison: Comparison) -> Comparison:
    """A model's quality may be asked for on one data set: ``rmse(test) < 1.25 * champion``."""
    metric = METRICS.get(comparison.metric)
    named = metric is not None and metric.is_quality and comparison.feature in DATASETS
    return replace(comparison, feature=None) if named else comparison
