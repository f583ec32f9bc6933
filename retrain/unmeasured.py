"""The features that a policy names and no window will ever measure: by the baseline that is in force."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from baselines import versions
from config.feature_names import misnamed
from config.model import Endpoint
from store import deployments


def unmeasured(connection: Connection, monitor_id: int, endpoint: Endpoint) -> tuple[str, ...]:
    """One sentence for each; none where there is no baseline to hold them against."""
    eras = deployments.eras(connection, monitor_id)
    baseline_id = eras[-1].of(endpoint.variant or "").baseline_id if eras else None
    if endpoint.retrain is None or baseline_id is None:
        return ()
    constraints = versions.load(connection, baseline_id).constraints
    names = tuple(feature.name for feature in constraints.features)
    columns = replace(endpoint.columns_among(names, "the baseline"), tested=constraints.tested)
    return tuple(map(str, misnamed(endpoint.retrain, columns)))
