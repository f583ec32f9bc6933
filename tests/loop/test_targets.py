"""A run through targets that answer by files, from the breach to the rollout; and an input of one's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from config.templates import PATHS, Holds
from demo.missing_pipelines import Action, Step, end_codepipeline, end_sagemaker
from retrain import actions
from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState
from tests.clock import MINUTE
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import GROUP, TRAINER, Rig
from tests.targets.stands import BUS, PIPELINE, REGION, ROLE, listener, release_change

SAGEMAKER = {"sagemaker_pipeline": PIPELINE}
CODEPIPELINE = {"codepipeline": {"name": PIPELINE, "variables": {"RUN": "{run}", "INPUT": "{input}"}}}
EVENTS = {"event_bridge": {"bus": BUS}}


@dataclass(slots=True)
class Stage:
    """A rig whose training is another's to do: a pipeline, or somebody who listens."""

    rig: Rig
    kind: str
    heard: Callable[[], list[dict[str, Any]]]

    def train(self, run: Run, way: str = "") -> None:
        """Do what a pipeline does: read the input, train, score, write the answer."""
        folder = self.rig.folder / "output" / run.name
        subprocess.run(
            [sys.executable, str(TRAINER), *filter(None, [way])],
            env=os.environ
            | {"KEDGE_INPUT": str(folder / "input.json"), "KEDGE_OUTPUT": str(folder / "output.json")},
            check=True,
        )

    def end(self, run: Run, status: str, steps: tuple[tuple[str, str], ...] = ()) -> None:
        """The pipeline comes to an end; who listens has none but the files."""
        if self.kind == "sagemaker_pipeline":
            end_sagemaker(run.handle or "", status, None, [Step(name, "Failed", why) for name, why in steps])
        elif self.kind == "codepipeline":
            ended = [Action("Train", name, "Failed", why) for name, why in steps]
            end_codepipeline(REGION, PIPELINE, run.handle or "", status, ended)
        elif steps:
            ((name, why),) = steps
            self.rig.write(
                f"output/{run.name}/failed.json", json.dumps({"error": name, "cause": why}).encode()
            )

    def started(self) -> list[str]:
        """What of theirs was started, each once however often it was said."""
        aws = self.rig.aws.direct
        if self.kind == "sagemaker_pipeline":
            found = aws.client("sagemaker").list_pipeline_executions(PipelineName=PIPELINE)
            return [each["PipelineExecutionArn"] for each in found["PipelineExecutionSummaries"]]
        if self.kind == "codepipeline":
            listed = aws.client("codepipeline").list_pipeline_executions(pipelineName=PIPELINE)
            return [each["pipelineExecutionId"] for each in listed["pipelineExecutionSummaries"]]
        return sorted({each["detail"]["run"] for each in self.heard()})

    def stopped(self, run: Run) -> bool:
        aws = self.rig.aws.direct
        if self.kind == "sagemaker_pipeline":
            found = aws.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=run.handle)
            return bool(found["PipelineExecutionStatus"] == "Stopping")
        if self.kind == "codepipeline":
            client = aws.client("codepipeline")
            got = client.get_pipeline_execution(pipelineName=PIPELINE, pipelineExecutionId=run.handle)
            return bool(got["pipelineExecution"]["status"] == "Stopping")
        return {"run": run.name, "reason": run.told} in [each["detail"] for each in self.heard()]


@pytest.fixture(params=[SAGEMAKER, CODEPIPELINE, EVENTS], ids=lambda target: next(iter(target)))
def stage(request: pytest.FixtureRequest, breached: Rig) -> Stage:
    breached.aws.direct.client("sagemaker").create_pipeline(
        PipelineName=PIPELINE, PipelineDefinition="{}", RoleArn=ROLE, ClientRequestToken="t" * 32
    )
    release_change(breached.aws)
    heard = listener(breached.aws, BUS)
    breached.retrain = {"target": request.param}
    return Stage(breached, next(iter(request.param)), heard)


def test_a_run_is_trained_elsewhere_and_rolled_out(stage: Stage) -> None:
    rig = stage.rig
    for call in ("StartPipelineExecution", "PutEvents"):
        rig.aws.meets(call, Fault.THROTTLE, Fault.LATE_FAIL, Fault.DROP, Fault.CUT)
    for call in ("DescribePipelineExecution", "GetPipelineExecution", "ListPipelineExecutions"):
        rig.aws.meets(call, Fault.FAIL, Fault.CUT)
    run = rig.until(RunState.STARTED)
    for _ in range(3):
        assert rig.act() == 0
    stage.train(run)
    stage.end(run, "Succeeded")
    run = rig.until(RunState.DEPLOYED)
    assert len(stage.started()) == 1
    assert rig.endpoint_config() == run.name
    assert rig.packages() == {run.model_package: "Approved"}


def test_training_that_fails_elsewhere_tells_which_step_and_why(stage: Stage) -> None:
    run = stage.rig.until(RunState.STARTED)
    stage.end(run, "Failed", (("Fit", "out of memory"),))
    run = stage.rig.until(RunState.FAILED)
    assert run.reason is RunReason.TARGET_FAILED
    assert "Fit" in run.told
    assert run.told.endswith(": out of memory")
    assert not stage.rig.packages()


def test_training_elsewhere_that_takes_too_long_is_stopped(stage: Stage) -> None:
    run = stage.rig.until(RunState.STARTED)
    stage.rig.clock.at = run.deadline + MINUTE
    run = stage.rig.until(RunState.TIMED_OUT)
    assert stage.stopped(run)


def test_training_elsewhere_is_cancelled_by_hand(stage: Stage) -> None:
    stage.rig.until(RunState.STARTED)
    stage.rig.say(actions.cancel)
    run = stage.rig.until(RunState.CANCELLED)
    assert stage.stopped(run)
    assert len(stage.started()) == 1


def test_an_answer_that_is_none_fails_the_run(stage: Stage) -> None:
    run = stage.rig.until(RunState.STARTED)
    stage.rig.write(f"output/{run.name}/output.json", b"{'model_data': 1}")
    stage.end(run, "Succeeded")
    run = stage.rig.until(RunState.FAILED)
    assert (run.reason, run.told) == (RunReason.BAD_OUTPUT, "The target's output is no JSON object.")


def test_files_of_another_run_of_that_name_are_not_taken_for_this_ones(stage: Stage) -> None:
    rig = stage.rig
    rig.write("output/kedge-abalone-1/input.json", b'{"run": "kedge-abalone-1"}')
    rig.write("output/kedge-abalone-1/output.json", b"{}")
    run = rig.until(RunState.FAILED)
    assert run.reason is RunReason.TARGET_FAILED
    assert "input.json holds another input than run kedge-abalone-1's" in run.told
    assert not stage.started()


@pytest.mark.parametrize("stage", [CODEPIPELINE], indirect=True, ids=["codepipeline"])
@pytest.mark.parametrize("written", [True, False])
def test_a_version_that_the_pipeline_names_in_a_parameter_is_the_runs(stage: Stage, written: bool) -> None:
    rig, ssm = stage.rig, stage.rig.aws.direct.client("ssm")
    ssm.put_parameter(Name="ModelPackageName", Value=rig.package, Type="String")
    rig.retrain = {"target": CODEPIPELINE | {"outputs": {"model_package_arn": "ssm:ModelPackageName"}}}
    run = rig.until(RunState.STARTED)
    stage.train(run)
    model = {"Image": world.IMAGE, "ModelDataUrl": f"{rig.uri('output')}/{run.name}/model.csv"}
    registered = rig.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [model],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    if written:
        ssm.put_parameter(Name="ModelPackageName", Value=registered, Type="String", Overwrite=True)
    rig.aws.meets("GetParameter", Fault.THROTTLE, Fault.CUT)
    stage.end(run, "Succeeded")
    if written:
        run = rig.until(RunState.DEPLOYED)
        assert (run.model_package, rig.packages()) == (registered, {registered: "Approved"})
    else:
        run = rig.until(RunState.FAILED)
        assert "did not write the parameter ModelPackageName" in run.told


@contextmanager
def denying(rig: Rig, *operations: str) -> Iterator[None]:
    """Step Functions refuses these for good meanwhile."""
    events = rig.aws.client("stepfunctions").meta.events

    def deny(model: Any, **_: Any) -> None:
        answer = {"Code": "AccessDeniedException", "Message": "not authorized"}
        raise ClientError({"Error": answer, "ResponseMetadata": {"HTTPStatusCode": 400}}, model.name)

    for operation in operations:
        events.register(f"before-call.sfn.{operation}", deny)
    yield
    for operation in operations:
        events.unregister(f"before-call.sfn.{operation}", deny)


def test_training_that_refuses_to_say_how_far_it_is_is_asked_again(breached: Rig) -> None:
    breached.with_state_machine()
    run = breached.until(RunState.STARTED)
    with denying(breached, "DescribeExecution"):
        assert breached.act() == 0
    with reading(breached.engine) as connection:
        waits = runs.events(connection, run.id)[-1]
    assert (waits.state, waits.reason) == (RunState.STARTED, RunReason.NO_ANSWER)
    assert "answered AccessDeniedException" in waits.told
    assert waits.told.endswith(f"and is asked about until {run.deadline:%Y-%m-%d %H:%M} UTC.")
    assert breached.act() == 0
    assert breached.runs()[0].state is RunState.STARTED
    assert breached.executions() == {run.name: "RUNNING"}


@pytest.mark.parametrize("stops", [True, False])
def test_training_that_never_says_how_far_it_is_is_stopped_or_told(breached: Rig, stops: bool) -> None:
    breached.with_state_machine()
    run = breached.until(RunState.STARTED)
    breached.clock.at = run.deadline + MINUTE
    with denying(breached, "DescribeExecution", *([] if stops else ["StopExecution"])):
        failed = breached.until(RunState.FAILED)
    assert failed.reason is RunReason.TARGET_FAILED
    assert "answered AccessDeniedException" in failed.told
    assert ("What trains could not be stopped, see to it where it runs: " in failed.told) is not stops
    assert breached.executions() == {run.name: "ABORTED" if stops else "RUNNING"}


@pytest.mark.parametrize("stops", [True, False])
def test_a_start_that_took_effect_unseen_and_is_refused_then_is_stopped_or_told(
    breached: Rig, stops: bool
) -> None:
    breached.with_state_machine()
    breached.aws.meets("StartExecution", Fault.DROP)
    assert breached.act() == 0
    (name,) = breached.executions()
    if stops:
        breached.clock.at = breached.runs()[0].deadline + timedelta(days=9)
        breached.aws.meets("StartExecution", Fault.THROTTLE)
        failed = breached.until(RunState.FAILED)
        assert "may have taken effect" not in failed.told
        assert breached.executions() == {name: "ABORTED"}
        return
    with denying(breached, "StartExecution"):
        failed = breached.until(RunState.FAILED)
    assert failed.reason is RunReason.TARGET_FAILED
    assert f"An earlier start may have taken effect: look for {name} where it trains" in failed.told
    assert breached.executions() == {name: "RUNNING"}


def test_a_start_that_is_refused_at_once_is_not_said_to_have_taken_effect(breached: Rig) -> None:
    breached.with_state_machine()
    with denying(breached, "StartExecution"):
        failed = breached.until(RunState.FAILED)
    assert "may have taken effect" not in failed.told
    assert breached.executions() == {}


@pytest.mark.parametrize("wrong", ["shuffled ", ""])
def test_a_version_that_has_served_is_no_challenger_and_is_not_rejected(breached: Rig, wrong: str) -> None:
    breached.trainer = f"{wrong}registered {breached.package}"
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_OUTPUT
    assert f"answered {breached.package}, which has served abalone already" in run.told
    sagemaker = breached.aws.direct.client("sagemaker")
    package = sagemaker.describe_model_package(ModelPackageName=breached.package)
    assert package["ModelApprovalStatus"] == "Approved"


def test_a_state_machine_is_given_the_names_that_it_has_always_had(breached: Rig) -> None:
    breached.with_state_machine()
    machine = breached.retrain["target"]["step_functions"]
    breached.retrain["target"] = {
        "step_functions": machine,
        "input": {
            "ModelName": "abalone",
            "PreprocessingJobName": "abalone-processing-{run}",
            "Data": {
                "Training": "{training.data}",
                "Features": "{training.features}",
                "Test": "{score.test}",
            },
            "Since": "{changed_at}",
            "Epochs": 200,
        },
    }
    run = breached.until(RunState.STARTED)
    found = breached.aws.direct.client("stepfunctions").describe_execution(executionArn=run.handle)
    folder = f"{breached.uri('output')}/{run.name}"
    assert json.loads(found["input"]) == {
        "ModelName": "abalone",
        "PreprocessingJobName": "abalone-processing-kedge-abalone-1",
        "Data": {"Training": f"{folder}/training.csv", "Features": list(world.FEATURES), "Test": None},
        "Since": run.change_at.isoformat(),
        "Epochs": 200,
    }
    breached.retrain["target"] = {"local": "true"}
    breached.say(actions.cancel)
    breached.until(RunState.CANCELLED)
    breached.retrain["target"] = {"step_functions": machine}
    assert breached.executions() == {run.name: "ABORTED"}, "a run keeps to what it has begun with"


def paths_of(document: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Each path of a run's input and what stands there."""
    found: dict[str, Any] = {}
    for key, value in document.items():
        found[f"{above}{key}"] = value
        if isinstance(value, dict):
            found |= paths_of(value, f"{above}{key}.")
    return found


def test_a_template_may_name_what_a_runs_input_holds_and_nothing_else(breached: Rig) -> None:
    breached.training = {"test": breached.uri("baseline/test.csv")}
    run = breached.until_so(lambda run: run.input is not None)
    held = paths_of(json.loads(run.input or ""))
    incident = {f"incident.{key}" for key in ("kind", "opened_at", "features", "summary")}
    assert held.keys() | incident == PATHS.keys()
    for path, value in held.items():
        if isinstance(value, dict | list):
            assert PATHS[path] is Holds.VALUE, path
        else:
            assert isinstance(value, str) or PATHS[path] is Holds.TEXT_OR_NULL or path == "incident", path


def test_the_input_tells_of_the_breach_and_where_everything_lies(breached: Rig) -> None:
    run = breached.until(RunState.STARTED)
    given = json.loads((breached.folder / "output" / run.name / "input.json").read_text())
    assert given == json.loads(run.input or "")
    (breach,) = given["breach"]
    assert breach["condition"] == "rmse > 1.15 * baseline"
    assert breach["value"] > breach["threshold"] > 1
    newest = breached.hours[-1]
    assert given["window"]["start"] == newest.start.isoformat()
    assert (given["capture"], given["ground_truth"]) == (breached.uri("captures"), breached.uri("labels"))
    assert run.judged_start is not None
    assert given["judging"]["start"] == run.judged_start.isoformat() > given["changed_at"]
    for part, records in (("window", len(newest.times)), ("baseline", None)):
        place = breached.folder / given[part]["statistics"].removeprefix(f"{breached.uri('')}")
        found = json.loads(place.read_text())
        assert records in (None, found["dataset"]["item_count"])
        assert (place.parent / "constraints.json").exists()
    kept = json.loads((breached.folder / "baseline/statistics.json").read_text())
    assert json.loads(place.read_text()) == kept
    with reading(breached.engine) as connection:
        (start,) = [each for each in runs.all_effects(connection, run.id) if each.name == "start"]
    assert json.loads(start.request)["input"] == run.input, (
        "without a template the input is handed over as it is"
    )
