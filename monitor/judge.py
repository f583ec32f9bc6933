"""The verdict on a window: every check on every feature, a pure function of profiles and constraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from baselines.checks.completeness import check_completeness
from baselines.checks.domain import check_domain
from baselines.checks.names import (
    DISABLED,
    NO_COLUMN,
    NO_RECORDS,
    NO_STATISTICS,
    NOT_COMPARED,
    OURS_ALONE,
    Check,
    insufficient,
    not_applicable,
)
from baselines.checks.non_negative import check_non_negative
from baselines.constraints import Constraints, FeatureConstraints
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile
from config.assumptions import CONSERVATIVE, Assume
from config.distance import Distance
from monitor.checks.columns import check_columns
from monitor.checks.data_type import check_data_type
from monitor.checks.drift import check_drift
from monitor.checks.profiled import unanswered
from monitor.checks.unit import check_unit
from store.records import CheckRow, FeatureResult, Outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks found: a row for each feature in the baseline's order, and a row for each check."""

    features: tuple[FeatureResult, ...]
    checks: tuple[CheckRow, ...]

    @property
    def violations(self) -> tuple[CheckRow, ...]:
        """The checks that were violated."""
        return tuple(check for check in self.checks if check.outcome is Outcome.VIOLATED)


def judge(
    current: Profile,
    baseline: Profile,
    constraints: Constraints,
    mode: Distance,
    width: int | None = None,
    assume: Assume = CONSERVATIVE,
) -> Verdict:
    """Hold a profile against a baseline.

    `width` is how many columns a record should have, where it is not as many as there are constraints:
    excluded columns hold their place in a record. Where the number of columns is wrong, that is the one
    violation, as in Model Monitor: the columns can't be told apart then (`assume.columns_alone`: else the
    records that do fit are checked beside it). A check that fails is an ERROR row and stops nothing else.
    """
    columns = _check_columns(current, constraints, width)
    if columns is not None and assume.columns_alone:
        return Verdict((), (columns,))
    features: list[FeatureResult] = []
    checks = [] if columns is None else [columns]
    for constraint in constraints.features:
        column = current.columns.get(constraint.name)
        if column is None:
            checks.append(_absent(constraint.name, current.rows))
            continue
        results = _check_feature(
            column, baseline.columns.get(constraint.name), constraint, constraints, mode, assume
        )
        checks.extend(results)
        gravest = min((row.outcome for row in results), key=_GRAVITY.index)
        features.append(summary(constraint.name, column, results, gravest))
    return Verdict(tuple(features), tuple(checks))


def _check_columns(current: Profile, constraints: Constraints, width: int | None) -> CheckRow | None:
    if not constraints.monitoring.evaluate_constraints:
        return None
    return check_columns(current.rows, current.widths, len(constraints.features) if width is None else width)


def _absent(name: str, rows: int) -> CheckRow:
    if not rows:
        return insufficient(name, Check.COMPLETENESS, NO_RECORDS)
    return not_applicable(name, Check.COMPLETENESS, NO_COLUMN)


def _check_feature(
    column: ColumnProfile,
    baseline: ColumnProfile | None,
    constraint: FeatureConstraints,
    constraints: Constraints,
    mode: Distance,
    assume: Assume,
) -> list[CheckRow]:
    name, config = constraint.name, constraints.config_for(constraint.name)
    if not config.evaluate_constraints:
        return [not_applicable(name, check, DISABLED) for check in _checks(mode, assume)]
    if column.types.rows == 0:
        return [insufficient(name, Check.COMPLETENESS, NO_RECORDS)]

    def against_baseline(check: Check, make: Callable[[ColumnProfile], CheckRow]) -> CheckRow:
        if not config.perform_comparison:
            return not_applicable(name, check, NOT_COMPARED)
        if baseline is None:
            return not_applicable(name, check, NO_STATISTICS)
        return make(baseline)

    made: dict[Check, Callable[[], CheckRow]] = {
        Check.DATA_TYPE: lambda: check_data_type(column, constraint, config.datatype_check_threshold, assume),
        Check.COMPLETENESS: lambda: check_completeness(column, constraint),
        Check.DOMAIN: lambda: check_domain(column, constraint, config.domain_content_threshold),
        Check.NON_NEGATIVE: lambda: check_non_negative(column, constraint),
        Check.DRIFT: lambda: against_baseline(
            Check.DRIFT, lambda expected: check_drift(name, column, expected, config, mode, assume)
        ),
        Check.UNIT: lambda: against_baseline(Check.UNIT, lambda expected: check_unit(name, column, expected)),
    }
    silent = unanswered(column, constraint)
    return [
        insufficient(name, check, silent[check]) if check in silent else _guarded(name, check, made[check])
        for check in _checks(mode, assume)
    ]


def _checks(mode: Distance, assume: Assume) -> tuple[Check, ...]:
    """The checks of a single feature, in the order in which they are told."""
    signs = (Check.NON_NEGATIVE,) if assume.non_negative else ()
    of_a_feature = (Check.DATA_TYPE, Check.COMPLETENESS, Check.DOMAIN, *signs, Check.DRIFT, Check.UNIT)
    return tuple(check for check in of_a_feature if mode is Distance.CORRECT or check not in OURS_ALONE)


def _guarded(name: str, check: Check, make: Callable[[], CheckRow]) -> CheckRow:
    try:
        return make()
    except Exception as error:  # a failed metric is a value: one bad column never stops a window
        return CheckRow(name, check, Outcome.ERROR, None, None, f"The check failed: {type(error).__name__}.")


_GRAVITY = (
    Outcome.VIOLATED,
    Outcome.ERROR,
    Outcome.INSUFFICIENT_DATA,
    Outcome.OK,
    Outcome.NOT_APPLICABLE,
)


def summary(name: str, column: ColumnProfile, results: Iterable[CheckRow], outcome: Outcome) -> FeatureResult:
    """What an execution tells of a feature, whose checks gave `results` and, together, `outcome`."""
    drift = next((row for row in results if row.check == Check.DRIFT), None)
    moments = column.moments if column.moments.count else None
    return FeatureResult(
        feature=name,
        data_type=column.inferred_type,
        completeness=column.completeness if column.types.rows else None,
        mean=moments.mean if moments else None,
        std_dev=column.std_dev if moments else None,
        minimum=moments.minimum if moments else None,
        maximum=moments.maximum if moments else None,
        distinct=column.distinct_count,
        drift=drift.value if drift else None,
        threshold=drift.threshold if drift else None,
        outcome=outcome,
    )
