"""Pipelines of SageMaker and of CodePipeline: what they are started with, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto.codepipeline.models import codepipeline_backends
from moto.sagemaker.models import sagemaker_backends

from config.targets import TargetKind
from demo.missing_pipelines import Action, Step, end_codepipeline, end_sagemaker
from retrain.targets.base import Cancelled, Failed, Running, Status, Succeeded, TargetError, Unanswered
from retrain.targets.codepipeline import CodePipelineTarget
from retrain.targets.sagemaker_pipelines import SageMakerPipelineTarget
from tests.faults import FaultyAws
from tests.targets.stands import ACCOUNT, PIPELINE, REGION, RUN, Stand, release_change, stand

PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/abalone/4"
REGISTERS = Step("Register", registered=PACKAGE)


@pytest.fixture
def sagemaker(faulty_aws: FaultyAws, tmp_path: Path) -> Stand:
    return stand(TargetKind.SAGEMAKER_PIPELINE, faulty_aws, tmp_path)


@pytest.fixture
def codepipeline(faulty_aws: FaultyAws, tmp_path: Path) -> Stand:
    return stand(TargetKind.CODEPIPELINE, faulty_aws, tmp_path)


def of_sagemaker(handle: str) -> Any:
    return sagemaker_backends[ACCOUNT][REGION].pipelines[PIPELINE].pipeline_executions[handle]


def of_codepipeline(handle: str) -> Any:
    return codepipeline_backends[ACCOUNT][REGION].pipelines[PIPELINE].executions[handle]


def test_sagemaker_is_given_the_parameters_a_name_to_show_and_a_token(sagemaker: Stand) -> None:
    execution = of_sagemaker(sagemaker.target.start(RUN, sagemaker.asked))
    given = {each["Name"]: each["Value"] for each in execution.pipeline_parameters}
    assert given == json.loads(sagemaker.asked)
    assert execution.pipeline_execution_display_name == RUN
    assert len(execution.client_request_token) == 64


def test_a_token_that_sagemaker_has_forgotten_does_not_start_another(sagemaker: Stand) -> None:
    handle = sagemaker.target.start(RUN, sagemaker.asked)
    of_sagemaker(handle).client_request_token = None
    backend = sagemaker_backends[ACCOUNT][REGION]
    for number in range(2, 150):
        backend.start_pipeline_execution(PIPELINE, f"kedge-abalone-{number}", [], "", {}, f"{number:032}")
    assert sagemaker.target.start(RUN, sagemaker.asked) == handle
    assert len(sagemaker.started()) == 149, "it is on the second page"


def test_a_parameter_that_the_pipeline_does_not_declare_is_named(
    faulty_aws: FaultyAws, sagemaker: Stand
) -> None:
    definition = json.dumps({"Parameters": [{"Name": "Run", "Type": "String"}]})
    faulty_aws.direct.client("sagemaker").update_pipeline(
        PipelineName=PIPELINE, PipelineDefinition=definition
    )
    with pytest.raises(
        TargetError, match=r"the parameters that it declares.*Unknown parameter names: \['Input'\]"
    ):
        sagemaker.target.start(RUN, sagemaker.asked)
    assert not sagemaker.started()


def test_sagemaker_takes_an_arn(faulty_aws: FaultyAws, sagemaker: Stand) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/{PIPELINE}"
    target = SageMakerPipelineTarget(faulty_aws.client("sagemaker"), arn)
    assert target.start(RUN, sagemaker.asked) in sagemaker.started()


@pytest.mark.parametrize(
    ("status", "steps", "expected"),
    [
        ("Succeeded", (Step("Train"), REGISTERS), Succeeded(json.dumps({"model_package_arn": PACKAGE}))),
        ("Succeeded", (Step("Train"),), Unanswered()),
        ("Succeeded", (REGISTERS, Step("Again", registered=PACKAGE)), Unanswered()),
        ("Stopped", (), Cancelled()),
        ("Stopping", (), Running()),
        (
            "Failed",
            (Step("Prepare"), Step("Train", "Failed", "out of memory"), Step("Score", "Failed")),
            Failed("PipelineFailed", "Train: out of memory; Score: no reason given"),
        ),
        ("Failed", (), Failed("PipelineFailed", "Step failure: One or multiple steps failed.")),
        ("CompletedWithFailures", (Step("Train", "Failed", "why"),), Failed("PipelineFailed", "Train: why")),
    ],
)
def test_an_execution_of_sagemaker_ends(
    sagemaker: Stand, status: str, steps: tuple[Step, ...], expected: Status
) -> None:
    handle = sagemaker.target.start(RUN, sagemaker.asked)
    reason = "Step failure: One or multiple steps failed." if "Fail" in status else None
    end_sagemaker(handle, status, reason, steps)
    assert sagemaker.target.status(handle) == expected


def test_codepipeline_is_given_the_variables_and_a_token(codepipeline: Stand) -> None:
    execution = of_codepipeline(codepipeline.target.start(RUN, codepipeline.asked))
    assert {each["name"]: each["value"] for each in execution.variables} == json.loads(codepipeline.asked)
    assert len(execution.token) == 64


def test_a_token_that_codepipeline_has_forgotten_does_not_start_another(codepipeline: Stand) -> None:
    handle = codepipeline.target.start(RUN, codepipeline.asked)
    of_codepipeline(handle).token = None
    assert codepipeline.target.start(RUN, codepipeline.asked) == handle
    assert len(codepipeline.started()) == 1


def test_without_variables_the_token_alone_tells_that_it_is_one(
    faulty_aws: FaultyAws, codepipeline: Stand
) -> None:
    handle = codepipeline.target.start(RUN, "{}")
    assert codepipeline.target.start(RUN, "{}") == handle
    assert codepipeline.target.start("kedge-abalone-2", "{}") != handle
    assert faulty_aws.seen("ListPipelineExecutions") == 0


def test_variables_that_are_the_same_in_every_run_tell_nothing(codepipeline: Stand) -> None:
    handles = {codepipeline.target.start(f"kedge-abalone-{at}", '{"Mode": "retrain"}') for at in range(3)}
    assert len(handles) == len(codepipeline.started()) == 3


@pytest.mark.parametrize(
    ("status", "actions", "expected"),
    [
        ("Succeeded", (), Unanswered()),
        ("Stopped", (), Cancelled()),
        ("Cancelled", (), Cancelled()),
        ("Stopping", (), Running()),
        ("Superseded", (), Failed("Superseded", "a later release change overtook it in the pipeline")),
        (
            "Failed",
            (Action("Source", "Fetch"), Action("Train", "Build", "Failed", "exit status 1")),
            Failed("PipelineFailed", "Build of Train: exit status 1"),
        ),
        ("Failed", (), Failed("PipelineFailed", "")),
    ],
)
def test_an_execution_of_codepipeline_ends(
    codepipeline: Stand, status: str, actions: tuple[Action, ...], expected: Status
) -> None:
    handle = codepipeline.target.start(RUN, codepipeline.asked)
    end_codepipeline(REGION, PIPELINE, handle, status, actions)
    assert codepipeline.target.status(handle) == expected


@pytest.mark.parametrize("kind", [TargetKind.SAGEMAKER_PIPELINE, TargetKind.CODEPIPELINE])
def test_a_text_that_is_too_long_is_told_before_anything_is_started(
    faulty_aws: FaultyAws, tmp_path: Path, kind: TargetKind
) -> None:
    made = stand(kind, faulty_aws, tmp_path)
    with pytest.raises(TargetError, match="Reason of run kedge-abalone-1 has 1025 characters") as told:
        made.target.start(RUN, json.dumps({"Reason": "x" * 1025}))
    assert not told.value.retryable
    assert not made.started()
    assert faulty_aws.seen("StartPipelineExecution") == 0


def test_a_pipeline_that_is_not_there_is_told_in_amazons_words(faulty_aws: FaultyAws) -> None:
    release_change(faulty_aws)
    for target, words in (
        (
            SageMakerPipelineTarget(faulty_aws.client("sagemaker"), "none"),
            "ResourceNotFound: check the pipeline",
        ),
        (
            CodePipelineTarget(faulty_aws.client("codepipeline"), "none"),
            "PipelineNotFoundException: check the p",
        ),
    ):
        with pytest.raises(TargetError, match=words) as told:
            target.start(RUN, "{}")
        assert not told.value.retryable
        assert "it said: " in str(told.value)
        assert "none" in str(told.value)
