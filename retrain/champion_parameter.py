"""The champion that an SSM parameter of its owner's stack names: read, never written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from config.asking import SageMakerClient
from retrain import parameter_store
from retrain.parameter_store import ParameterError, SsmClient
from retrain.registry import PackageStatus, status
from store import deployments, runs
from store.records import Deployment
from store.retraining import Run, RunState

PLACEHOLDER: Final = "PLACEHOLDER"
"""What stands in a parameter of the published stack before there is anything to name."""


def named_by(ssm: SsmClient, parameter: str) -> str | None:
    """What a parameter names; None where it holds the placeholder.

    Raises:
        ParameterError: where there is none, or AWS refuses.
    """
    found = parameter_store.read(ssm, parameter)
    if found is None:
        told = f"there is no SSM parameter {parameter}, which is to name the champion: check kedge.yaml"
        raise ParameterError(told, False)
    value = found.value.strip()
    return None if value in ("", PLACEHOLDER) else value


@dataclass(frozen=True, slots=True)
class Champion:
    """The champion's version, None where nobody knows it, and what is to be told of that."""

    package: str | None
    told: str = ""


def runs_of_model(connection: Connection, era: Deployment) -> tuple[Run, ...]:
    """The runs that were to replace an era's model, newest first; by a rollback the same model comes back."""
    same = {
        each.id
        for each in deployments.eras(connection, era.monitor_id)
        if each.id == era.id or (era.endpoint_config and each.endpoint_config == era.endpoint_config)
    }
    return tuple(run for run in runs.history(connection, era.monitor_id) if run.deployment_id in same)


def champion(
    parameter: str,
    era: Deployment,
    past: Sequence[Run],
    ssm: SsmClient,
    sagemaker: SageMakerClient,
) -> Champion:
    """The champion of an era, by the parameter, as far as that can be believed.

    A workflow writes the parameter when it registers, so what it names may have lost, may be under way, or
    may have been rolled back, by a run or by hand. Such a version is never the champion: that is the one
    which a run of the same model was judged against before.

    Args:
        parameter: its name.
        era: whose model it is.
        past: `runs_of_model`.
        ssm: a client.
        sagemaker: a client.

    Raises:
        ParameterError: where the parameter can't be read.
        RegistryError: where it names no version, or AWS refuses.
    """
    known = next((package for run in past if (package := _champion_of(run))), None)
    is_under_way = bool(past) and not past[0].state.is_end and _champion_of(past[0]) is not None
    if is_under_way or era.ended_at is not None:
        return Champion(known)
    named = named_by(ssm, parameter)
    if named is None:
        return Champion(known)
    why = _refused(named, era, past, sagemaker)
    if why is None:
        return Champion(named)
    told = f"The SSM parameter {parameter} names {named}, {why}: "
    if known is None:
        return Champion(None, f"{told}which version the champion is of is not known.")
    return Champion(known, f"{told}the champion is still {known}.")


def _refused(named: str, era: Deployment, past: Sequence[Run], sagemaker: SageMakerClient) -> str | None:
    """Why a version is no champion; None where nothing speaks against it."""
    if status(sagemaker, named) is PackageStatus.REJECTED:
        return "which is rejected"
    made = next((run for run in past if named in (run.model_package, _answered(run))), None)
    if made is not None and made.state is not RunState.ADOPTED:
        return f"which {made.name} made and which did not take its place"
    if made is not None and made.old_endpoint_config and made.old_endpoint_config == era.endpoint_config:
        # it was rolled out, and what is in force is what it took the place of
        return f"which {made.name} made and which was taken out again"
    return None


def _champion_of(run: Run) -> str | None:
    """The version that a run was handed as the champion's."""
    handed = json.loads(run.input or "{}").get("champion") or {}
    found: str | None = handed.get("model_package")
    return found


def _answered(run: Run) -> str | None:
    """The version that a run's target answered with."""
    try:
        found = json.loads(run.output or "{}")
    except ValueError:
        return None
    return found.get("model_package_arn") if isinstance(found, dict) else None
