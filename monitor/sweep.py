"""The daily sweep: what came too late to be counted is looked for, and what has served its time goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from config.model import Endpoint
from monitor import late
from monitor.late import Unseen
from monitor.rounds import noting
from objects import Place
from store import monitors, retention
from store.lease import Lease
from store.records import Late, Monitor

log = structlog.get_logger(__name__)

SWEEP = timedelta(days=1)


def sweep(
    endpoint: Endpoint,
    monitor: Monitor,
    lease: Lease,
    place: Callable[[str], Place],
    unseen: Unseen,
    now: datetime,
    problems: list[str],
) -> None:
    """Look for what came too late, and let go of the old, once a day.

    What is too late the entry says: where it changed, that is looked for again at once.
    """
    due = monitor.swept_at is None or now - monitor.swept_at >= SWEEP
    if due or monitor.swept_digest != endpoint.digest:
        _look_for_late(endpoint, lease, monitor, place, unseen, now, problems)
    if not due:
        return
    with lease.transaction() as connection:
        monitors.swept(connection, lease.key, now)
        retention.forget(
            connection,
            lease.key,
            segments_before=now - endpoint.lateness - SWEEP,
            predictions_before=now - max(endpoint.label_horizon, endpoint.lateness) - SWEEP,
            profiles_before=now - endpoint.retention.profiles,
            metrics_before=now - endpoint.retention.metrics,
        )


def _look_for_late(
    endpoint: Endpoint,
    lease: Lease,
    monitor: Monitor,
    place: Callable[[str], Place],
    unseen: Unseen,
    now: datetime,
    problems: list[str],
) -> None:
    captures = Late(monitor.late_objects, monitor.late_key)
    labels = Late(monitor.late_labels, monitor.late_label_key)
    with noting(problems):
        captures = late.captures(endpoint, place(endpoint.capture), unseen, now)
    with noting(problems):
        truth = endpoint.ground_truth
        labels = late.labels(endpoint, place(truth), unseen, now) if truth else Late()
    with lease.transaction() as connection:
        monitors.found_late(connection, lease.key, captures, labels, endpoint.digest)
    for event, found in (("late_objects", captures), ("late_labels", labels)):
        if found.count:
            log.warning(event, endpoint=endpoint.name, count=found.count, first_key=found.first)
