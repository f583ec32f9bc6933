"""A registered model takes over an endpoint: model, endpoint config, update, and the way back.

`plan` asks AWS and makes the exact requests; `create_model`, `create_config` and `update` send them. Each may
be sent twice: what is there already is described and compared, and equal means ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from config.retraining import Rollout, RolloutKind
from retrain.sagemaker_calls import TAKEN, Answer, CallError, SageMakerClient, calling, code_of

Request: TypeAlias = dict[str, Any]
"""The arguments of a call, which JSON can hold."""

_MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


class RolloutError(CallError):
    """The rollout can't go on: one sentence, and whether trying again may help."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of a rollout, in order, and the endpoint config that it starts from.

    `update` is None where the model is not to be deployed.
    """

    old_config: str
    model: Request
    config: Request
    update: Request | None

    @property
    def new_config(self) -> str:
        """The name of the endpoint config that the rollout makes."""
        return str(self.config["EndpointConfigName"])

    def text(self) -> str:
        """As JSON, the same for the same plan."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Plan:
        """The plan that `text` made."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Updating:
    """The endpoint is on its way to another config."""


@dataclass(frozen=True, slots=True)
class InService:
    """The endpoint answers by `config` since then (UTC); `failure` is why AWS took its last update back."""

    config: str
    since: datetime
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The endpoint answers no more, or can't be updated, with AWS's reason."""

    reason: str


State: TypeAlias = Updating | InService | Failed


def plan(
    sagemaker: SageMakerClient,
    *,
    run_name: str,
    endpoint: str,
    variants: Collection[str],
    package: str,
    rollout: Rollout,
) -> Plan:
    """Look the endpoint up and make the requests of its rollout; nothing is changed yet.

    Args:
        sagemaker: a boto3 SageMaker client.
        run_name: what the new model and the new endpoint config are called.
        endpoint: its name.
        variants: those that get the new model; the others keep theirs.
        package: the model package's ARN.
        rollout: how it takes over.

    Raises:
        RolloutError: where AWS refuses, or the endpoint has no such variant.
    """
    old = present_config(sagemaker, endpoint)
    with calling("DescribeEndpointConfig", f"endpoint config {old}", RolloutError):
        present = sagemaker.describe_endpoint_config(EndpointConfigName=old)
    config = config_request(run_name, present, variants, _accepted(sagemaker))
    model_name = _model_of(present, variants, endpoint)
    with calling("DescribeModel", f"model {model_name}", RolloutError):
        model = model_request(run_name, package, sagemaker.describe_model(ModelName=model_name))
    return Plan(old, model, config, update_request(endpoint, run_name, rollout))


def present_config(sagemaker: SageMakerClient, endpoint: str) -> str:
    """The name of the endpoint config in force; raises RolloutError."""
    answer = _endpoint(sagemaker, endpoint)
    name = answer.get("EndpointConfigName")
    if not name:
        raise RolloutError(
            f"endpoint {endpoint} has no endpoint config yet: wait until it is InService", True
        )
    return str(name)


def model_request(run_name: str, package: str, present: Answer) -> Request:
    """CreateModel: the package's containers with the role, network and isolation of the present model."""
    kept = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
    carried = {name: present[name] for name in kept if present.get(name)}
    return {"ModelName": run_name, "Containers": [{"ModelPackageName": package}], **carried}


def config_request(
    run_name: str, present: Answer, variants: Collection[str], accepted: Collection[str]
) -> Request:
    """CreateEndpointConfig: the present config, data capture and all, with other models in the variants.

    Args:
        run_name: the new config's name, and the new model's.
        present: DescribeEndpointConfig's answer.
        variants: the names of those that get the new model.
        accepted: the parameters that CreateEndpointConfig takes.
    """
    carried = {
        name: value for name, value in present.items() if name in accepted and value not in ([], {}, None)
    }
    named = [
        {**variant, "ModelName": run_name} if variant["VariantName"] in variants else variant
        for variant in present["ProductionVariants"]
    ]
    return {**carried, "EndpointConfigName": run_name, "ProductionVariants": named}


def update_request(endpoint: str, config: str, rollout: Rollout) -> Request | None:
    """UpdateEndpoint, keeping the instances, weights and capture rate it has now; None to deploy nothing."""
    if rollout.kind is RolloutKind.NONE:
        return None
    return {
        "EndpointName": endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": _routing(rollout)}},
    }


def _routing(rollout: Rollout) -> Request:
    if rollout.percent is None or rollout.wait is None:
        return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": rollout.percent},
        "WaitIntervalInSeconds": int(rollout.wait.total_seconds()),
    }


def create_model(sagemaker: SageMakerClient, request: Request) -> None:
    """Make the model, once; raises RolloutError where another of that name is there."""
    name = request["ModelName"]
    _create(
        "CreateModel",
        f"model {name}",
        request,
        sagemaker.create_model,
        lambda: sagemaker.describe_model(ModelName=name),
    )


def create_config(sagemaker: SageMakerClient, request: Request) -> None:
    """Make the endpoint config, once; raises RolloutError where another of that name is there."""
    name = request["EndpointConfigName"]
    _create(
        "CreateEndpointConfig",
        f"endpoint config {name}",
        request,
        sagemaker.create_endpoint_config,
        lambda: sagemaker.describe_endpoint_config(EndpointConfigName=name),
    )


def update(sagemaker: SageMakerClient, request: Request, old_config: str) -> None:
    """Set the endpoint to its new config, once; nothing is sent where it is there or on its way there.

    Raises:
        RolloutError: where AWS refuses, another update is under way (retryable), or the endpoint is neither
            on `old_config` nor on the new one, because somebody else deployed.
    """
    raise NotImplementedError


def roll_back(sagemaker: SageMakerClient, endpoint: str, old_config: str) -> None:
    """Set the endpoint to an earlier config, at once, whatever it has now; once. Raises RolloutError."""
    raise NotImplementedError


def state(sagemaker: SageMakerClient, endpoint: str) -> State:
    """Where the endpoint stands; raises RolloutError where AWS does not say."""
    raise NotImplementedError
