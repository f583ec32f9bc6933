"""The service itself, killed while a SageMaker pipeline trains: everything over S3, and each thing once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from demo.aws import LocalAws
from demo.missing_pipelines import end_sagemaker
from retrain.workflows.steps import do_step
from store.retraining import RunState
from tests.faults import Fault, faulty
from tests.loop.rig import ROLE
from tests.loop.yard import Yard, standing, yard
from tests.observing.replica import Replica
from tests.workflows.linear import Linear

PIPELINE = "retrain"
TARGET = "target: {sagemaker_pipeline: {name: retrain, parameters: {In: '{input}', Mode: 'of {run}'}}}"


@dataclass(slots=True)
class Pipeline:
    """Plays what the steps do, once an execution was seen; the service is killed before it ends."""

    yard: Yard
    replica: Replica
    kills: int = 1
    ended: list[str] = field(default_factory=list)

    def __call__(self) -> None:
        for each in self.executions():
            if self.kills:
                self.kills -= 1
                self.replica.kill()
                self.replica.start()
            if each["PipelineExecutionStatus"] == "Executing":
                self.play(each["PipelineExecutionArn"])

    def executions(self) -> list[dict[str, Any]]:
        listed = self.yard.aws.client("sagemaker").list_pipeline_executions(PipelineName=PIPELINE)
        found: list[dict[str, Any]] = listed["PipelineExecutionSummaries"]
        return found

    def play(self, arn: str) -> None:
        listed = self.yard.aws.client("sagemaker").list_pipeline_parameters_for_execution(
            PipelineExecutionArn=arn
        )
        parameters = {each["Name"]: each["Value"] for each in listed["PipelineParameters"]}
        s3 = self.yard.aws.client("s3")
        bucket, _, key = parameters["In"].removeprefix("s3://").partition("/")
        given = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        assert parameters["Mode"] == f"of {given['run']}"
        trained = do_step(Linear(), s3, {"step": "train", **given})
        scored = do_step(Linear(), s3, {"step": "score", **given, **trained})
        answer = json.dumps(trained | scored).encode()
        s3.put_object(Bucket=bucket, Key=f"{key.rpartition('/')[0]}/output.json", Body=answer)
        end_sagemaker(arn)
        self.ended.append(parameters["Mode"])


@pytest.mark.timeout(300)
def test_a_pipeline_trains_and_the_service_is_killed_meanwhile(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/kedge.db"
    with (
        LocalAws(update_seconds=0.3) as aws,
        faulty(aws) as proxy,
        yard(7, tmp_path, database, aws, proxy.url) as made,
    ):
        aws.client("sagemaker").create_pipeline(
            PipelineName=PIPELINE,
            PipelineDefinition='{"Parameters": [{"Name": "In"}, {"Name": "Mode"}]}',
            RoleArn=ROLE,
            ClientRequestToken="t" * 32,
        )
        lines = made.config.read_text().splitlines(keepends=True)
        made.config.write_text(
            "".join(f"      {TARGET}\n" if "step_functions" in line else line for line in lines)
        )
        proxy.meets("StartPipelineExecution", Fault.THROTTLE, Fault.DROP, Fault.LATE_FAIL)
        proxy.meets("DescribePipelineExecution", Fault.CUT, Fault.FAIL)
        with Replica(made.config, made.environment, log=tmp_path / "serve.log") as replica:
            pipeline = Pipeline(made, replica)
            run = made.play(pipeline)
            assert replica.stop() == 0
        assert run.state is RunState.ADOPTED, run.told
        assert pipeline.ended == [f"of {run.name}"]
        assert [each["PipelineExecutionDisplayName"] for each in pipeline.executions()] == [run.name]
        found = standing(made)
        assert found.runs == [(run.name, RunState.ADOPTED)]
        assert found.endpoint_config == run.name
        assert len(found.packages) == 2
