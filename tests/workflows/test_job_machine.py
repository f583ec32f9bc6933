"""The state machine of SageMaker jobs: its form, and every way through it, executed with real job scripts."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from cfnlint.api import lint

from retrain.targets.base import Failed, Succeeded
from retrain.targets.step_functions import StepFunctionsTarget
from retrain.workflows.job_machine import Jobs, handed_definition, job_definition
from retrain.workflows.jobs.here import JobsHere
from retrain.workflows.steps import StepError
from retrain.workflows.worker import Worker
from tests.workflows.conftest import BUCKET, ROLE, RUN, Stage, at_work, end_of, handed
from tests.workflows.linear import Linear

GROUP = "abalone"
TRAINER = "tests.workflows.linear:Linear"
JOBS = Jobs(ROLE, "registry/kedge:1", "registry/linear:1", TRAINER, GROUP, f"s3://{BUCKET}/runs")
OUTPUT = f"s3://{BUCKET}/runs/{RUN}"
CAPTURED = 40
FORMS = {
    "sync": job_definition(JOBS),
    "handed": handed_definition(JOBS, "https://queue"),
}


def rows(count: int, noise: float, seed: int = 1) -> tuple[bytes, bytes]:
    """A labelled set of rings = 2 length + 3 weight + 1, so far off; the same without labels."""
    rng = np.random.default_rng(seed)
    table = pl.DataFrame(rng.uniform(0, 5, (count, 2)), schema=["length", "weight"])
    rings = 2 * pl.col("length") + 3 * pl.col("weight") + 1 + pl.Series(rng.normal(0, noise, count))
    return table.select(rings.alias("rings"), pl.all()).write_csv().encode(), table.write_csv().encode()


class JobStage:
    """The bucket of a run, and the machine whose jobs a worker does."""

    def __init__(self, stage: Stage, *, noise: float = 0.5) -> None:
        self.stage = stage
        self.sagemaker: Any = stage.aws.client("sagemaker")
        self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        training, _ = rows(200, noise)
        _, captured = rows(CAPTURED, noise, 2)
        labelled, _ = rows(30, noise, 3)
        stage.put("in/training.csv", training)
        stage.put("in/captured.csv", captured)
        stage.put("in/test.csv", labelled)
        stage.put("in/manifest.json", json.dumps({"training": {"count": CAPTURED}}).encode())

    def champion(self, noise: float) -> dict[str, str | None]:
        """A champion that learnt from data so far off."""
        archive = Linear().train(rows(100, noise, 4)[0], "rings", ["length", "weight"], "").archive
        return {"model_data": self.stage.put("champion/model.tar.gz", archive), "model_package": None}

    def target(
        self, jobs: Jobs = JOBS, changed: dict[str, dict[str, int | None]] | None = None
    ) -> StepFunctionsTarget:
        """The machine on moto, with other seconds of some states; None takes them away."""
        found = json.loads(handed_definition(jobs, self.stage.queue, timeout_seconds=600))
        for name, seconds in (changed or {}).items():
            state = found["States"][name] | seconds
            found["States"][name] = {key: value for key, value in state.items() if value is not None}
        machine = json.dumps(found)
        made = self.stage.states.create_state_machine(name="jobs", definition=machine, roleArn=ROLE)
        return StepFunctionsTarget(self.stage.states, made["stateMachineArn"])

    def worker(self) -> Worker:
        here = JobsHere(self.stage.s3, TRAINER)
        return Worker(
            self.stage.sqs,
            self.stage.states,
            self.stage.s3,
            self.stage.queue,
            Linear(),
            beat_seconds=0.3,
            poll_seconds=1,
            jobs=here,
        )

    def answer(self, *, evaluation: Any = ..., fail: str = "") -> dict[str, Any]:
        """Take the next job's message and answer it without doing the job; its request."""
        message = self.stage.message()
        self.stage.beat(message["token"])
        request: dict[str, Any] = message["request"]
        name = request.get("ProcessingJobName") or request["TrainingJobName"]
        if fail and name.endswith(fail):
            self.stage.states.send_task_failure(
                taskToken=message["token"], error="JobFailed", cause=f"AlgorithmError in {fail}"
            )
            return request
        if name.endswith("score") and evaluation is not ...:
            self.stage.put(f"runs/{RUN}/evaluation/evaluation.json", evaluation)
        told = {
            "ProcessingJobName": name,
            "TrainingJobName": name,
            "ModelArtifacts": {"S3ModelArtifacts": f"{OUTPUT}/jobs/{name}/output/model.tar.gz"},
        }
        self.stage.states.send_task_success(taskToken=message["token"], output=json.dumps(told))
        return request

    def packages(self) -> list[dict[str, Any]]:
        listed = self.sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
        return [
            self.sagemaker.describe_model_package(ModelPackageName=each["ModelPackageArn"]) for each in listed
        ]


@pytest.fixture
def jobs(stage: Stage) -> JobStage:
    return JobStage(stage)


def measured(challenger: float, champion: float | None) -> bytes:
    found = {
        "comparison": {"challenger": challenger, "champion": champion, "count": 8},
        "predictions": {"fresh": "s3://f", "captured": "s3://c", "test": None, "champion_test": None},
    }
    return json.dumps(found).encode()


@pytest.mark.parametrize("form", FORMS)
def test_the_definition_is_of_the_languages_form(form: str) -> None:
    machine = {"RoleArn": ROLE, "Definition": json.loads(FORMS[form])}
    resources = {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine}}
    assert [str(each) for each in lint(json.dumps({"Resources": resources}), regions=["eu-west-1"])] == []
    machine["Definition"]["States"]["Train"].pop("Resource")
    found = lint(json.dumps({"Resources": resources}), regions=["eu-west-1"])
    assert [each.rule.id for each in found] == ["E3601"]


@pytest.mark.parametrize("form", FORMS)
def test_moto_takes_the_definition(form: str, stage: Stage) -> None:
    """Its parser is the language's grammar; what AWS's services take in Parameters it does not know."""
    made = stage.states.create_state_machine(name=form, definition=FORMS[form], roleArn=ROLE)
    found = stage.states.describe_state_machine(stateMachineArn=made["stateMachineArn"])
    assert json.loads(found["definition"]) == json.loads(FORMS[form])


def following(state: dict[str, Any]) -> Iterator[str]:
    for each in [state, *state.get("Catch", ()), *state.get("Choices", ())]:
        if "Next" in each:
            yield each["Next"]
    if "Default" in state:
        yield state["Default"]


@pytest.mark.parametrize("form", FORMS)
def test_every_state_is_reached_and_every_task_has_a_named_way_out(form: str) -> None:
    machine = json.loads(FORMS[form])
    states = machine["States"]
    reached, ahead = set(), [machine["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(following(states[name]))
    assert reached == set(states)
    for name, state in states.items():
        assert state["Type"] in {"Succeed", "Fail"} or list(following(state)), name
        if state["Type"] == "Fail":
            assert state["Error"] == ("BadInput" if name == "NoInput" else name)
        if state["Type"] == "Task":
            ways = {error: each["Next"] for each in state["Catch"] for error in each["ErrorEquals"]}
            assert {states[to]["Type"] for to in ways.values()} == {"Fail"}
            assert "States.ALL" in state["Catch"][-1]["ErrorEquals"]


def test_nothing_is_left_to_be_filled_in() -> None:
    assert all("${" not in text for text in FORMS.values())
    with pytest.raises(ValueError, match="no folder of a bucket"):
        job_definition(replace(JOBS, output="s3://bucket"))


def test_both_forms_have_the_same_states_and_the_same_jobs() -> None:
    sync, by_hand = (json.loads(FORMS[form])["States"] for form in ("sync", "handed"))
    assert list(sync) == list(by_hand)
    for name, state in sync.items():
        if ".sync" in state.get("Resource", ""):
            assert by_hand[name]["Parameters"]["MessageBody"]["request"] == state["Parameters"]
            assert {**by_hand[name], "Resource": "", "Parameters": {}}.items() >= {
                key: state[key] for key in ("ResultSelector", "ResultPath", "Catch", "Next")
            }.items()
        else:
            assert by_hand[name] == state


def requires(service: str, operation: str, request: dict[str, Any]) -> None:
    """Refuse a request that AWS's own model of the operation does not take."""
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    assert ParamValidator().validate(request, shape).generate_report() == ""
    assert list(too_long(shape, request)) == []


def too_long(shape: Any, value: Any, where: str = "") -> Iterator[str]:
    """The texts that are longer than AWS's model has it, which botocore leaves to AWS to refuse."""
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from too_long(shape.members[name], inner, f"{where}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from too_long(shape.member, inner, f"{where}[]")
    elif shape.type_name == "map":
        for name, inner in value.items():
            yield from too_long(shape.key, name, f"{where}.{name}")
            yield from too_long(shape.value, inner, f"{where}.{name}")
    elif isinstance(value, str) and len(value) > shape.metadata.get("max", math.inf):
        yield f"{where} has {len(value)} characters"


def test_the_jobs_requests_are_what_sagemaker_takes_and_called_after_the_run(jobs: JobStage) -> None:
    target = jobs.target()
    wide = json.loads(handed())["training"] | {
        "features": [f"sensor_temperature_{at:03d}" for at in range(110)]
    }
    handle = target.start(RUN, handed(output=OUTPUT, training=wide))
    asked = [jobs.answer(), jobs.answer(), jobs.answer(evaluation=measured(1.0, 2.0))]
    assert isinstance(end_of(target, handle), Succeeded)
    for request, operation in zip(
        asked, ("CreateProcessingJob", "CreateTrainingJob", "CreateProcessingJob"), strict=True
    ):
        requires("sagemaker", operation, request)
    names = [each.get("ProcessingJobName") or each["TrainingJobName"] for each in asked]
    assert names == [f"{RUN}-split", f"{RUN}-train", f"{RUN}-score"]
    register = json.loads(FORMS["sync"])["States"]["Register"]["Parameters"]
    fixed = json.loads(json.dumps(register).replace('.$"', '"'))
    requires("sagemaker", "CreateModelPackage", fixed)
    assert fixed["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_run_goes_through_real_jobs_and_is_registered_but_not_approved(jobs: JobStage) -> None:
    target, worker = jobs.target(), jobs.worker()
    with at_work(worker):
        status = end_of(target, target.start(RUN, handed(output=OUTPUT, champion=jobs.champion(9.0))), 90)
    assert isinstance(status, Succeeded), status
    (package,) = jobs.packages()
    assert json.loads(status.output) == {
        "model_data": f"{OUTPUT}/jobs/{RUN}-train/output/model.tar.gz",
        "image": "registry/linear:1",
        "evaluation": f"{OUTPUT}/evaluation/evaluation.json",
        "predictions": {
            name: f"{OUTPUT}/predictions/{name}.csv"
            for name in ("fresh", "captured", "test", "champion_test")
        },
        "model_package_arn": package["ModelPackageArn"],
    }
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {"kedge-run": RUN}
    found = json.loads(jobs.stage.read(f"{OUTPUT}/evaluation/evaluation.json"))
    compared = found["comparison"]
    assert compared["count"] == CAPTURED // 5
    assert compared["challenger"] < 1 < compared["champion"]
    assert found["regression_metrics"]["rmse"]["value"] == pytest.approx(compared["challenger"])
    trained = jobs.stage.read(f"{OUTPUT}/prepared/train/train.csv")
    held_out = jobs.stage.read(f"{OUTPUT}/prepared/held_out/held_out.csv")
    both = trained + held_out.partition(b"\n")[2]
    assert both == jobs.stage.read(f"s3://{BUCKET}/in/training.csv")
    fresh = pl.read_csv(io.BytesIO(jobs.stage.read(f"{OUTPUT}/predictions/fresh.csv")))
    assert fresh["prediction"].to_numpy() == pytest.approx([6, 5, 10], abs=1)
    baseline = pl.read_csv(io.BytesIO(jobs.stage.read(f"{OUTPUT}/evaluation/baseline.csv")))
    assert (baseline.columns, baseline.height) == (["prediction", "label"], CAPTURED // 5)


def test_one_that_is_worse_than_the_champion_on_the_same_records_is_not_registered(stage: Stage) -> None:
    jobs = JobStage(stage, noise=2.0)
    sets = f"s3://{BUCKET}/in"
    score = {"fresh": f"{sets}/fresh.csv", "captured": f"{sets}/captured.csv", "test": None}
    target = jobs.target(replace(JOBS, threshold=99.0))
    # the champion knows the truth, and the challenger learns it from noise
    given = handed(output=OUTPUT, score=score, champion=jobs.champion(0.0))
    with at_work(jobs.worker()):
        status = end_of(target, target.start(RUN, given), 90)
    assert isinstance(status, Failed)
    assert status.error == "WorseThanTheChampion"
    assert "of the champion on the same 8 held-out records" in status.cause
    assert jobs.packages() == []


@pytest.mark.parametrize("champion", [0.5, None])
def test_the_threshold_is_held_with_and_without_a_champion(jobs: JobStage, champion: float | None) -> None:
    target = jobs.target(replace(JOBS, threshold=1.5))
    handle = target.start(RUN, handed(output=OUTPUT))
    jobs.answer()
    jobs.answer()
    jobs.answer(evaluation=measured(1.5, champion))
    status = end_of(target, handle)
    assert isinstance(status, Failed)
    assert status.error == "ThresholdNotMet"
    assert "rmse 1.5 of the challenger" in status.cause
    assert jobs.packages() == []


@pytest.mark.parametrize(
    ("step", "error"),
    [("split", "PreprocessingFailed"), ("train", "TrainingFailed"), ("score", "EvaluationFailed")],
)
def test_a_job_that_fails_is_a_named_failure(jobs: JobStage, step: str, error: str) -> None:
    target = jobs.target()
    handle = target.start(RUN, handed(output=OUTPUT))
    while True:
        asked = jobs.answer(fail=step)
        if (asked.get("ProcessingJobName") or asked["TrainingJobName"]).endswith(step):
            break
    assert end_of(target, handle) == Failed(error, f"AlgorithmError in {step}")


@pytest.mark.parametrize("evaluation", [..., b"no JSON"])
def test_an_evaluation_that_is_not_there_is_a_named_failure(jobs: JobStage, evaluation: Any) -> None:
    target = jobs.target()
    handle = target.start(RUN, handed(output=OUTPUT))
    jobs.answer()
    jobs.answer()
    jobs.answer(evaluation=evaluation)
    status = end_of(target, handle)
    assert isinstance(status, Failed)
    assert status.error == "EvaluationUnread"


def test_a_registry_that_refuses_is_a_named_failure(jobs: JobStage) -> None:
    elsewhere = replace(JOBS, group="nobodys-group")
    target = jobs.target(elsewhere)
    handle = target.start(RUN, handed(output=OUTPUT))
    jobs.answer()
    jobs.answer()
    jobs.answer(evaluation=measured(1.0, None))
    status = end_of(target, handle)
    assert isinstance(status, Failed)
    assert status.error == "RegistrationFailed"


LATE = {"TimeoutSeconds": 1, "HeartbeatSeconds": None}
SILENT = {"HeartbeatSeconds": 1}


@pytest.mark.parametrize(
    ("answered", "state", "limit", "error"),
    [
        (0, "Preprocess", LATE, "PreprocessingTookTooLong"),
        (1, "Train", SILENT, "TrainingTookTooLong"),
        (2, "Evaluate", LATE, "EvaluationTookTooLong"),
    ],
)
def test_a_job_that_takes_too_long_is_a_named_failure(
    jobs: JobStage, answered: int, state: str, limit: dict[str, int | None], error: str
) -> None:
    target = jobs.target(changed={state: limit})
    handle = target.start(RUN, handed(output=OUTPUT))
    for _ in range(answered):
        jobs.answer()
    jobs.stage.message()  # taken, and never answered
    status = end_of(target, handle)
    assert isinstance(status, Failed)
    assert status.error == error


@pytest.mark.parametrize("missing", ["run", "training", "score", "champion", "output"])
def test_an_input_that_lacks_something_is_told_before_a_job_starts(jobs: JobStage, missing: str) -> None:
    target = jobs.target()
    status = end_of(target, target.start(RUN, handed(**{missing: ...})))
    assert isinstance(status, Failed)
    assert status.error == "BadInput"
    assert jobs.stage.messages() == 0


Message = Callable[[dict[str, Any]], None]


def _other_script(request: dict[str, Any]) -> None:
    request["AppSpecification"]["ContainerEntrypoint"] = ["python3", "-m", "http.server"]


def _outside(request: dict[str, Any]) -> None:
    request["ProcessingInputs"][0]["S3Input"]["LocalPath"] = "/opt/ml/../../etc"


def _nothing(request: dict[str, Any]) -> None:
    request.clear()


@pytest.mark.parametrize("change", [_other_script, _outside, _nothing])
def test_a_worker_runs_no_job_but_the_shipped_ones_in_their_folders(jobs: JobStage, change: Message) -> None:
    target = jobs.target()
    target.start(RUN, handed(output=OUTPUT))
    message = jobs.stage.message()
    change(message["request"])
    with pytest.raises(StepError) as refused:
        JobsHere(jobs.stage.s3, TRAINER).run(message)
    assert refused.value.name == "BadInput"
