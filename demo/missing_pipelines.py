"""What moto lacks of SageMaker Pipelines and CodePipeline, added to it in process.

moto's executions have succeeded as soon as they are started; here they are under way until somebody plays
their end (`end_sagemaker`, `end_codepipeline`), since nothing runs their steps.
Added: StopPipelineExecution of both, ListPipelineExecutionSteps, ListActionExecutions.
Put right: a token that comes twice gives the execution of the first time; SageMaker's executions are listed
newest first, by pages, and tell why they failed; parameters that a definition does not declare are refused;
of what is not there the error is AWS's.
Used by the demo and by tests alone; the sources are AWS's API references and botocore's service models.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moto.codepipeline.models import CodePipelineBackend, codepipeline_backends
from moto.codepipeline.responses import CodePipelineResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.sagemaker.exceptions import ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

ACCOUNT = "123456789012"
_UNDER_WAY = frozenset({"Executing", "InProgress"})


@functools.cache
def install() -> None:
    """Teach this process's moto; a second call changes nothing."""
    SageMakerModelBackend.start_pipeline_execution = _start_sagemaker(
        SageMakerModelBackend.start_pipeline_execution
    )
    for name in ("describe_pipeline_execution", "list_pipeline_parameters_for_execution"):
        setattr(SageMakerResponse, name, _known(getattr(SageMakerResponse, name)))
    SageMakerResponse.describe_pipeline_execution = _with_reason(
        SageMakerResponse.describe_pipeline_execution
    )
    SageMakerResponse.list_pipeline_executions = _list_newest_first
    SageMakerResponse.list_pipeline_execution_steps = _known(_list_steps)
    SageMakerResponse.stop_pipeline_execution = _known(_stop_sagemaker)
    CodePipelineBackend.start_pipeline_execution = _start_codepipeline(
        CodePipelineBackend.start_pipeline_execution
    )
    CodePipelineResponse.start_pipeline_execution = _once_per_token
    CodePipelineResponse.stop_pipeline_execution = _stop_codepipeline
    CodePipelineResponse.list_action_executions = _list_actions


@dataclass(frozen=True, slots=True)
class Step:
    """How a step of a SageMaker pipeline ended; `registered` is the version that one of them made."""

    name: str
    status: str = "Succeeded"
    reason: str | None = None
    registered: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """How an action of a CodePipeline pipeline ended."""

    stage: str
    name: str
    status: str = "Succeeded"
    message: str | None = None


def end_sagemaker(
    arn: str, status: str = "Succeeded", reason: str | None = None, steps: Iterable[Step] = ()
) -> None:
    """Play the end of an execution."""
    execution = _execution(sagemaker_backends[ACCOUNT][arn.split(":")[3]], arn)
    execution.pipeline_execution_failure_reason = reason
    execution.steps = [_step(each) for each in steps]
    execution.pipeline_execution_status = status


def _step(step: Step) -> dict[str, Any]:
    metadata = {"RegisterModel": {"Arn": step.registered}} if step.registered else {}
    reason = {"FailureReason": step.reason} if step.reason else {}
    return {"StepName": step.name, "StepStatus": step.status, "Metadata": metadata, **reason}


def end_codepipeline(
    region: str, pipeline: str, execution: str, status: str = "Succeeded", actions: Iterable[Action] = ()
) -> None:
    """Play the end of an execution."""
    found = codepipeline_backends[ACCOUNT][region].get_pipeline_execution(pipeline, execution)
    found.actions = [_action(each, execution) for each in actions]
    found.status = status


def _action(action: Action, execution: str) -> dict[str, Any]:
    told = {"errorDetails": {"code": "JobFailed", "message": action.message}} if action.message else {}
    return {
        "pipelineExecutionId": execution,
        "stageName": action.stage,
        "actionName": action.name,
        "status": action.status,
        "output": {"executionResult": told},
    }


def _start_sagemaker(start: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(start)
    def started(backend: Any, pipeline_name: str, *args: Any) -> dict[str, str]:  # noqa: ANN401
        name = pipeline_name.rpartition("/")[2]
        token = args[-1]
        if name not in backend.pipelines:
            raise ResourceNotFound(message=f"Pipeline '{name}' does not exist.")
        executions = backend.pipelines[name].pipeline_executions
        for arn, execution in executions.items():
            if execution.client_request_token == token:
                return {"PipelineExecutionArn": arn}
        _require_declared(backend.pipelines[name].pipeline_definition, args[1])
        answer: dict[str, str] = start(backend, name, *args)
        executions[answer["PipelineExecutionArn"]].pipeline_execution_status = "Executing"
        return answer

    return started


def _require_declared(definition: str, given: list[dict[str, str]] | None) -> None:
    """A pipeline takes the parameters that its definition declares, where it declares any."""
    declared = json.loads(definition).get("Parameters")
    unknown = [
        each["Name"] for each in given or () if each["Name"] not in [of["Name"] for of in declared or ()]
    ]
    if declared is not None and unknown:
        raise ValidationError(message=f"Unknown parameter names: {unknown}")


def _execution(backend: Any, arn: str) -> Any:  # noqa: ANN401
    for pipeline in backend.pipelines.values():
        if arn in pipeline.pipeline_executions:
            return pipeline.pipeline_executions[arn]
    raise ResourceNotFound(message=f"Pipeline execution with ARN {arn} does not exist.")


def _asked_for(request: Any) -> Any:  # noqa: ANN401
    return _execution(request.sagemaker_backend, request._get_param("PipelineExecutionArn"))


def _known(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(operation)
    def of_an_execution(request: Any) -> Any:  # noqa: ANN401
        _asked_for(request)
        return operation(request)

    return of_an_execution


def _with_reason(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(operation)
    def describe_pipeline_execution(request: Any) -> Any:  # noqa: ANN401
        answer = {name: value for name, value in operation(request).result.items() if name != "FailureReason"}
        reason = _asked_for(request).pipeline_execution_failure_reason
        return ActionResult(answer | ({"FailureReason": reason} if reason else {}))

    return describe_pipeline_execution


def _list_newest_first(request: Any) -> Any:  # noqa: ANN401
    name = request._get_param("PipelineName").rpartition("/")[2]
    if name not in request.sagemaker_backend.pipelines:
        raise ResourceNotFound(message=f"Pipeline '{name}' does not exist.")
    listed = request.sagemaker_backend.list_pipeline_executions(name)["PipelineExecutionSummaries"]
    begin = int(request._get_param("NextToken") or 0)
    end = begin + int(request._get_param("MaxResults") or 100)
    more = {"NextToken": str(end)} if end < len(listed) else {}
    return ActionResult({"PipelineExecutionSummaries": listed[::-1][begin:end], **more})


def _list_steps(request: Any) -> Any:  # noqa: ANN401
    return ActionResult({"PipelineExecutionSteps": getattr(_asked_for(request), "steps", [])})


def _stop_sagemaker(request: Any) -> Any:  # noqa: ANN401
    execution = _asked_for(request)
    if execution.pipeline_execution_status not in _UNDER_WAY:
        raise ValidationError(message=f"Pipeline execution {execution.arn} is not executing.")
    execution.pipeline_execution_status = "Stopping"
    return ActionResult({"PipelineExecutionArn": execution.arn})


def _start_codepipeline(start: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(start)
    def started(backend: Any, *args: Any, **given: Any) -> str:  # noqa: ANN401
        name = str(start(backend, *args, **given))
        next(
            each.executions[name] for each in backend.pipelines.values() if name in each.executions
        ).status = "InProgress"
        return name

    return started


def _once_per_token(request: Any) -> str:  # noqa: ANN401
    name, token = request._get_param("name"), request._get_param("clientRequestToken")
    backend = request.codepipeline_backend
    backend.get_pipeline(name)
    executions = backend.pipelines[name].executions
    known = (each for each, of in executions.items() if token and getattr(of, "token", None) == token)
    found = next(known, None)
    if found is None:
        found = backend.start_pipeline_execution(name, request._get_param("variables"))
        executions[found].token = token
    return json.dumps({"pipelineExecutionId": found})


def _stop_codepipeline(request: Any) -> str:  # noqa: ANN401
    execution = request.codepipeline_backend.get_pipeline_execution(
        request._get_param("pipelineName"), request._get_param("pipelineExecutionId")
    )
    if execution.status == "Stopping":
        raise JsonRESTError("DuplicatedStopRequestException", "It is being stopped already.")
    if execution.status not in _UNDER_WAY:
        raise JsonRESTError("PipelineExecutionNotStoppableException", "It has ended.")
    execution.status = "Stopping"
    return json.dumps({"pipelineExecutionId": execution.pipeline_execution_id})


def _list_actions(request: Any) -> str:  # noqa: ANN401
    wanted = (request._get_param("filter") or {}).get("pipelineExecutionId")
    backend, name = request.codepipeline_backend, request._get_param("pipelineName")
    backend.get_pipeline(name)
    every = backend.pipelines[name].executions
    told = [
        action
        for each, of in every.items()
        if wanted in (None, each)
        for action in getattr(of, "actions", [])
    ]
    return json.dumps({"actionExecutionDetails": told})
