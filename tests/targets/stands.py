"""Each kind of target on something real: a state machine, pipelines, a bus with a listener, a command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto.codepipeline.models import codepipeline_backends
from moto.sagemaker.models import sagemaker_backends

from config.targets import TargetKind
from demo.missing_pipelines import end_codepipeline, end_sagemaker
from retrain.targets.base import Target
from retrain.targets.codepipeline import CodePipelineTarget
from retrain.targets.event_bridge import EventBridgeTarget
from retrain.targets.local import LocalTarget
from retrain.targets.sagemaker_pipelines import SageMakerPipelineTarget
from retrain.targets.step_functions import StepFunctionsTarget
from tests.faults import FaultyAws

ACCOUNT, REGION = "123456789012", "eu-west-1"
RUN, PIPELINE, BUS = "kedge-abalone-1", "abalone", "training"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
_LASTS: dict[str, Any] = {"Type": "Wait", "Seconds": 60, "End": True}
_ENDS: dict[str, Any] = {"Type": "Pass", "End": True}
_UNTIL_STOP = "while [ ! -e stop ]; do sleep 0.02; done; echo '{}' > \"$KEDGE_OUTPUT\""


@dataclass(frozen=True, slots=True)
class Stand:
    """A target and what stands behind it.

    `asked` and `other` are two inputs of one run, `unknown` is a handle that it never gave, `started` the
    names of what was started, `finish` has an execution end well, `stopping` says whether it is told to end.
    """

    target: Target
    asked: str
    other: str
    unknown: str
    started: Callable[[], list[str]]
    finish: Callable[[str], None]
    stopping: Callable[[str], bool]
    start_call: str = ""
    status_call: str = ""
    stop_call: str = ""


def stand(kind: TargetKind, aws: FaultyAws, folder: Path) -> Stand:
    """One of that kind, which nothing was started on; what is started lasts until it is finished."""
    return _STANDS[kind](aws, folder)


def ending(kind: TargetKind, aws: FaultyAws, folder: Path) -> Stand:
    """One on which what is started can be finished: moto's state machines end by themselves."""
    return (
        step_functions(aws, folder, _ENDS) if kind is TargetKind.STEP_FUNCTIONS else stand(kind, aws, folder)
    )


def sagemaker_pipeline(aws: FaultyAws, _: Path) -> Stand:
    client = aws.direct.client("sagemaker")
    client.create_pipeline(
        PipelineName=PIPELINE, PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="t" * 32
    )
    executions = sagemaker_backends[ACCOUNT][REGION].pipelines[PIPELINE].pipeline_executions
    return Stand(
        SageMakerPipelineTarget(aws.client("sagemaker"), PIPELINE),
        *_texts(),
        unknown=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{PIPELINE}/execution/abcdefghijkl",
        started=lambda: list(executions),
        finish=end_sagemaker,
        stopping=lambda handle: executions[handle].pipeline_execution_status == "Stopping",
        start_call="StartPipelineExecution",
        status_call="DescribePipelineExecution",
        stop_call="StopPipelineExecution",
    )


def codepipeline(aws: FaultyAws, _: Path) -> Stand:
    release_change(aws)
    executions = codepipeline_backends[ACCOUNT][REGION].pipelines[PIPELINE].executions
    return Stand(
        CodePipelineTarget(aws.client("codepipeline"), PIPELINE),
        *_texts(),
        unknown="01234567-89ab-cdef-0123-456789abcdef",
        started=lambda: list(executions),
        finish=lambda handle: end_codepipeline(REGION, PIPELINE, handle),
        stopping=lambda handle: executions[handle].status == "Stopping",
        start_call="StartPipelineExecution",
        status_call="GetPipelineExecution",
        stop_call="StopPipelineExecution",
    )


def release_change(aws: FaultyAws, name: str = PIPELINE) -> None:
    """A pipeline of CodePipeline with two stages."""
    trust = {"Statement": [{"Principal": {"Service": "codepipeline.amazonaws.com"}}], "Version": "2012-10-17"}
    role = aws.direct.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    kinds = (("Source", "Source", "S3"), ("Train", "Build", "CodeBuild"))
    stages = [
        {
            "name": stage,
            "actions": [
                {
                    "name": stage,
                    "actionTypeId": {"category": category, "owner": "AWS", "provider": by, "version": "1"},
                }
            ],
        }
        for stage, category, by in kinds
    ]
    aws.direct.client("codepipeline").create_pipeline(
        pipeline={
            "name": name,
            "roleArn": role["Role"]["Arn"],
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "stages": stages,
        }
    )


def event_bridge(aws: FaultyAws, _: Path) -> Stand:
    heard = listener(aws, BUS)
    one, other = ({"run": RUN, "reason": reason} for reason in ("rmse", "by hand"))
    return Stand(
        EventBridgeTarget(aws.client("events"), BUS, "kedge", "Kedge Retraining Requested"),
        json.dumps(one),
        json.dumps(other),
        unknown=f"{RUN}@nobody",
        started=lambda: [
            each["id"] for each in heard() if each["detail-type"] == "Kedge Retraining Requested"
        ],
        finish=lambda handle: None,
        stopping=lambda handle: any(each["detail-type"] == "Kedge Retraining Cancelled" for each in heard()),
        start_call="PutEvents",
        stop_call="PutEvents",
    )


def listener(aws: FaultyAws, bus: str) -> Callable[[], list[dict[str, Any]]]:
    """A bus whose events of the source kedge come to a queue; gives all that came so far."""
    events, sqs = aws.direct.client("events"), aws.direct.client("sqs")
    events.create_event_bus(Name=bus)
    url = sqs.create_queue(QueueName=f"{bus}-heard")["QueueUrl"]
    events.put_rule(Name="training", EventBusName=bus, EventPattern=json.dumps({"source": ["kedge"]}))
    events.put_targets(
        Rule="training",
        EventBusName=bus,
        Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{bus}-heard"}],
    )
    heard: list[dict[str, Any]] = []

    def hear() -> list[dict[str, Any]]:
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            heard.extend(json.loads(each["Body"]) for each in found)
            for each in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return heard

    return hear


def step_functions(aws: FaultyAws, _: Path, state: dict[str, Any] = _LASTS) -> Stand:
    states = aws.direct.client("stepfunctions")
    arn = states.create_state_machine(
        name="retrain", definition=json.dumps({"StartAt": "Only", "States": {"Only": state}}), roleArn=ROLE
    )["stateMachineArn"]

    def stopping(handle: str) -> bool:
        return bool(states.describe_execution(executionArn=handle)["status"] == "ABORTED")

    return Stand(
        StepFunctionsTarget(aws.client("stepfunctions"), arn),
        *_texts(),
        unknown=arn.replace(":stateMachine:", ":execution:") + ":nobody",
        started=lambda: [
            each["executionArn"] for each in states.list_executions(stateMachineArn=arn)["executions"]
        ],
        finish=lambda handle: None,
        stopping=stopping,
        start_call="StartExecution",
        status_call="DescribeExecution",
        stop_call="StopExecution",
    )


def local(_: FaultyAws, folder: Path) -> Stand:
    def started() -> list[str]:
        return [path.parent.name for path in folder.glob("*/started")]

    return Stand(
        LocalTarget(shlex.join(["sh", "-c", _UNTIL_STOP]), folder, timedelta(minutes=1)),
        *_texts(),
        unknown="nobody",
        started=started,
        finish=lambda handle: (folder / handle.partition("@")[0] / "stop").touch(),
        stopping=lambda handle: (folder / handle.partition("@")[0] / "cancel").exists(),
    )


def _texts() -> tuple[str, str]:
    inputs = [{"Run": RUN, "Input": f"s3://models/{RUN}/{name}.json"} for name in ("input", "other")]
    return json.dumps(inputs[0]), json.dumps(inputs[1])


_STANDS: dict[TargetKind, Callable[[FaultyAws, Path], Stand]] = {
    TargetKind.STEP_FUNCTIONS: step_functions,
    TargetKind.LOCAL: local,
    TargetKind.SAGEMAKER_PIPELINE: sagemaker_pipeline,
    TargetKind.CODEPIPELINE: codepipeline,
    TargetKind.EVENT_BRIDGE: event_bridge,
}
