"""Are a text feature's values among those that the constraints list?"""

from __future__ import annotations

from baselines.checks.names import NO_DOMAIN, Check, insufficient, not_applicable, printed
from baselines.constraints import FeatureConstraints
from baselines.profile.categories import BOUND
from baselines.profile.column import ColumnProfile
from store.records import CheckRow, Outcome

UNCOUNTED = (
    f"There are more than {BOUND} different values, "
    "and those that the constraints list were not counted apart."
)


def check_domain(column: ColumnProfile, constraint: FeatureConstraints, threshold: float) -> CheckRow:
    """The share of present values inside the domain, against the threshold."""
    name = constraint.name
    if constraint.domains is None:
        return not_applicable(name, Check.DOMAIN, NO_DOMAIN)
    if column.num_present == 0:
        return insufficient(name, Check.DOMAIN, "No value of this feature is present.")
    domain = frozenset(constraint.domains)
    share = _share_inside(column, domain)
    if share is None and (most := _most_inside(column, domain)) < threshold:
        share = most
    if share is None:
        return insufficient(name, Check.DOMAIN, UNCOUNTED)
    if share < threshold:
        # the wording that parsers in the wild read, with its trailing space
        detail = f"Value: {printed(share)} does not meet the constraint requirement! "
        return CheckRow(name, Check.DOMAIN, Outcome.VIOLATED, share, threshold, detail)
    detail = f"A share of {printed(share)} lies inside the listed values."
    return CheckRow(name, Check.DOMAIN, Outcome.OK, share, threshold, detail)


def _share_inside(column: ColumnProfile, domain: frozenset[str]) -> float | None:
    """None where there were too many values to count one by one, and the listed ones were not wanted then."""
    counts = [column.categories.count(value) for value in domain]
    known = [count for count in counts if count is not None]
    return sum(known) / column.num_present if len(known) == len(counts) else None


def _most_inside(column: ColumnProfile, domain: frozenset[str]) -> float:
    """No larger share can lie inside: every different value that is not listed lies outside once at least."""
    outside = max(0.0, (column.distinct_count or 0.0) - len(domain))
    return max(0.0, 1.0 - outside / column.num_present)
