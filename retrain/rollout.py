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

import structlog
from botocore.exceptions import ClientError

from config.asking import Answer, SageMakerClient
from config.rollout import Rollout, RolloutKind, Traffic
from retrain.aws_calls import TAKEN, UNKNOWN, CallError, calling, code_of, whole

log = structlog.get_logger(__name__)

Request: TypeAlias = dict[str, Any]
"""The arguments of a call, which JSON can hold."""

_MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


class RolloutError(CallError):
    """The rollout can't go on: one sentence, and whether trying again may help."""

    def while_it_goes_on(self) -> RolloutError:
        """The same of an update that may have been sent: only an answer about the endpoint ends that."""
        return RolloutError(f"{self}. What was sent goes on, and the endpoint is asked about again.", True)


class UnseenError(RolloutError):
    """AWS does not say where the endpoint stands; an update that was sent goes on all the same."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of a rollout, in order, and the endpoint config that it starts from.

    `update` is None where the model is not to be deployed. `since` is when the endpoint was last modified.
    """

    old_config: str
    model: Request
    config: Request
    update: Request | None
    since: str | None = None

    @property
    def new_config(self) -> str:
        """The name of the endpoint config that the rollout makes."""
        return str(self.config["EndpointConfigName"])

    @property
    def variants(self) -> frozenset[str]:
        """The names of the variants, which are those of the config that it starts from."""
        return frozenset(str(each["VariantName"]) for each in self.config["ProductionVariants"])

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
    variants: frozenset[str] = frozenset()


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
    answer = _endpoint(sagemaker, endpoint)
    if isinstance(state_of(answer), Updating):  # it is not known yet what the rollout starts from
        raise RolloutError(f"endpoint {endpoint} is being updated by somebody else: wait for it", True)
    old = _config_of(answer, endpoint)
    with calling("DescribeEndpointConfig", f"endpoint config {old}", RolloutError):
        present = whole(sagemaker.describe_endpoint_config(EndpointConfigName=old), "EndpointConfigName")
    config = config_request(run_name, present, variants, config_parameters(sagemaker))
    model_name = _model_of(present, variants, endpoint)
    with calling("DescribeModel", f"model {model_name}", RolloutError):
        described = whole(sagemaker.describe_model(ModelName=model_name), "ModelName")
    environment = _environment(sagemaker, model_name, described, package)
    model = model_request(run_name, package, described, environment)
    config |= _tagged(sagemaker, present.get("EndpointConfigArn"))
    model |= _tagged(sagemaker, described.get("ModelArn"))
    return Plan(
        old, model, config, update_request(endpoint, run_name, rollout), _modified(answer).isoformat()
    )


def _config_of(answer: Answer, endpoint: str) -> str:
    """The name of the endpoint config in force; raises RolloutError."""
    name = answer.get("EndpointConfigName")
    if not name:
        raise RolloutError(
            f"endpoint {endpoint} has no endpoint config yet: wait until it is InService", True
        )
    return str(name)


def model_request(
    run_name: str, package: str, present: Answer, environment: Mapping[str, str] | None = None
) -> Request:
    """CreateModel: the package's containers with the role, network and isolation of the present model.

    Several are called as the present ones are: in sequence, or each directly.
    `environment` are the variables that are set beside those of the package.
    """
    kept = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation", "InferenceExecutionConfig")
    carried = {name: present[name] for name in kept if present.get(name)}
    container = {"ModelPackageName": package} | ({"Environment": dict(environment)} if environment else {})
    return {"ModelName": run_name, "Containers": [container], **carried}


def _environment(sagemaker: SageMakerClient, name: str, present: Answer, package: str) -> dict[str, str]:
    """What the present model's container sets and the new model's package does not set otherwise by itself.

    Raises:
        RolloutError: where the present model has more containers than the package.
    """
    containers = present.get("Containers") or [present.get("PrimaryContainer") or {}]
    if len(containers) > 1:
        registered = _containers(sagemaker, package)
        if len(registered) != len(containers):
            raise RolloutError(
                f"model {name} is a pipeline of {len(containers)} containers and {package} has "
                f"{len(registered)}: have the workflow register the whole pipeline (model_package_arn)",
                False,
            )
        return {}
    variables: dict[str, str] = containers[0].get("Environment") or {}
    if not variables:
        return {}
    new = _variables(sagemaker, package)
    old_package = containers[0].get("ModelPackageName") if new.keys() & variables.keys() else None
    old = _variables(sagemaker, str(old_package)) if old_package else {}
    return {key: value for key, value in variables.items() if key not in new or new[key] == old.get(key)}


def _containers(sagemaker: SageMakerClient, package: str) -> list[Request]:
    with calling("DescribeModelPackage", f"model package {package}", RolloutError):
        described = whole(sagemaker.describe_model_package(ModelPackageName=package), "ModelPackageArn")
    found: list[Request] = (described.get("InferenceSpecification") or {}).get("Containers") or []
    return found


def _variables(sagemaker: SageMakerClient, package: str) -> dict[str, str]:
    found = _containers(sagemaker, package)
    variables: dict[str, str] = (found[0].get("Environment") or {}) if len(found) == 1 else {}
    return variables


def _tagged(sagemaker: SageMakerClient, arn: str | None) -> Request:
    """The tags of what is replaced, for what replaces it; none where they may not be read.

    Those that AWS itself gives, such as a stack's, can't be given by others.
    """
    if arn is None:
        return {}
    try:
        with calling("ListTags", arn, RolloutError):
            tags: list[dict[str, str]] = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    except RolloutError as error:
        if error.retryable:
            raise
        log.warning("tags_not_carried_over", resource=arn, reason=str(error))
        return {}
    own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
    return {"Tags": own} if own else {}


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
    policy = {
        "TrafficRoutingConfiguration": _routing(rollout.traffic),
        "TerminationWaitInSeconds": int(rollout.termination_wait.total_seconds()),
        "MaximumExecutionTimeoutInSeconds": int(rollout.time_limit.total_seconds()),
    }
    alarms = [{"AlarmName": name} for name in rollout.alarms]
    return {
        "EndpointName": endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": True,
        "DeploymentConfig": {"BlueGreenUpdatePolicy": policy}
        | ({"AutoRollbackConfiguration": {"Alarms": alarms}} if alarms else {}),
    }


def _routing(traffic: Traffic) -> Request:
    if traffic.percent is None or traffic.wait is None:
        return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    size = {"Type": "CAPACITY_PERCENT", "Value": traffic.percent}
    return {
        "Type": traffic.kind.name,
        ("CanarySize" if traffic.kind is RolloutKind.CANARY else "LinearStepSize"): size,
        "WaitIntervalInSeconds": int(traffic.wait.total_seconds()),
    }


def create_model(sagemaker: SageMakerClient, request: Request) -> None:
    """Make the model, once.

    Raises:
        RolloutError: where another of that name is there, or AWS refuses.
    """
    name = request["ModelName"]

    def found() -> Answer:
        answer = whole(sagemaker.describe_model(ModelName=name), "ModelName")
        # one container may be told as the primary one
        return {"Containers": [answer.get("PrimaryContainer")], **answer}

    _create("CreateModel", f"model {name}", request, sagemaker.create_model, found)


def create_config(sagemaker: SageMakerClient, request: Request) -> None:
    """Make the endpoint config, once.

    Raises:
        RolloutError: where another of that name is there, or AWS refuses.
    """
    name = request["EndpointConfigName"]

    def found() -> Answer:
        return whole(sagemaker.describe_endpoint_config(EndpointConfigName=name), "EndpointConfigName")

    what = f"endpoint config {name}"
    _create("CreateEndpointConfig", what, request, sagemaker.create_endpoint_config, found)


def _create(
    operation: str,
    what: str,
    request: Request,
    make: Callable[..., Any],
    find: Callable[[], Answer],
) -> None:
    with calling(operation, what, RolloutError):
        try:
            make(**request)
        except ClientError as refused:
            existing = _existing(find) if code_of(refused) in TAKEN else None
            if existing is None:
                raise
            described = {name: value for name, value in request.items() if name != "Tags"}
            if (differing := _difference(described, existing)) is not None:
                raise RolloutError(
                    f"there is another {what} already, with another {differing}: delete it", False
                ) from refused


def _existing(find: Callable[[], Answer]) -> Answer | None:
    """What is there by that name; None where nothing is, and the refusal had another reason."""
    try:
        return find()
    except ClientError as error:
        if code_of(error) in UNKNOWN:
            return None
        raise


def _difference(asked: Any, found: Any, path: str = "") -> str | None:  # noqa: ANN401 (JSON)
    """Where what is there differs from what was asked for; what AWS filled in by itself is no difference."""
    if isinstance(asked, dict) and isinstance(found, Mapping):
        pairs = ((f"{path}.{name}".lstrip("."), value, found.get(name)) for name, value in asked.items())
    elif isinstance(asked, list) and isinstance(found, list) and len(asked) == len(found):
        pairs = (
            (f"{path}[{at}]", one, other) for at, (one, other) in enumerate(zip(asked, found, strict=True))
        )
    else:
        return None if asked == found else path
    differing = (_difference(one, other, where) for where, one, other in pairs)
    return next((where for where in differing if where is not None), None)


def update(
    sagemaker: SageMakerClient, request: Request, instead_of: str | None, again_since: str | None = None
) -> None:
    """Set the endpoint to another config, once; nothing is sent where it is there or on its way there.

    Args:
        sagemaker: a boto3 SageMaker client.
        request: of `update_request`.
        instead_of: the config that it should have until now; None takes any.
        again_since: where the call may have been made already, when the endpoint was modified before it: an
            update that AWS took back since then is not sent again.

    Raises:
        RolloutError: where AWS refuses, another update is under way (retryable), or the endpoint has a third
            config, because somebody else deployed.
    """
    name, wanted = request["EndpointName"], request["EndpointConfigName"]
    answer = _endpoint(sagemaker, name)
    match state_of(answer):
        case Failed(reason):
            raise RolloutError(f"endpoint {name} can't be updated ({reason}): repair or delete it", False)
        case Updating() if _on_its_way_to(answer) != wanted:
            raise RolloutError(f"endpoint {name} is being updated by somebody else: wait for it", True)
        case InService(config) if config not in (wanted, instead_of or config):
            raise RolloutError(
                f"endpoint {name} runs {config} by now, which somebody else deployed, and not {instead_of}: "
                f"update it to {wanted} by hand if that is wanted",
                False,
            )
        case InService(config) if config == wanted:
            return
        case InService(_, since, reason) if again_since and reason and since.isoformat() != again_since:
            raise RolloutError(f"endpoint {name} did not stay on {wanted}, AWS took it back: {reason}", False)
        case InService():
            _send(sagemaker, request)


def _send(sagemaker: SageMakerClient, request: Request) -> None:
    name, wanted = request["EndpointName"], request["EndpointConfigName"]
    with calling("UpdateEndpoint", f"endpoint {name}", RolloutError):
        try:
            sagemaker.update_endpoint(**request)
        except ClientError as refused:
            # boto3 asks again by itself, and is refused where the call before took effect unanswered
            if code_of(refused) not in TAKEN or _on_its_way_to(_endpoint(sagemaker, name)) != wanted:
                raise


def roll_back(
    sagemaker: SageMakerClient, endpoint: str, old_config: str, new_config: str | None = None
) -> None:
    """Set the endpoint back to `old_config`, all at once; twice is once.

    `new_config` is what it should have until now; without it, whatever it has is replaced.

    Raises:
        RolloutError: as `update`.
    """
    back = update_request(endpoint, old_config, Rollout(traffic=Traffic(RolloutKind.ALL_AT_ONCE)))
    assert back is not None  # noqa: S101 (only a rollout of kind none has no request)
    update(sagemaker, back, instead_of=new_config)


def state(sagemaker: SageMakerClient, endpoint: str) -> State:
    """Where the endpoint stands.

    Raises:
        UnseenError: where AWS does not say.
    """
    return state_of(_endpoint(sagemaker, endpoint))


def package_of(sagemaker: SageMakerClient, config: str, variant: str) -> str | None:
    """The version that a variant answers by; None where its model is of none, or what names it is gone.

    Raises:
        RolloutError: where AWS does not say.
    """

    def described() -> Answer:
        return whole(sagemaker.describe_endpoint_config(EndpointConfigName=config), "EndpointConfigName")

    def model() -> Answer:
        return whole(sagemaker.describe_model(ModelName=name), "ModelName")

    with calling("DescribeEndpointConfig", f"endpoint config {config}", RolloutError):
        present = _existing(described) or {}
    variants = present.get("ProductionVariants") or ()
    name = next((each.get("ModelName") for each in variants if each["VariantName"] == variant), None)
    if name is None:
        return None
    with calling("DescribeModel", f"model {name}", RolloutError):
        found = _existing(model) or {}
    containers = [found.get("PrimaryContainer") or {}, *(found.get("Containers") or ())]
    return next((each["ModelPackageName"] for each in containers if each.get("ModelPackageName")), None)


def _endpoint(sagemaker: SageMakerClient, name: str) -> Answer:
    with calling("DescribeEndpoint", f"endpoint {name}", UnseenError):
        return whole(sagemaker.describe_endpoint(EndpointName=name), "EndpointName")


def state_of(answer: Answer) -> State:
    """What DescribeEndpoint's answer means; an update that is being taken back is still under way."""
    status = answer["EndpointStatus"]
    reason = answer.get("FailureReason")
    if status == "InService":
        variants = frozenset(each["VariantName"] for each in answer.get("ProductionVariants") or ())
        return InService(answer["EndpointConfigName"], _modified(answer), reason, variants)
    return Updating() if status in _MOVING else Failed(f"{status}: {reason}" if reason else status)


def _modified(answer: Answer) -> datetime:
    at: datetime = answer["LastModifiedTime"]
    return at.astimezone(UTC)


def _on_its_way_to(answer: Answer) -> str | None:
    """The config of an update under way."""
    pending = answer.get("PendingDeploymentSummary") or answer
    name = pending.get("EndpointConfigName")
    return None if name is None else str(name)


def _model_of(present: Answer, variants: Collection[str], endpoint: str) -> str:
    """The model that is replaced; of several the first, whose role and network the new one takes over."""
    models = {each["VariantName"]: each.get("ModelName") for each in present["ProductionVariants"]}
    for variant in variants:
        if not models.get(variant):
            known = ", ".join(name for name, model in models.items() if model) or "none"
            raise RolloutError(
                f"endpoint {endpoint} has no variant {variant} with a model: it has {known}", False
            )
    if not variants:
        raise RolloutError(f"no variant of endpoint {endpoint} was named to get the new model", False)
    return str(models[next(iter(variants))])


def config_parameters(sagemaker: SageMakerClient) -> Collection[str]:
    """The parameters that CreateEndpointConfig takes, of which DescribeEndpointConfig tells most."""
    operation = sagemaker.meta.service_model.operation_model("CreateEndpointConfig")
    return frozenset(operation.input_shape.members)
