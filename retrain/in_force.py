"""Whether the endpoint answers by the challenger already, since its owner deployed that himself."""

from __future__ import annotations

from retrain import ends, rollout
from retrain.bench import Bench
from retrain.rollout import InService, RolloutError
from store.retraining import Run


def challenger(run: Run, bench: Bench) -> InService | None:
    """The endpoint where it answers by the run's version; None where it does not, or nobody may know.

    AWS is asked, since whoever observes the endpoint may be a minute behind.

    Raises:
        RolloutError: where it may be known later: the endpoint is on its way, or AWS does not answer now. So
            where AWS refuses to say while an update goes on that may bring the version into force.
    """
    package = ends.package_of(run)
    if package is None:
        return None
    sagemaker, name = bench.world.sagemaker(), bench.endpoint.name
    try:
        found = rollout.state(sagemaker, name)
        if isinstance(found, rollout.Updating):
            raise RolloutError(f"endpoint {name} is being updated: wait for it", True)
        if isinstance(found, rollout.Failed) or found.config == bench.era(run.deployment_id).endpoint_config:
            return None
        answering = rollout.package_of(sagemaker, found.config, run.variant)
    except RolloutError as error:
        if error.retryable:
            raise
        if bench.effects.is_intended("update"):
            raise error.while_it_goes_on() from error
        return None
    return found if answering == package else None
