"""The files of a run's folder in S3: what it is handed, what it is answered, and by whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.targets import Target
from objects import Place, PlaceError, PlaceProblem, S3Objects, open_place
from retrain import handover
from retrain.targets import outputs
from retrain.targets.base import (
    Awaited,
    Cancelled,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    Unanswered,
)
from tests.faults import Fault, FaultyAws

RUN = "kedge-abalone-1"
FOLDER = f"s3://models/retraining/{RUN}"
DOCUMENT = {"run": RUN, "output": FOLDER, "input": f"{FOLDER}/input.json"}
TEXT = json.dumps(DOCUMENT, sort_keys=True)
EVENTS = Target.model_validate({"event_bridge": {}})
PIPELINE = Target.model_validate({"sagemaker_pipeline": "abalone"})
LOCAL = Target(local="train")
MACHINE = Target.model_validate(
    {"step_functions": "arn:aws:states:eu-west-1:123456789012:stateMachine:abalone"}
)
OWN = {"local": "train", "input": {"TrainingJobName": "abalone-{run}"}}


@pytest.fixture
def place(faulty_aws: FaultyAws) -> Place:
    faulty_aws.direct.client("s3").create_bucket(
        Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return open_place(FOLDER, faulty_aws.client("s3"))


def put(place: Place, name: str, text: str) -> None:
    place.objects.write(place.key(name), text.encode())


def settled(
    status: Status, target: Target, place: Place, aws: FaultyAws, before: dict[str, int] | None = None
) -> Status:
    return handover.settled(status, target, place, DOCUMENT, lambda: aws.client("ssm"), before or {})


def test_the_input_lies_in_the_folder_and_twice_is_once(place: Place) -> None:
    for target in (PIPELINE, LOCAL):
        handover.lay_down(target, place, TEXT, RUN)
        handover.lay_down(target, place, TEXT, RUN)
        assert place.objects.read(place.key("input.json")).decode() == TEXT


def test_a_folder_with_another_runs_input_is_not_used(place: Place) -> None:
    put(place, "input.json", '{"run": "another"}')
    with pytest.raises(
        TargetError, match=f"{FOLDER}/input.json holds another input than run {RUN}'s"
    ) as told:
        handover.lay_down(EVENTS, place, TEXT, RUN)
    assert not told.value.retryable


@pytest.mark.parametrize("target", [MACHINE, LOCAL])
def test_runs_of_one_name_and_one_input_of_its_own_are_told_apart_by_the_folder(
    place: Place, target: Target
) -> None:
    own = target.model_copy(update={"input": Target.model_validate(OWN).input})
    earlier, later = (json.dumps(DOCUMENT | {"changed_at": at}) for at in ("2026-01-01", "2026-09-09"))
    assert handover.given(own, earlier) == handover.given(own, later)
    for _ in range(2):
        handover.lay_down(own, place, earlier, RUN)
    with pytest.raises(TargetError, match="holds another input than run"):
        handover.lay_down(own, place, later, RUN)
    assert place.objects.read(place.key("input.json")).decode() == earlier


def test_an_input_of_its_own_needs_no_right_to_list(
    place: Place, faulty_aws: FaultyAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 denies what is absent to who may not list."""

    def denied(_: S3Objects, key: str) -> bytes:
        raise PlaceError(PlaceProblem.DENIED, f"access to {key} is denied")

    with monkeypatch.context() as patched:
        patched.setattr(S3Objects, "read", denied)
        handover.lay_down(Target.model_validate(OWN), place, TEXT, RUN)
    assert place.objects.read(place.key("input.json")).decode() == TEXT
    assert faulty_aws.seen("GET bucket") == 0


def test_a_target_that_answers_by_itself_needs_no_right_to_list(place: Place, faulty_aws: FaultyAws) -> None:
    handover.lay_down(LOCAL, place, TEXT, RUN)
    assert settled(Succeeded("{}"), LOCAL, place, faulty_aws) == Succeeded("{}")
    assert faulty_aws.seen("GET bucket") == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Running()),
        ({"output.json.part": "{}"}, Running()),
        ({"output.json": '{"image": "i"}'}, Succeeded('{"image": "i"}')),
        ({"output.json": "no JSON"}, Succeeded("no JSON")),
        (
            {"failed.json": '{"error": "OutOfMemory", "cause": "too large"}'},
            Failed("OutOfMemory", "too large"),
        ),
        ({"failed.json": '{"error": "OutOfMemory"}'}, Failed("OutOfMemory", "")),
        (
            {"failed.json": "[]"},
            Failed("Failed", f"{FOLDER}/failed.json says so, and has not the form of error"),
        ),
        ({"failed.json": "{}", "output.json": "{}"}, Succeeded("{}")),
    ],
)
def test_what_nobody_can_be_asked_is_awaited_in_the_folder(
    place: Place, faulty_aws: FaultyAws, files: dict[str, str], expected: Status
) -> None:
    for name, text in files.items():
        put(place, name, text)
    found = settled(Awaited(), EVENTS, place, faulty_aws)
    if isinstance(found, Failed) and isinstance(expected, Failed):
        assert found.error == expected.error
        assert found.cause.startswith(expected.cause)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("status", "written", "expected"),
    [
        (Unanswered(), '{"image": "i"}', {"image": "i"}),
        (Succeeded('{"model_package_arn": "a"}'), None, {"model_package_arn": "a"}),
        (Succeeded('{"model_package_arn": "a"}'), '{"image": "i"}', {"model_package_arn": "a", "image": "i"}),
        (Succeeded('{"model_package_arn": "a"}'), '{"model_package_arn": "b"}', {"model_package_arn": "b"}),
    ],
)
def test_what_is_written_goes_before_what_the_pipeline_is_seen_to_have_made(
    place: Place, faulty_aws: FaultyAws, status: Status, written: str | None, expected: dict[str, Any]
) -> None:
    if written is not None:
        put(place, "output.json", written)
    found = settled(status, PIPELINE, place, faulty_aws)
    assert isinstance(found, Succeeded)
    assert json.loads(found.output) == expected


def test_a_pipeline_that_says_nothing_at_all_has_failed(place: Place, faulty_aws: FaultyAws) -> None:
    told = f"it ended well, and there is no {FOLDER}/output.json and nothing else of its answer"
    assert settled(Unanswered(), PIPELINE, place, faulty_aws) == Failed("NoOutput", told)


@pytest.mark.parametrize("status", [Running(), Cancelled(), Failed("a", "b")])
def test_what_did_not_end_well_is_left_as_it_is(place: Place, faulty_aws: FaultyAws, status: Status) -> None:
    put(place, "output.json", "{}")
    assert settled(status, PIPELINE, place, faulty_aws) == status


@pytest.mark.parametrize(
    "answered", ['{"predictions": {"fresh": "f"}, "image": "i"}', '{"predictions": null}']
)
def test_parts_that_lie_elsewhere_are_put_in_their_places(
    place: Place, faulty_aws: FaultyAws, answered: str
) -> None:
    target = LOCAL.model_validate(
        {
            "local": "train",
            "outputs": {"model_package_arn": "ssm:/{run}/package", "predictions.captured": "{output}/c.csv"},
        }
    )
    faulty_aws.direct.client("ssm").put_parameter(Name=f"/{RUN}/package", Value="arn", Type="String")
    before = outputs.versions(lambda: faulty_aws.client("ssm"), {"model_package_arn": "ssm:none"})
    assert before == {"none": 0}
    faulty_aws.meets("GetParameter", Fault.DROP)
    with pytest.raises(TargetError, match=f"GetParameter of parameter /{RUN}/package") as lost:
        settled(Succeeded(answered), target, place, faulty_aws)
    assert lost.value.retryable
    found = settled(Succeeded(answered), target, place, faulty_aws)
    assert isinstance(found, Succeeded)
    whole = json.loads(found.output)
    assert whole["model_package_arn"] == "arn"
    assert whole["predictions"]["captured"] == f"{FOLDER}/c.csv"
    assert whole["predictions"].get("fresh") == (json.loads(answered)["predictions"] or {}).get("fresh")


def test_a_parameter_of_before_the_run_is_not_its_answer(place: Place, faulty_aws: FaultyAws) -> None:
    target = LOCAL.model_validate({"codepipeline": "p", "outputs": {"model_package_arn": "ssm:Package"}})
    ssm = faulty_aws.direct.client("ssm")
    ssm.put_parameter(Name="Package", Value="old", Type="String")
    before = outputs.versions(lambda: ssm, target.answered_at(DOCUMENT))
    assert before == {"Package": 1}
    with pytest.raises(TargetError, match="did not write the parameter Package") as told:
        settled(Unanswered(), target, place, faulty_aws, before)
    assert not told.value.retryable
    ssm.put_parameter(Name="Package", Value="new", Type="String", Overwrite=True)
    found = settled(Unanswered(), target, place, faulty_aws, before)
    assert found == Succeeded('{"model_package_arn": "new"}')


def test_a_parameter_that_is_not_there_is_told(place: Place, faulty_aws: FaultyAws) -> None:
    target = LOCAL.model_validate({"codepipeline": "p", "outputs": {"model_package_arn": "ssm:Package"}})
    with pytest.raises(TargetError, match=r"nothing stands there; check retrain\.target\.outputs") as told:
        settled(Unanswered(), target, place, faulty_aws)
    assert not told.value.retryable
