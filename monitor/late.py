"""Objects that came so late that nobody counts them: looked for now and then, to be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from config.model import Endpoint
from monitor import ingest
from monitor.ingest import Found
from objects import Place
from store.records import Late, ObjectKind

Unseen = Callable[[ObjectKind, list[Found]], tuple[Found, ...]]
"""Those of listed objects that were not counted."""


def captures(endpoint: Endpoint, place: Place, unseen: Unseen, now: datetime) -> Late:
    """Captures that lie beyond the lateness."""
    horizon = now - endpoint.lateness
    every = ingest.list_all(place, endpoint, now - endpoint.retention.metrics)
    beyond = [found for found in every if ingest.is_before(place, found, horizon)]
    return _told(unseen(ObjectKind.CAPTURE, beyond))


def labels(endpoint: Endpoint, place: Place, unseen: Unseen, now: datetime) -> Late:
    """Labels that lie beyond their reach."""
    horizon = now - label_reach(endpoint)
    every = ingest.list_labels(place, now - endpoint.retention.metrics)
    beyond = [found for found in every if ingest.is_label_before(place, found, horizon)]
    return _told(unseen(ObjectKind.GROUND_TRUTH, beyond))


def _told(found: tuple[Found, ...]) -> Late:
    return Late(len(found), found[0].name if found else None)


def label_reach(endpoint: Endpoint) -> timedelta:
    """How far back labels are looked for: as long as predictions wait for them.

    But no farther than consumed objects are on record, so that none is counted again.
    """
    return min(max(endpoint.label_horizon, endpoint.lateness), endpoint.retention.metrics)
