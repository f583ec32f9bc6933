"""The features that a policy names and the baseline in force has not: no window will ever measure them."""

from __future__ import annotations

from sqlalchemy import Connection

from baselines import versions
from config.feature_names import misnamed
from config.model import Endpoint
from store import deployments


def unmeasured(connection: Connection, monitor_id: int, endpoint: Endpoint) -> tuple[str, ...]:
    """One sentence for each; none where there is no baseline to hold them against."""
    eras = deployments.eras(connection, monitor_id)
    baseline_id = eras[-1].baseline_id if eras else None
    if endpoint.retrain is None or baseline_id is None:
        return ()
    features = versions.load(connection, baseline_id).constraints.features
    names = tuple(feature.name for feature in features)
    return tuple(map(str, misnamed(endpoint.retrain, endpoint.columns_among(names, "the baseline"))))
