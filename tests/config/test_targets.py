"""What a run may be handed to, and what it is given there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from config.targets import Target, TargetKind

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:abalone"
DOCUMENT = {
    "run": "kedge-a-1",
    "input": "s3://m/kedge-a-1/input.json",
    "output": "s3://m/kedge-a-1",
    "training": {"data": "s3://m/t.csv", "features": ["length"]},
    "score": {"test": None},
}


@pytest.mark.parametrize(
    ("given", "kind", "handed"),
    [
        ({"step_functions": MACHINE}, TargetKind.STEP_FUNCTIONS, DOCUMENT),
        ({"local": "train"}, TargetKind.LOCAL, DOCUMENT),
        (
            {"sagemaker_pipeline": "abalone"},
            TargetKind.SAGEMAKER_PIPELINE,
            {
                "KedgeRun": "kedge-a-1",
                "KedgeInput": "s3://m/kedge-a-1/input.json",
                "KedgeOutput": "s3://m/kedge-a-1",
            },
        ),
        (
            {"sagemaker_pipeline": {"name": "abalone", "parameters": {"T": "{score.test}", "D": "x{run}"}}},
            TargetKind.SAGEMAKER_PIPELINE,
            {"D": "xkedge-a-1"},  # what would be empty is left out: the pipeline has a default
        ),
        ({"codepipeline": "release"}, TargetKind.CODEPIPELINE, {}),
        (
            {"codepipeline": {"name": "release", "variables": {"IN": "{input}"}}},
            TargetKind.CODEPIPELINE,
            {"IN": "s3://m/kedge-a-1/input.json"},
        ),
        ({"event_bridge": {}}, TargetKind.EVENT_BRIDGE, DOCUMENT),
        (
            {"event_bridge": {"bus": "b"}, "input": {"n": 1, "f": "{training.features}"}},
            TargetKind.EVENT_BRIDGE,
            {"n": 1, "f": ["length"]},
        ),
    ],
)
def test_a_target_is_known_by_its_kind_and_given_what_it_asks_for(
    given: dict[str, Any], kind: TargetKind, handed: Any
) -> None:
    target = Target.model_validate(given)
    assert (target.kind, target.handed(DOCUMENT)) == (kind, handed)
    assert Target.model_validate(json.loads(json.dumps(target.written()))) == target


def test_parts_of_the_answer_lie_where_they_are_said_to() -> None:
    named = {
        "model_package_arn": "ssm:Package",
        "predictions.fresh": "{output}/fresh.csv",
        "predictions.captured": "s3://m/captured.csv",
        "baseline_data": "file:///data/baseline.csv",
        "code_version": "ssm:Commit",
        "image": "registry/abalone:1",
    }
    target = Target.model_validate({"local": "train", "outputs": named})
    assert target.answered_at(DOCUMENT) == {
        **named,
        "predictions.fresh": "s3://m/kedge-a-1/fresh.csv",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"local": "x", "codepipeline": "y"}, "must name exactly one target"),
        ({"codepipeline": "y", "input": {}}, "has input beside a pipeline, which takes variables"),
        ({"sagemaker_pipeline": "y", "input": {}}, "which takes parameters; write parameters below"),
        ({"sagemaker_pipeline": "a_b"}, "is not the name of a SageMaker pipeline"),
        ({"sagemaker_pipeline": {"name": "a", "parameters": {"N": 1}}}, "put numbers in quotes"),
        ({"sagemaker_pipeline": {"name": "a", "parameters": {"F": "{training.features}"}}}, "is no text"),
        ({"event_bridge": {"bus": "a b"}}, "is not the name of an event bus"),
        ({"event_bridge": {"detail_type": "x" * 129}}, "at most 128"),
        ({"local": "x", "input": "{run}"}, "must be a mapping"),
        ({"local": "x", "outputs": {"model": "y"}}, "names 'model', which no run is answered"),
        (
            {"local": "x", "outputs": {"model_package_arn": "ssm:"}},
            "for model_package_arn, which is no place",
        ),
        ({"local": "x", "outputs": {"predictions.fresh": "fresh.csv"}}, "'fresh.csv' for predictions.fresh"),
        ({"local": "x", "outputs": {"evaluation": "{{a}}"}}, "for evaluation, which is no place"),
        ({"local": "x", "outputs": ["model"]}, "must be a mapping"),
    ],
)
def test_what_no_target_takes_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Target.model_validate(given)


def test_a_digest_tells_inputs_apart() -> None:
    one, other = ({"local": "x", "input": {"a": text}} for text in ("{run}", "{endpoint}"))
    assert Target.model_validate(one).written() != Target.model_validate(other).written()
    assert len({Target.model_validate(each) for each in (one, other, one)}) == 2
