"""What moto lacks or does otherwise than AWS, added to it in process.

Added: UpdateEndpoint, with the endpoint `Updating` for a while before it is `InService`, step by step, and
back again where an alarm goes off (`demo.blue_green`); DeleteModelPackage;
Create-, Describe- and DeleteMonitoringSchedule and ListMonitoringExecutions, whose executions nobody runs.
Put right: CreateModelPackage honours ClientToken; UpdateModelPackage keeps what it was not given;
DescribeEndpoint tells the state of data capture; making an endpoint, config, model or group twice is refused;
SendTaskFailure passes its cause on; a state machine's aws-sdk:s3:getObject gives its Body as text.
Used by the demo and by tests alone; the sources are AWS's API references and botocore's service models.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.responses import StepFunctionResponse

from demo.blue_green import Deployment, alarm_states

Operation = Callable[[Any], Any]
"""A method of moto's response class: the request, with moto's parameters and backend, to an answer."""

NAMED_ONCE = {
    "create_endpoint": ("EndpointName", "endpoints", "endpoint"),
    "create_endpoint_config": ("EndpointConfigName", "endpoint_configs", "endpoint configuration"),
    "create_model": ("ModelName", "_models", "model"),
    "create_model_package_group": ("ModelPackageGroupName", "model_package_groups", "model package group"),
}
"""Operation: its parameter that names the thing, moto's dictionary of such things, and the word for it."""

KEPT_BY_UPDATE = {
    "ModelApprovalStatus": "model_approval_status",
    "ApprovalDescription": "approval_description",
    "CustomerMetadataProperties": "customer_metadata_properties",
}


def install(update_seconds: float) -> None:
    """Teach this process's moto; a second call only sets anew how long an endpoint's update takes."""
    SageMakerResponse.update_endpoint = functools.partialmethod(
        _update_endpoint, update_seconds=update_seconds
    )
    _install_lasting()


@functools.cache
def _install_lasting() -> None:
    StateTaskServiceAwsSdk._normalise_response = _with_texts
    SageMakerResponse.delete_model_package = _delete_model_package
    SageMakerModelBackend.list_model_packages = _without_deleted(SageMakerModelBackend.list_model_packages)
    for name, (parameter, shelf, noun) in NAMED_ONCE.items():
        _wrap(name, functools.partial(_named_once, parameter=parameter, shelf=shelf, noun=noun))
    _wrap("describe_endpoint", _with_capture_state)
    _wrap("create_model_package", _once_per_token)
    _wrap("update_model_package", _keeping)
    SageMakerResponse.create_monitoring_schedule = _create_monitoring_schedule
    SageMakerResponse.describe_monitoring_schedule = _describe_monitoring_schedule
    SageMakerResponse.delete_monitoring_schedule = _delete_monitoring_schedule
    SageMakerResponse.list_monitoring_executions = _list_monitoring_executions
    StepFunctionResponse.send_task_failure = _fail_with_cause


def _wrap(name: str, around: Callable[[Operation], Operation]) -> None:
    setattr(SageMakerResponse, name, around(getattr(SageMakerResponse, name)))


def _update_endpoint(request: Any, *, update_seconds: float) -> Any:  # noqa: ANN401 - moto's own types are untyped
    name, config_name = request._get_param("EndpointName"), request._get_param("EndpointConfigName")
    backend = request.sagemaker_backend
    backend.describe_endpoint(name)
    config = _config(backend, config_name)
    endpoint = backend.endpoints[name]
    if endpoint.endpoint_status != "InService":
        raise ValidationError(message=f'Cannot update in-progress endpoint "{endpoint.arn}".')
    wanted = request._get_param("DeploymentConfig")
    states = functools.partial(alarm_states, backend.account_id, backend.region_name)
    deployment = Deployment(endpoint, config, wanted or {}, update_seconds, states)
    endpoint.last_deployment_config = wanted
    deployment.start()
    return ActionResult({"EndpointArn": endpoint.arn})


def _config(backend: Any, name: str) -> Any:  # noqa: ANN401
    if name not in backend.endpoint_configs:
        raise ValidationError(message=f'Could not find endpoint configuration "{name}".')
    return backend.endpoint_configs[name]


def _delete_model_package(request: Any) -> Any:  # noqa: ANN401
    backend = request.sagemaker_backend
    package = backend.describe_model_package(model_package_name=request._get_param("ModelPackageName"))
    # It stays on the shelf under another key: moto numbers versions by counting, AWS never reuses a number.
    package.deleted = True
    backend.model_packages[f"deleted {package.arn}"] = backend.model_packages.pop(package.arn)
    return EmptyResult()


def _without_deleted(listing: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(listing)
    def list_model_packages(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        page, token = listing(*args, **kwargs)
        return [package for package in page if not getattr(package, "deleted", False)], token

    return list_model_packages


def _named_once(operation: Operation, parameter: str, shelf: str, noun: str) -> Operation:
    @functools.wraps(operation)
    def create(request: Any) -> Any:  # noqa: ANN401
        name = request._get_param(parameter)
        if name in getattr(request.sagemaker_backend, shelf):
            raise ValidationError(message=f'Cannot create already existing {noun} "{name}".')
        return operation(request)

    return create


def _with_capture_state(operation: Operation) -> Operation:
    @functools.wraps(operation)
    def describe_endpoint(request: Any) -> Any:  # noqa: ANN401
        answer = dict(operation(request).result)
        capture = answer.pop("DataCaptureConfig", None)
        if capture:
            state = "Started" if capture.get("EnableCapture") else "Stopped"
            percentage = capture["InitialSamplingPercentage"]
            answer["DataCaptureConfig"] = capture | {
                "CaptureStatus": state,
                "CurrentSamplingPercentage": percentage,
            }
        return ActionResult(answer)

    return describe_endpoint


def _once_per_token(operation: Operation) -> Operation:
    @functools.wraps(operation)
    def create_model_package(request: Any) -> Any:  # noqa: ANN401
        token = request._get_param("ClientToken")
        packages = request.sagemaker_backend.model_packages.values()
        made = next((package.arn for package in packages if token and package.client_token == token), None)
        return ActionResult({"ModelPackageArn": made}) if made else operation(request)

    return create_model_package


def _keeping(operation: Operation) -> Operation:
    @functools.wraps(operation)
    def update_model_package(request: Any) -> Any:  # noqa: ANN401
        package = request.sagemaker_backend.describe_model_package(request._get_param("ModelPackageArn"))
        before = {name: getattr(package, name) for name in KEPT_BY_UPDATE.values()}
        answer = operation(request)
        for parameter, name in KEPT_BY_UPDATE.items():
            if request._get_param(parameter) is None:
                setattr(package, name, before[name])
        return answer

    return update_model_package


def _fail_with_cause(request: Any) -> Any:  # noqa: ANN401
    token, error, cause = (request._get_param(name) for name in ("taskToken", "error", "cause"))
    request.stepfunction_backend.send_task_failure(token, error=error, cause=cause)
    return EmptyResult()


def _schedules(request: Any) -> dict[str, Any]:  # noqa: ANN401
    """The schedules of the request's account and region, kept on its backend so that a reset forgets them."""
    known: dict[str, Any] = request.sagemaker_backend.__dict__.setdefault("monitoring_schedules", {})
    return known


def _create_monitoring_schedule(request: Any) -> Any:  # noqa: ANN401
    name, config = (request._get_param(key) for key in ("MonitoringScheduleName", "MonitoringScheduleConfig"))
    known, backend = _schedules(request), request.sagemaker_backend
    if name in known:
        raise ValidationError(message=f'Cannot create already existing monitoring schedule "{name}".')
    inside = (config.get("MonitoringJobDefinition") or {}).get("MonitoringInputs") or [{}]
    definition = config.get("MonitoringJobDefinitionName")
    if definition is not None:
        job = backend.data_quality_job_definitions
        found = next((each for each in job.values() if each.job_definition_name == definition), None)
        if found is None:
            raise ValidationError(message=f'Could not find job definition "{definition}".')
        inside = [found.data_quality_job_input]
    now = datetime.now(UTC)
    arn = f"arn:aws:sagemaker:{backend.region_name}:{backend.account_id}:monitoring-schedule/{name.lower()}"
    known[name] = {
        "MonitoringScheduleArn": arn,
        "MonitoringScheduleName": name,
        "MonitoringScheduleStatus": "Scheduled",
        "MonitoringType": config.get("MonitoringType", "DataQuality"),
        "CreationTime": now,
        "LastModifiedTime": now,
        "MonitoringScheduleConfig": config,
        "EndpointName": (inside[0].get("EndpointInput") or {}).get("EndpointName"),
    }
    return ActionResult({"MonitoringScheduleArn": arn})


def _describe_monitoring_schedule(request: Any) -> Any:  # noqa: ANN401
    return ActionResult(_schedule(request))


def _schedule(request: Any) -> Any:  # noqa: ANN401
    name = request._get_param("MonitoringScheduleName")
    if name not in _schedules(request):
        raise ValidationError(message=f'Could not find monitoring schedule "{name}".')
    return _schedules(request)[name]


def _delete_monitoring_schedule(request: Any) -> Any:  # noqa: ANN401
    del _schedules(request)[_schedule(request)["MonitoringScheduleName"]]
    return EmptyResult()


def _list_monitoring_executions(request: Any) -> Any:  # noqa: ANN401
    """The executions that somebody put to the backend, newest first; a schedule has none of itself."""
    name, status = (request._get_param(key) for key in ("MonitoringScheduleName", "StatusEquals"))
    every = request.sagemaker_backend.__dict__.get("monitoring_executions", ())
    fitting = [
        each
        for each in every
        if name in (None, each["MonitoringScheduleName"])
        and status in (None, each["MonitoringExecutionStatus"])
    ]
    newest = sorted(fitting, key=lambda each: each["ScheduledTime"], reverse=True)
    return ActionResult({"MonitoringExecutionSummaries": newest})


def _with_texts(_: Any, response: Any, *_names: Any) -> None:  # noqa: ANN401 - as moto calls it
    """Step Functions hands on the body of an answer as text; botocore gives a stream."""
    if isinstance(response, dict):
        for name, value in response.items():
            if hasattr(value, "read"):
                response[name] = value.read().decode()
