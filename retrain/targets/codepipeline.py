"""A pipeline of CodePipeline as the target: a release change trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from retrain.aws_calls import code_of
from retrain.targets.aws import calling, token
from retrain.targets.base import Cancelled, Failed, Running, Status, Unanswered
from retrain.targets.pipeline_input import Texts

_SERVICE = "CodePipeline"
VARIABLES = Texts(_SERVICE, "variable", most=1000)
_CHECK = "the pipeline's name, the variables that it declares, the region and the IAM policy"
_LOOKED_THROUGH = 20  # executions, newest first, among which one that was started before is looked for
_MAX_REASON = 200
_STOPPED = frozenset({"PipelineExecutionNotStoppableException", "DuplicatedStopRequestException"})


class Client(Protocol):
    """What is used of a boto3 CodePipeline client."""

    start_pipeline_execution: Callable[..., Any]
    get_pipeline: Callable[..., Any]
    get_pipeline_execution: Callable[..., Any]
    stop_pipeline_execution: Callable[..., Any]
    list_pipeline_executions: Callable[..., Any]
    list_action_executions: Callable[..., Any]


class CodePipelineTarget:
    """Runs are executions of one pipeline.

    AWS knows a request that comes twice by its token, for a while; after that by those of its variables that
    hold the run's name. A pipeline without variables (type V1) has the token alone.
    """

    def __init__(self, client: Client, pipeline: str) -> None:
        """Take a client, best without long retries of its own, and the pipeline's name."""
        self._client = client
        self._pipeline = pipeline

    def place(self) -> None:
        """See `Target.place`: every replica sees the same executions."""

    def look(self) -> str:
        """See `Target.look`."""
        with calling(f"find the pipeline {self._pipeline}", _SERVICE, _CHECK):
            found = self._client.get_pipeline(name=self._pipeline)["pipeline"]
            return f"the pipeline {found['name']} of CodePipeline is there"

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; `input` are the variables by name, the handle is the execution's id."""
        variables = VARIABLES.read(name, input)
        given = [{"name": key, "value": text} for key, text in variables.items()]
        with calling(f"start run {name} on the pipeline {self._pipeline}", _SERVICE, _CHECK):
            handle = self._started_before(name, variables)
            if handle is None:
                started = self._client.start_pipeline_execution(
                    name=self._pipeline,
                    clientRequestToken=token(self._pipeline, name),
                    **({"variables": given} if given else {}),
                )
                handle = str(started["pipelineExecutionId"])
            if variables:
                VARIABLES.require_same(handle, name, variables, self._variables(handle))
            return handle

    def _started_before(self, name: str, variables: Mapping[str, str]) -> str | None:
        telling = {key: text for key, text in variables.items() if name in text}
        if not telling:
            return None
        newest = self._client.list_pipeline_executions(
            pipelineName=self._pipeline, maxResults=_LOOKED_THROUGH
        )
        for each in newest["pipelineExecutionSummaries"]:
            had = self._variables(each["pipelineExecutionId"])
            if all(had.get(key) == text for key, text in telling.items()):
                return str(each["pipelineExecutionId"])
        return None

    def _variables(self, handle: str) -> dict[str, str]:
        return {each["name"]: each["resolvedValue"] for each in self._describe(handle).get("variables", ())}

    def _describe(self, handle: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get_pipeline_execution(
            pipelineName=self._pipeline, pipelineExecutionId=handle
        )["pipelineExecution"]
        return found

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        with calling(f"describe execution {handle} of the pipeline {self._pipeline}", _SERVICE, _CHECK):
            described = self._describe(handle)
            match described["status"]:
                case "Succeeded":
                    return Unanswered()
                case "Failed":
                    return Failed("PipelineFailed", self._why(handle) or described.get("statusSummary") or "")
                case "Superseded":
                    return Failed("Superseded", "a later release change overtook it in the pipeline")
                case "Stopped" | "Cancelled":
                    return Cancelled()
                case _:  # InProgress, Stopping
                    return Running()

    def _why(self, handle: str) -> str:
        """Of an execution AWS tells that it failed; of its actions it tells why."""
        listed = self._client.list_action_executions(
            pipelineName=self._pipeline, filter={"pipelineExecutionId": handle}
        )
        failed = [each for each in listed["actionExecutionDetails"] if each.get("status") == "Failed"]
        return "; ".join(f"{each['actionName']} of {each['stageName']}{_told(each)}" for each in failed)

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`; actions that are under way come to their end."""
        with calling(f"stop execution {handle} of the pipeline {self._pipeline}", _SERVICE, _CHECK):
            try:
                self._client.stop_pipeline_execution(
                    pipelineName=self._pipeline, pipelineExecutionId=handle, reason=reason[:_MAX_REASON]
                )
            except Exception as error:
                if code_of(error) not in _STOPPED:
                    raise


def _told(action: Mapping[str, Any]) -> str:
    result = action.get("output", {}).get("executionResult", {})
    told = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
    return f": {told}" if told else ""
