"""Are a text feature's values among those that the constraints list?"""

from __future__ import annotations

from baselines.constraints import FeatureConstraints
from baselines.profile.column import ColumnProfile
from monitor.checks.names import Check, insufficient, not_applicable
from store.records import CheckRow, Outcome


def check_domain(column: ColumnProfile, constraint: FeatureConstraints, threshold: float) -> CheckRow:
    """The share of present values inside the domain, against the threshold."""
    name = constraint.name
    if constraint.domains is None:
        return not_applicable(name, Check.DOMAIN, "The constraints list no values for this feature.")
    if column.num_present == 0:
        return insufficient(name, Check.DOMAIN, "No value of this feature is present.")
    share = _share_inside(column, frozenset(constraint.domains))
    if share < threshold:
        # the wording that parsers in the wild read, with its trailing space
        detail = f"Value: {share!r} does not meet the constraint requirement! "
        return CheckRow(name, Check.DOMAIN, Outcome.VIOLATED, share, threshold, detail)
    detail = f"A share of {share!r} lies inside the listed values."
    return CheckRow(name, Check.DOMAIN, Outcome.OK, share, threshold, detail)


def _share_inside(column: ColumnProfile, domain: frozenset[str]) -> float:
    if column.categories.overflowed:
        # More distinct values than are counted one by one: all beyond the domain's own number are outside it.
        outside = max(0.0, (column.distinct_count or 0.0) - len(domain))
        return max(0.0, 1.0 - outside / column.num_present)
    inside = sum(count for value, count in column.categories.counts.items() if value in domain)
    return inside / column.num_present
