"""Which features of an execution a test compared, so that their drift is a p-value and no distance."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection

from baselines import constraints
from store import baselines, deployments
from store.records import Execution

_SPELLED = "chisquared"
"""What stands in the constraints where any feature is tested, in letters of any case."""


def tested_features(connection: Connection, judged: Iterable[Execution]) -> dict[int, frozenset[str]]:
    """They, by execution; those of a Model Monitor schedule are of the baseline of its era."""
    found: dict[tuple[int | None, int], frozenset[str]] = {}
    by_execution = {}
    for execution in judged:
        key = execution.baseline_version, execution.deployment_id
        if key not in found:
            found[key] = _tested(connection, execution)
        if found[key]:
            by_execution[execution.id] = found[key]
    return by_execution


def _tested(connection: Connection, execution: Execution) -> frozenset[str]:
    version = execution.baseline_version
    if version is None:
        eras = deployments.eras(connection, execution.monitor_id)
        baseline_id = next((era.baseline_id for era in eras if era.id == execution.deployment_id), None)
    else:
        known = baselines.by_version(connection, execution.monitor_id, version)
        baseline_id = known.id if known else None
    if baseline_id is None:
        return frozenset()
    return _of_text(baselines.constraints_text(connection, baseline_id))


@lru_cache(maxsize=8)
def _of_text(text: str) -> frozenset[str]:
    # most baselines test nothing, and need not be parsed at every decision to say so
    if _SPELLED not in text.casefold().replace("_", ""):
        return frozenset()
    return constraints.read(text, "a stored baseline").tested
