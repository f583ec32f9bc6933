"""A pipeline of SageMaker Pipelines as the target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from retrain.aws_calls import code_of
from retrain.targets.aws import calling, token
from retrain.targets.base import Cancelled, Failed, Running, Status, Succeeded, Unanswered
from retrain.targets.pipeline_input import Texts

_SERVICE = "SageMaker"
PARAMETERS = Texts(_SERVICE, "parameter", most=1024)
_CHECK = "the pipeline's name, the parameters that it declares, the region and the IAM policy"
_LOOKED_THROUGH = 300  # executions, newest first, among which one that was started before is looked for
_PAGE = 100
_ENDED = frozenset({"Succeeded", "Failed", "Stopped", "CompletedWithFailures"})


class Client(Protocol):
    """What is used of a boto3 SageMaker client."""

    start_pipeline_execution: Callable[..., Any]
    describe_pipeline: Callable[..., Any]
    describe_pipeline_execution: Callable[..., Any]
    stop_pipeline_execution: Callable[..., Any]
    get_paginator: Callable[[str], Any]


class SageMakerPipelineTarget:
    """Runs are executions of one pipeline, displayed by their runs' names.

    AWS knows a request that comes twice by its token, for a while; after that by the execution's name.
    """

    def __init__(self, client: Client, pipeline: str) -> None:
        """Take a client, best without long retries of its own, and the pipeline's name or ARN."""
        self._client = client
        self._pipeline = pipeline

    def place(self) -> None:
        """See `Target.place`: every replica sees the same executions."""

    def look(self) -> str:
        """See `Target.look`."""
        with calling(f"find the pipeline {self._pipeline}", _SERVICE, _CHECK):
            state = self._client.describe_pipeline(PipelineName=self._pipeline)["PipelineStatus"]
            return f"the pipeline {self._pipeline} of SageMaker is {state}"

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; `input` are the parameters by name, the handle is the execution's ARN."""
        parameters = PARAMETERS.read(name, input)
        with calling(f"start run {name} on the pipeline {self._pipeline}", _SERVICE, _CHECK):
            before = self._started_before(name)
            if before is not None:
                PARAMETERS.require_same(before, name, parameters, self._parameters(before))
                return before
            started = self._client.start_pipeline_execution(
                PipelineName=self._pipeline,
                PipelineExecutionDisplayName=name,
                PipelineParameters=[{"Name": key, "Value": text} for key, text in parameters.items()],
                ClientRequestToken=token(self._pipeline, name),
            )
            return str(started["PipelineExecutionArn"])

    def _started_before(self, name: str) -> str | None:
        """The execution that has the name already: AWS forgets tokens, and not what they were given for."""
        newest = self._listed(
            "list_pipeline_executions",
            "PipelineExecutionSummaries",
            _LOOKED_THROUGH,
            PipelineName=self._pipeline,
            SortBy="CreationTime",
            SortOrder="Descending",
        )
        named = (each for each in newest if each.get("PipelineExecutionDisplayName") == name)
        return next((str(each["PipelineExecutionArn"]) for each in named), None)

    def _parameters(self, handle: str) -> dict[str, str]:
        listed = self._listed(
            "list_pipeline_parameters_for_execution", "PipelineParameters", None, PipelineExecutionArn=handle
        )
        return {each["Name"]: each["Value"] for each in listed}

    def status(self, handle: str) -> Status:
        """See `Target.status`; a version that the pipeline registered is its answer."""
        with calling(f"describe {handle}", _SERVICE, _CHECK, unseen="ResourceNotFound"):
            described = self._client.describe_pipeline_execution(PipelineExecutionArn=handle)
            match described["PipelineExecutionStatus"]:
                case "Succeeded":
                    return _answer(self._steps(handle))
                case "Failed" | "CompletedWithFailures":
                    return self._failed(handle, described.get("FailureReason") or "")
                case "Stopped":
                    return Cancelled()
                case _:  # Executing, Stopping
                    return Running()

    def _failed(self, handle: str, reason: str) -> Failed:
        """Of an execution AWS tells that a step failed; of the step it tells why."""
        failed = [step for step in self._steps(handle) if step.get("StepStatus") == "Failed"]
        told = [f"{step['StepName']}: {step.get('FailureReason') or 'no reason given'}" for step in failed]
        return Failed("PipelineFailed", "; ".join(told) or reason)

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`; SageMaker takes no reason."""
        with calling(f"stop {handle}", _SERVICE, _CHECK):
            try:
                self._client.stop_pipeline_execution(
                    PipelineExecutionArn=handle, ClientRequestToken=token(handle, "stop")
                )
            except Exception as error:
                if not code_of(error) or not self._is_over(handle):
                    raise

    def _is_over(self, handle: str) -> bool:
        described = self._client.describe_pipeline_execution(PipelineExecutionArn=handle)
        return described["PipelineExecutionStatus"] in {*_ENDED, "Stopping"}

    def _steps(self, handle: str) -> list[dict[str, Any]]:
        listed = self._listed(
            "list_pipeline_execution_steps", "PipelineExecutionSteps", None, PipelineExecutionArn=handle
        )
        return list(listed)

    def _listed(
        self, operation: str, member: str, most: int | None, **request: str
    ) -> Iterator[dict[str, Any]]:
        paging = {"PageSize": _PAGE, "MaxItems": most}
        for page in self._client.get_paginator(operation).paginate(**request, PaginationConfig=paging):
            yield from page[member]


def _answer(steps: list[dict[str, Any]]) -> Status:
    """The version that the one step of type RegisterModel made; of several nobody knows which is meant."""
    made = [step.get("Metadata", {}).get("RegisterModel", {}).get("Arn") for step in steps]
    found = [arn for arn in made if arn]
    return Succeeded(json.dumps({"model_package_arn": found[0]})) if len(found) == 1 else Unanswered()
