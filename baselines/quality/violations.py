"""Model-quality violations: found, and Model Monitor's constraint_violations.json read and written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from baselines.fields import Fields, told_of
from baselines.jackson import java_double, render
from baselines.quality.constraints import Bound, QualityConstraints
from baselines.quality.measures import Measured, Quality
from baselines.quality.problem import QualityError

NEVER_REPORTED = frozenset({"f0_5"})
"""What Model Monitor measures and constrains, and never reports."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A line of the file; `metric_name` is camelCase, as Model Monitor has it there alone."""

    constraint_check_type: str
    description: str
    metric_name: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A constrained metric that was measured, by its name in the other files, and whether it is violated."""

    metric: str
    measured: Measured
    bound: Bound

    @property
    def violated(self) -> bool:
        """Whether the value is on the bad side of the threshold, strictly."""
        return self.bound.operator.is_bad(self.measured.value, self.bound.threshold)

    @property
    def violation(self) -> Violation:
        """The check in Model Monitor's words for one that is violated."""
        value, spread = (_number(n) for n in (self.measured.value, self.measured.standard_deviation))
        said = camel_case(self.metric)
        return Violation(
            str(self.bound.operator),
            f"Metric {said} with {value} +/- {spread} was {self.bound.operator} "
            f"'{_number(self.bound.threshold)}'",
            said,
        )


def check(quality: Quality, constraints: QualityConstraints, *, compat: bool = False) -> tuple[Checked, ...]:
    """Every constrained metric that was measured, in the constraints' order.

    `compat` leaves out what Model Monitor never reports. Raises QualityError where the constraints are of
    another problem type.
    """
    if quality.problem is not constraints.problem:
        raise QualityError(
            f"the quality of a {quality.problem} can't be held against constraints of a "
            f"{constraints.problem}: give the baseline of this problem type"
        )
    silent = NEVER_REPORTED if compat else frozenset()
    return tuple(
        Checked(name, quality.metrics[name], bound)
        for name, bound in constraints.bounds.items()
        if name in quality.metrics and name not in silent
    )


def camel_case(metric: str) -> str:
    """`truePositiveRate` for true_positive_rate; a number stays behind its underscore (`f0_5`).

    >>> camel_case("weighted_f0_5")
    'weightedF0_5'
    """
    first, *others = metric.split("_")
    return first + "".join(f"_{word}" if word.isdigit() else word.capitalize() for word in others)


def _number(value: float) -> str:
    return java_double(value).strip('"')


def write(violations: Iterable[Violation]) -> str:
    """The file's text; an empty list where nothing was violated."""
    entries = [
        {
            "constraint_check_type": each.constraint_check_type,
            "description": each.description,
            "metric_name": each.metric_name,
        }
        for each in violations
    ]
    return render({"violations": entries})


def read(text: str | bytes, where: str) -> tuple[Violation, ...]:
    """The violations of a file; `where` names it in errors. Raises QualityError."""
    with told_of(where, "constraint_violations.json", "model-quality", QualityError):
        entries = Fields.parsed(text).objects("violations")
        return tuple(Violation(*(each.text(name) for name in Violation.__slots__)) for each in entries)
