"""Eras: noticing that another endpoint config is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from baselines.folder import BaselineError
from config.model import Endpoint
from config.rollout import SETTLING
from monitor.windows import EPOCH
from store import deployments, incidents, runs
from store.records import Deployment

_INSTANT = timedelta(microseconds=1)
"""No two eras of an endpoint begin at once."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What AWS says about an endpoint: its config and model package, since when, whether it is updating."""

    endpoint_config: str
    since: datetime
    updating: bool = False
    model_package: str | None = None


class Change(StrEnum):
    """What the answer means for the endpoint's eras."""

    NONE = "none"
    NAME = "name"
    BEGIN = "begin"
    SETTLE = "settle"


def change(eras: Sequence[Deployment], now_in_force: InForce | None) -> Change:
    """Compare AWS's answer with the last era on record.

    An update that is under way leaves the old config in the answer: the era begins once the new config is
    named, and the time from there to InService is mixed.
    """
    if now_in_force is None or not eras:
        return Change.NONE
    last = eras[-1]
    if last.endpoint_config is None:
        return Change.NAME
    if last.endpoint_config != now_in_force.endpoint_config:
        return Change.BEGIN
    settled = last.mixed_until is not None and last.mixed_until == last.started_at
    return Change.SETTLE if settled and not now_in_force.updating else Change.NONE


def close_outlived(connection: Connection, monitor_id: int, now: datetime) -> None:
    """Close the incidents of eras that are over, whoever ended them: Kedge's observer or a retraining run."""
    eras = {era.id: era for era in deployments.eras(connection, monitor_id)}
    for incident in incidents.outlived(connection, monitor_id):
        config = eras[incident.deployment_id].endpoint_config
        reason = f"The endpoint config {config} that it was about is no longer in force."
        incidents.close(connection, incident, reason=reason, execution_id=None, now=now)


def adopt(connection: Connection, eras: Sequence[Deployment], baseline_id: int, *, latest: bool) -> None:
    """Let a baseline judge the eras that have none: nothing better is known of them.

    With `latest` it judges the era in force too, whatever judged that so far.
    """
    for era in eras:
        if era.baseline_id is None or (latest and era is eras[-1]):
            deployments.set_baseline(connection, era.id, baseline_id)


def follow(
    connection: Connection, monitor_id: int, now_in_force: InForce | None, now: datetime
) -> tuple[Deployment, ...]:
    """Bring the eras up to date; the first one begins at EPOCH, so that no capture is before it.

    While an update shifts traffic, `mixed_until` equals `started_at`; it is set when AWS says InService.
    The config that a retraining run has just replaced begins none: AWS may tell of it for a while.
    """
    eras = deployments.eras(connection, monitor_id)
    if not eras:
        deployments.begin(
            connection,
            monitor_id,
            started_at=EPOCH,
            endpoint_config=now_in_force.endpoint_config if now_in_force else None,
            model_package=now_in_force.model_package if now_in_force else None,
        )
        return deployments.eras(connection, monitor_id)
    last, what = eras[-1], change(eras, now_in_force)
    if now_in_force is None or what is Change.NONE:
        return eras
    config = now_in_force.endpoint_config
    if what is Change.BEGIN:
        if runs.has_left(connection, monitor_id, config, last.endpoint_config or "", now - SETTLING):
            return eras
        began = max(min(now_in_force.since, now), last.started_at + _INSTANT)
        # a retraining run stores the baseline of its model before it rolls it out
        planned = runs.planned_baseline(connection, monitor_id, config)
        # a config that was in force before brings its own baseline back
        again = next((era for era in reversed(eras) if era.endpoint_config == config), None)
        package = now_in_force.model_package
        if planned is None and again is None and package not in (None, last.model_package):
            # and so does its model, or the run that it is of, where an owner made the config
            judged = (era for era in reversed(eras) if era.model_package == package and era.baseline_id)
            again = next(judged, None)
            planned = None if again else runs.registered_baseline(connection, monitor_id, package)
        deployments.begin(
            connection,
            monitor_id,
            started_at=began,
            endpoint_config=config,
            model_package=planned[1].model_package if planned else now_in_force.model_package,
            mixed_until=began if now_in_force.updating else None,
            baseline_id=planned[0] if planned else (again or last).baseline_id,
        )
    else:
        settled = now if what is Change.SETTLE else last.mixed_until
        package = last.model_package or now_in_force.model_package
        deployments.name_config(connection, last.id, config, package, settled)
    return deployments.eras(connection, monitor_id)


def no_baseline(endpoint: Endpoint) -> BaselineError:
    """What to say of an era that nothing judges."""
    return BaselineError(
        f"endpoint {endpoint.name} has no baseline: give it one in kedge.yaml (baseline: s3://…), "
        f"or run 'kedge baseline import {endpoint.name} FOLDER'"
    )
