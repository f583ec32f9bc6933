"""Is a training set fit to be learnt from? Its labels, and its features against the baseline's constraints.

A window with a data fault is left out before; what is left is what was never judged (the original set), what
the constraints do not ask of a window, and what only shows in all of the records together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from baselines.checks.completeness import check_completeness
from baselines.checks.domain import check_domain
from baselines.checks.names import Check
from baselines.checks.non_negative import check_non_negative
from baselines.constraints import Constraints, FeatureConstraints
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import profile_frame
from baselines.quality import classes
from config.problem import ProblemType
from monitor.capture.schema import text_columns
from store.records import CheckRow, Outcome

READING: Final = {
    ProblemType.REGRESSION: classes.number,
    ProblemType.BINARY_CLASSIFICATION: classes.binary_name,
    ProblemType.MULTICLASS_CLASSIFICATION: classes.name,
}
"""How a label is read: null where it is none of such a model's."""


class TrainingSetError(Exception):
    """A training set that must not be used, in one sentence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a column of a training set, in a sentence that holds none of its values."""

    feature: str
    check: str
    told: str


def require_sound(
    training: pl.DataFrame,
    label: str,
    constraints: Constraints,
    problem: ProblemType = ProblemType.REGRESSION,
    positive: str | None = None,
) -> tuple[Finding, ...]:
    """Hold a training set against what it should be like; what is odd and no fault is given back.

    Faults are: a label that is missing or none of such a model, labels that are all alike, or of more classes
    than two, or not those of kedge.yaml, where a model tells two apart, a feature without any value, and
    texts in a feature that is a number. Missing values beyond the completeness, numbers below 0 and values
    outside of the domain may be how the world is now: they are warnings. A change of type from whole numbers
    to fractions is neither.

    Args:
        training: String columns, null where a value is missing: the label's and the features'.
        label: the label's column.
        constraints: the baseline's; a feature that they do not have is not checked.
        problem: what the model answers: a finite number, or the name of a class.
        positive: the positive one of two classes; without it, 1 (or true) of 0 and 1.

    Raises:
        TrainingSetError: for the first fault.
    """
    _require_labels(training[label], label, problem, positive)
    wanted = [each for each in constraints.features if each.name in training.columns and each.name != label]
    text = text_columns(wanted)
    domains = {each.name: each.domains for each in wanted if each.domains is not None and each.name in text}
    profile = profile_frame(training.select([each.name for each in wanted]), text=text, domains=domains)
    found: list[Finding] = []
    for each in wanted:
        column = profile.column(each.name)
        _require_values(column, each, constraints.config_for(each.name).datatype_check_threshold)
        checks = _checks(column, each, constraints)
        found += [Finding(row.feature, row.check, row.detail) for row in checks if _is_violated(row)]
    return tuple(found)


def _require_labels(values: pl.Series, label: str, problem: ProblemType, positive: str | None) -> None:
    if values.is_empty():
        raise TrainingSetError("the training set has no rows: there is nothing to learn from")
    of_numbers = problem is ProblemType.REGRESSION
    read = values.to_frame(label).select(READING[problem](pl.col(label)).alias(label))[label]
    bad = read.null_count()
    if bad:
        what = "no finite number" if of_numbers else "no name of a class"
        raise TrainingSetError(
            f"{bad} of the {len(values)} labels ({label}) of the training set are {what}: "
            "mend or leave out these rows of the original set"
        )
    found = read.n_unique()
    if found > 2 and problem is ProblemType.BINARY_CLASSIFICATION:
        raise TrainingSetError(
            f"the labels ({label}) of the training set are of {found} classes, and the model tells two "
            "apart: mend these rows of the original set, see what is written as ground truth, or write "
            "problem_type: multiclass_classification"
        )
    if problem is ProblemType.BINARY_CLASSIFICATION:
        _require_positive(read, label, positive)
    if found == 1:
        raise TrainingSetError(
            f"all {len(values)} labels ({label}) of the training set are alike: there is nothing to learn; "
            "see what is written as ground truth"
        )


def _require_positive(read: pl.Series, label: str, positive: str | None) -> None:
    """The labels of two classes tell which is the positive one."""
    if positive is None:
        if not read.is_in(["0", "1"]).all():
            raise TrainingSetError(
                f"the labels ({label}) of the training set are other classes than 0 and 1, and kedge.yaml "
                "does not say which is the positive one: write positive_class: NAME"
            )
        return
    wanted = pl.DataFrame({label: [positive]}).select(classes.binary_name(pl.col(label)))
    if not read.is_in(wanted.to_series().implode()).any():
        raise TrainingSetError(
            f"the positive_class of kedge.yaml is none of the labels ({label}) of the training set: spell it "
            "as they do"
        )


def _require_values(column: ColumnProfile, wanted: FeatureConstraints, threshold: float) -> None:
    if not column.num_present:
        if wanted.completeness == 0.0:
            return
        raise TrainingSetError(
            f"the feature {wanted.name} has no value in any row of the training set: "
            "see what is captured of it"
        )
    types = column.types
    numbers = types.integral + types.fractional
    if wanted.inferred_type.numeric and numbers / types.present < threshold:
        raise TrainingSetError(
            f"{types.present - numbers} values of the feature {wanted.name} in the training set are no "
            f"numbers, and its baseline says {wanted.inferred_type}: mend or leave out these rows"
        )


def _checks(
    column: ColumnProfile, wanted: FeatureConstraints, constraints: Constraints
) -> Iterator[CheckRow]:
    yield check_completeness(column, wanted)
    yield check_non_negative(column, wanted)
    yield check_domain(column, wanted, constraints.config_for(wanted.name).domain_content_threshold)


def _is_violated(row: CheckRow) -> bool:
    return row.outcome is Outcome.VIOLATED


def told(findings: tuple[Finding, ...]) -> str:
    """The warnings in a few words; "" where there is none."""
    if not findings:
        return ""
    names = ", ".join(dict.fromkeys(finding.feature for finding in findings[:5]))
    kinds = ", ".join(sorted({_KINDS.get(finding.check, finding.check) for finding in findings}))
    return f" The training set has {kinds} in {names}: see its manifest."


_KINDS = {
    Check.COMPLETENESS.value: "missing values",
    Check.NON_NEGATIVE.value: "numbers below 0",
    Check.DOMAIN.value: "values that the baseline does not know",
}
