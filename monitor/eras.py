"""Eras: noticing that another endpoint config is in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from baselines.folder import BaselineError
from config.model import Endpoint
from config.rollout import SETTLING
from monitor.windows import EPOCH
from store import deployments, incidents, runs
from store.records import Deployment, Served

_INSTANT = timedelta(microseconds=1)
"""No two eras of an endpoint begin at once."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What AWS says about an endpoint: its config and model package, since when, whether it is updating.

    `model_package` is None where it is not known, or variants have models of several; `models` is the package
    behind each variant, empty where that is not known.
    """

    endpoint_config: str
    since: datetime
    updating: bool = False
    model_package: str | None = None
    models: Mapping[str, str | None] = field(default_factory=dict)


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


def adopt(connection: Connection, monitor_id: int, baseline_id: int, anew_in: int | None) -> None:
    """Let a baseline judge what has none, eras and variants: nothing better is known of them.

    `anew_in` is the key of an era that it judges whatever judged that so far. The caller's transaction holds
    the monitor's row, so that no era is written over that has changed meanwhile.
    """
    for era in deployments.eras(connection, monitor_id):
        anew = era.id == anew_in
        if anew or None in era.baseline_ids:
            deployments.set_models(connection, _judged(era, baseline_id, anew=anew))


def _judged(era: Deployment, baseline_id: int, *, anew: bool) -> Deployment:
    own = None if anew else era.baseline_id
    served = (
        replace(each, baseline_id=baseline_id if anew else each.baseline_id or baseline_id)
        for each in era.served
    )
    return replace(era, baseline_id=own or baseline_id, served=tuple(served))


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
            served=_own(now_in_force, lambda _, __: None) if now_in_force else (),
        )
        return deployments.eras(connection, monitor_id)
    last, what = eras[-1], change(eras, now_in_force)
    if now_in_force is None or what is Change.NONE:
        return eras
    if what is Change.NAME and _is_challengers(connection, last, now_in_force):
        what = Change.BEGIN
    config = now_in_force.endpoint_config
    if what is Change.BEGIN:
        if runs.has_left(connection, monitor_id, config, last.endpoint_config or "", now - SETTLING):
            return eras
        began = max(min(now_in_force.since, now), last.started_at + _INSTANT)
        serving = _serving(connection, monitor_id, eras, now_in_force)
        deployments.begin(
            connection,
            monitor_id,
            started_at=began,
            endpoint_config=config,
            model_package=serving.model_package,
            mixed_until=began if now_in_force.updating else None,
            baseline_id=serving.baseline_id,
            served=serving.served,
        )
    else:
        settled = now if what is Change.SETTLE else last.mixed_until
        deployments.name_config(connection, _named(last, now_in_force), config, settled)
    return deployments.eras(connection, monitor_id)


def _is_challengers(connection: Connection, era: Deployment, now_in_force: InForce) -> bool:
    """Whether an era without a name is over: its owner deployed what was trained to take its model's place.

    A run that deploys it names the era by itself.
    """
    packages = {now_in_force.model_package, *now_in_force.models.values()} - {None, *era.model_packages}
    named = [package for package in packages if package is not None]
    config = now_in_force.endpoint_config
    return runs.has_challenged(connection, era.monitor_id, era.id, named, config)


def _named(era: Deployment, now_in_force: InForce) -> Deployment:
    """An era with the model packages of its variants, as far as they were not known; judged as it is."""
    package = era.model_package or now_in_force.model_package
    served = era.served
    if not served or any(each.model_package is None for each in served):
        served = _own(now_in_force, lambda variant, _: era.of(variant).baseline_id) or served
    return replace(era, model_package=package, served=served)


def _serving(
    connection: Connection, monitor_id: int, eras: Sequence[Deployment], now_in_force: InForce
) -> Deployment:
    """The last era as it goes on by another config: with the models of that, and what judges them."""
    last, config, package = eras[-1], now_in_force.endpoint_config, now_in_force.model_package
    # a retraining run stores the baseline of its model before it rolls it out
    planned = runs.planned_baseline(connection, monitor_id, config)
    if planned is not None:
        baseline_id, run = planned
        beside = frozenset(now_in_force.models) or frozenset(each.variant for each in last.served)
        return last.with_model(run.variant, run.model_package, baseline_id, beside)
    # a config that was in force before brings its own baselines back
    again = next((era for era in reversed(eras) if era.endpoint_config == config), None)
    if again is not None:
        same = replace(again, model_package=package or again.model_package)
        return replace(same, served=_own(now_in_force, lambda it, _: again.of(it).baseline_id) or same.served)

    def judging(variant: str | None, package: str | None) -> int | None:
        """By what a model is judged: as it was, or by what the run that it is of has stored for it."""
        before = last if variant is None else last.of(variant)
        if package in (None, before.model_package):
            return before.baseline_id
        judged = (each for era in reversed(eras) for each in _models(era) if each.model_package == package)
        known = next((each.baseline_id for each in judged if each.baseline_id), None)
        registered = None if known else runs.registered_baseline(connection, monitor_id, package or "")
        return known or (registered[0] if registered else before.baseline_id)

    served = _own(now_in_force, judging)
    if not now_in_force.models and package is None:
        # nobody says who serves where: each is judged as it was
        served = tuple(replace(each, model_package=None) for each in last.served)
    return replace(last, model_package=package, baseline_id=judging(None, package), served=served)


def _models(era: Deployment) -> tuple[Served, ...]:
    return (*era.served, Served("", era.model_package, era.baseline_id))


def _own(now_in_force: InForce, judging: Callable[[str, str | None], int | None]) -> tuple[Served, ...]:
    """The variants with their models, where these are not all of one package."""
    models = now_in_force.models
    if len(set(models.values())) < 2:
        return ()
    return tuple(Served(name, models[name], judging(name, models[name])) for name in sorted(models))


def no_baseline(endpoint: Endpoint) -> BaselineError:
    """What to say of an era that nothing judges."""
    return BaselineError(
        f"endpoint {endpoint.name} has no baseline: give it one in kedge.yaml (baseline: s3://…), "
        f"or run 'kedge baseline import {endpoint.name} FOLDER'"
    )
