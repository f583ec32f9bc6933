"""The abalone application as published, and Kedge beside it: its workflow measures and registers by itself.

Names and files are the stack's: the SSM parameters ModelPackageName and BaselineDataUri, the group
AbalonePackageGroup, a version that is Approved at once, evaluation.json with regression_metrics (or with
GroundTruth and Predictions, as its first chapters have it), baseline.csv with the header prediction,label.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from config.metrics import DRIFT_CHECK
from demo import missing_pipelines
from retrain import actions, registry
from store import baselines, executions, runs
from store.engine import reading
from store.records import ExecutionKind, Outcome
from store.retraining import RunReason, RunState
from tests.commands.line import kedge
from tests.conftest import ROOT
from tests.loop import world
from tests.loop.rig import ENDPOINT, OLD_CONFIG, ROLE, Rig
from tests.loop.rig import GROUP as RIGS_GROUP
from tests.observing.replica import until
from tests.targets.stands import PIPELINE, REGION, release_change

BUCKET, GROUP = "abalone-data", "AbalonePackageGroup"
TRUTH = np.random.default_rng(8).poisson(9.0, 400) + 1.0


def chapter_10(rmse: float) -> bytes:
    """Its evaluation.json; the standard deviation is that of the residuals."""
    metrics = {
        name: {"value": value, "standard_deviation": rmse}
        for name, value in (("rmse", rmse), ("mse", rmse**2))
    }
    return json.dumps({"regression_metrics": metrics}).encode()


def answered(rmse: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and answers that are so far from them."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(TRUTH)[:300]
    errors = rng.normal(0, 1, truth.size)
    return truth, truth + errors * rmse / np.sqrt(np.mean(errors**2))


def chapter_7(rmse: float, seed: int = 3) -> bytes:
    truth, answers = answered(rmse, seed)
    return json.dumps({"GroundTruth": truth.tolist(), "Predictions": [[each] for each in answers]}).encode()


def baseline_csv(rmse: float, seed: int = 3) -> bytes:
    truth, answers = answered(rmse, seed)
    lines = [f"{answer!r},{label!r}" for label, answer in zip(truth.tolist(), answers.tolist(), strict=True)]
    return "\n".join(["prediction,label", *lines]).encode()


def documented() -> dict[str, Any]:
    """The policy that docs/retraining.md has for such a stack."""
    page = (ROOT / "docs" / "retraining.md").read_text()
    block = page.split("## Beside a stack you already have\n")[1].split("```yaml\n")[1].split("```")[0]
    found: dict[str, Any] = yaml.safe_load(block)["endpoints"][0]["retrain"]
    return found


@dataclass(slots=True)
class Stack:
    """The stack on moto, and Kedge's loop on a folder of captures."""

    rig: Rig
    s3: Any
    sagemaker: Any
    ssm: Any

    group: str = GROUP

    @classmethod
    def before_traffic(cls, rig: Rig, evaluation: bytes) -> Stack:
        """Whole, with the names that it has: the champion is the first version of AbalonePackageGroup."""
        stack = cls._made(rig, GROUP)
        stack.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
        key = "e-1/output/evaluation/evaluation.json"
        stack.s3.put_object(Bucket=BUCKET, Key=key, Body=evaluation)
        source = {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/{key}"}
        champion = stack.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="Approved",
            MetadataProperties={"ProjectId": "e-1", "GeneratedBy": "CDK Pipeline"},
            InferenceSpecification=_inference("e-1"),
            ModelMetrics={"ModelQuality": {"Statistics": source}},
        )["ModelPackageArn"]
        stack.ssm.put_parameter(Name="ModelPackageName", Value=champion, Type="String")
        # its endpoint's model was made of an archive: only SSM tells which version that is
        rig.package = ""
        policy = documented()
        rig.retrain = {**rig.retrain, "when": tuple(policy["when"]), "champion": policy["champion"]}
        rig.breach()
        return stack

    @classmethod
    def beside(cls, breached: Rig, evaluation: bytes) -> Stack:
        """Where the world has changed already; the champion is of the rig's own group."""
        breached.write("models/1/evaluation.json", evaluation)
        return cls._made(breached, RIGS_GROUP)

    @classmethod
    def before_unlabelled_drift(cls, rig: Rig, evaluation: bytes) -> Stack:
        """No label ever came, and the world has changed, which is what the policy looks at."""
        stack = cls.beside(rig, evaluation)
        rig.retrain = {
            **rig.retrain,
            "when": ("drift(length) > 0.1",),
            "approval": "always",
            "watch": 2,
        }
        rig.pass_hours("quiet", "changed", "changed", "changed", labels=0)
        return stack

    @classmethod
    def _made(cls, rig: Rig, group: str) -> Stack:
        client = rig.aws.direct.client
        stack = cls(rig, client("s3"), client("sagemaker"), client("ssm"), group)
        stack.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        rig.retrain = {
            **rig.retrain,
            "target": {"step_functions": stack._workflow()},
            "registry": group,
            "judge": "evaluation",
            "approval": "automatic",
        }
        rig.executor = rig.another("stack", s3=lambda role: rig.aws.client("s3"))
        return stack

    def _workflow(self) -> str:
        """registerModel as published: approved at once, then the two parameters; it answers what it wrote."""
        place = f"s3://{BUCKET}/e-2/output"
        register = {
            "ModelPackageGroupName": self.group,
            "ModelApprovalStatus": "Approved",
            "MetadataProperties": {"ProjectId": "e-2", "GeneratedBy": "CDK Pipeline"},
            "InferenceSpecification": _inference("e-2"),
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": f"{place}/evaluation/evaluation.json",
                    }
                }
            },
        }
        baseline = f"{place}/baseline/baseline.csv"
        states = {
            "Register": _task("sagemaker:createModelPackage", register, "$.made", "Name"),
            "Name": _task(
                "ssm:putParameter",
                {
                    "Name": "ModelPackageName",
                    "Value.$": "$.made.ModelPackageArn",
                    "Type": "String",
                    "Overwrite": True,
                },
                "$.named",
                "Place",
            ),
            "Place": _task(
                "ssm:putParameter",
                {"Name": "BaselineDataUri", "Value": baseline, "Type": "String", "Overwrite": True},
                "$.placed",
                "Answer",
            ),
            "Answer": {
                "Type": "Pass",
                "Parameters": {"model_package_arn.$": "$.made.ModelPackageArn", "baseline_data": baseline},
                "End": True,
            },
        }
        return str(
            self.rig.aws.direct.client("stepfunctions").create_state_machine(
                name="abalone-workflow",
                definition=json.dumps({"StartAt": "Register", "States": states}),
                roleArn=ROLE,
            )["stateMachineArn"]
        )

    def runs_its_workflow(self) -> None:
        """As a stage of its pipeline does: the state machine runs, and Kedge is told nothing of it."""
        states = self.rig.aws.direct.client("stepfunctions")
        (machine,) = states.list_state_machines()["stateMachines"]
        arn = states.start_execution(stateMachineArn=machine["stateMachineArn"], name="e-2", input="{}")
        assert until(lambda: _status(states, arn["executionArn"]) != "RUNNING")
        assert _status(states, arn["executionArn"]) == "SUCCEEDED"

    def answers_no_baseline(self) -> None:
        """Its answer is the version alone, as far as Kedge is concerned."""
        self.change('"baseline_data": ', '"elsewhere": ')

    def leaves_elsewhere(self, place: str) -> None:
        """The next execution's files lie there; those of the last lie where they lay."""
        self.change("/e-2/", f"/{place}/")

    def change(self, old: str, new: str) -> None:
        """Put something in the place of what stands in the workflow's definition."""
        states, arn = (
            self.rig.aws.direct.client("stepfunctions"),
            self.rig.retrain["target"]["step_functions"],
        )
        definition = states.describe_state_machine(stateMachineArn=arn)["definition"]
        assert old in definition
        states.update_state_machine(stateMachineArn=arn, definition=definition.replace(old, new))

    def held(self) -> Callable[[], str]:
        """Have the workflow wait before it answers; what is given back takes the token, once it is there."""
        sqs, states = (self.rig.aws.direct.client(name) for name in ("sqs", "stepfunctions"))
        queue = sqs.create_queue(QueueName="held")["QueueUrl"]
        arn = self.rig.retrain["target"]["step_functions"]
        machine = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
        message = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
        hold = _task("", message, "$.held", "Answer")
        machine["States"]["Hold"] = hold | {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}
        machine["States"]["Place"]["Next"] = "Hold"
        states.update_state_machine(stateMachineArn=arn, definition=json.dumps(machine))

        def token() -> str:
            (found,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
            return str(json.loads(found["Body"])["token"])

        return token

    def leaves(self, evaluation: bytes, baseline: bytes, execution: str = "e-2") -> None:
        """What the workflow's jobs will have written when it registers."""
        for name, data in (("evaluation/evaluation.json", evaluation), ("baseline/baseline.csv", baseline)):
            self.s3.put_object(Bucket=BUCKET, Key=f"{execution}/output/{name}", Body=data)

    def version(self) -> dict[str, Any]:
        """The newest version, as SSM names it."""
        name = self.ssm.get_parameter(Name="ModelPackageName")["Parameter"]["Value"]
        found: dict[str, Any] = self.sagemaker.describe_model_package(ModelPackageName=name)
        return found

    def held_by(self, parameter: str) -> str | None:
        """What a parameter holds, None where there is none."""
        found = self.ssm.get_parameters(Names=[parameter])["Parameters"]
        return str(found[0]["Value"]) if found else None

    def told(self, reason: RunReason) -> list[str]:
        """What the newest run's events of this kind say."""
        with reading(self.rig.engine) as connection:
            events = runs.events(connection, self.rig.runs()[0].id)
        return [event.told for event in events if event.reason is reason]


def _status(states: Any, arn: str) -> str:
    return str(states.describe_execution(executionArn=arn)["status"])


def _task(call: str, parameters: dict[str, Any], result: str, then: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::aws-sdk:{call}",
        "Parameters": parameters,
        "ResultPath": result,
        "Next": then,
    }


def _inference(execution: str) -> dict[str, Any]:
    return {
        "Containers": [{"Image": world.IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{execution}/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


def test_a_worse_model_is_rejected_and_the_stacks_defects_are_named(rig: Rig, tmp_path: Path) -> None:
    stack = Stack.before_traffic(rig, chapter_10(2.1))
    stack.leaves(chapter_10(2.4), baseline_csv(2.4))
    run = rig.until(RunState.LOST)
    assert run.told.startswith(
        "The challenger is not shown to be better by its workflow's own evaluation: "
        "rmse 2.400 against 2.100, as each was stated, without an interval."
    )
    assert "weak evidence" in run.told
    version = stack.version()
    assert version["ModelApprovalStatus"] == "Rejected"
    assert "rmse 2.400 against 2.100" in version["ApprovalDescription"]
    splits, approved = stack.told(RunReason.DEFECT)
    assert f"s3://{BUCKET}/e-1/output/evaluation/evaluation.json" in splits
    assert "nothing says that these were of the same split" in splits
    assert f"registered {version['ModelPackageArn']} as approved before it was judged" in approved
    handed = json.loads(run.input or "")
    assert (handed["training"], handed["score"]) == (None, None)
    assert handed["champion"]["model_package"].endswith(f"/{GROUP.lower()}/1")
    assert rig.endpoint_config() == "abalone-config"
    entry = f"{{name: abalone, capture: {rig.uri('captures')}, baseline: {rig.uri('baseline')}}}"
    database = rig.engine.url.render_as_string(hide_password=False)
    (tmp_path / "kedge.yaml").write_text(f"database: {database}\nendpoints: [{entry}]\n")
    diagnosed = kedge("doctor", "abalone", "--config", str(tmp_path / "kedge.yaml")).out
    assert f"WRONG    workflow: {approved}" in diagnosed
    assert f"kedge retrain show {run.name}" in diagnosed


def test_a_version_that_lost_is_not_the_next_champion_though_its_parameter_names_it(rig: Rig) -> None:
    stack = Stack.before_traffic(rig, chapter_10(2.1))
    stack.leaves(chapter_10(2.4), baseline_csv(2.4))
    first = rig.until(RunState.LOST)
    loser = stack.version()["ModelPackageArn"]
    stack.leaves_elsewhere("e-3")
    stack.leaves(chapter_10(2.3), baseline_csv(2.3), "e-3")
    rig.retrain = {**rig.retrain, "cooldown": "0s", "back_off": "1 up to 0s"}
    rig.pass_hours("quiet", "quiet", "quiet", "changed", "changed", "changed")
    run = rig.until_so(lambda run: run.name != first.name and run.state.is_end)
    assert run.state is RunState.LOST
    assert "rmse 2.300 against 2.100" in run.told
    champion = json.loads(first.input or "")["champion"]
    assert json.loads(run.input or "")["champion"] == champion
    (told,) = (each for each in stack.told(RunReason.TRAINING) if "ModelPackageName" in each)
    assert f"names {loser}, which is rejected: the champion is still {champion['model_package']}." in told
    # and by the champion's quality its conditions are weighed
    thresholds = [threshold for each in rig.decided() for _, _, threshold in each.seen]
    assert thresholds == pytest.approx([1.15 * 2.1] * len(thresholds))


_EARLY = (RunState.REQUESTED, RunState.STARTED)


def test_a_version_that_its_owner_took_out_is_not_the_next_champion(rig: Rig) -> None:
    stack = Stack.before_traffic(rig, chapter_10(2.4))
    champion = stack.version()["ModelPackageArn"]
    rig.retrain = {**rig.retrain, "approval": "always", "cooldown": "1h", "back_off": "1 up to 0s"}
    stack.leaves(chapter_10(1.2), baseline_csv(1.2))
    first = rig.until(RunState.DEPLOYED)
    rig.taken_out()
    assert rig.until(RunState.ADOPTED).reason is RunReason.OVERTAKEN
    assert stack.held_by("ModelPackageName") == first.model_package, "of which Kedge has written nothing"
    stack.leaves_elsewhere("e-3")
    stack.leaves(chapter_10(2.2), baseline_csv(2.2), "e-3")
    rig.hours.append(rig.hours[-1])  # of which nobody asked anything
    rig.pass_hours("changed", "changed", "changed")
    run = rig.until_so(lambda run: run.name != first.name and run.state not in _EARLY)
    assert json.loads(run.input or "")["champion"]["model_package"] == champion
    thresholds = [threshold for each in rig.decided() for _, _, threshold in each.seen]
    assert thresholds == pytest.approx([1.15 * 2.4] * len(thresholds))
    (told,) = (each for each in stack.told(RunReason.TRAINING) if "ModelPackageName" in each)
    assert "which kedge-abalone-1 made and which was taken out again: the champion is still" in told


def test_its_release_change_is_the_target_and_its_parameters_are_the_answer(rig: Rig) -> None:
    missing_pipelines.install()
    stack = Stack.before_traffic(rig, chapter_10(2.1))
    release_change(rig.aws)
    named = {"model_package_arn": "ssm:ModelPackageName", "baseline_data": "ssm:BaselineDataUri"}
    rig.retrain = {**rig.retrain, "target": {"codepipeline": PIPELINE, "outputs": named}}
    stack.leaves(chapter_10(2.0), baseline_csv(2.0))
    run = rig.until(RunState.STARTED)
    stack.runs_its_workflow()
    missing_pipelines.end_codepipeline(REGION, PIPELINE, run.handle or "", "Succeeded")
    run = rig.until(RunState.REGISTERED)
    assert run.model_package == stack.version()["ModelPackageArn"]
    assert json.loads(run.output or "")["baseline_data"].endswith("/baseline/baseline.csv")
    assert "rmse 2.000 against 2.100" in stack.told(RunReason.BETTER)[0]
    (_, approved) = stack.told(RunReason.DEFECT)
    assert "approved before it was judged" in approved


def test_a_better_one_waits_for_a_person_and_brings_its_baseline(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    run = breached.until(RunState.REGISTERED)
    breached.act()
    assert stack.version()["ModelApprovalStatus"] == "PendingManualApproval", (
        "which approval: automatic is not"
    )
    assert run.told.endswith("; it waits for a person's approval, since its workflow alone has measured it.")
    metadata = stack.version()["CustomerMetadataProperties"]
    assert metadata["kedge-run"] == run.name
    assert metadata["kedge-answers"] == f"s3://{BUCKET}/e-2/output/baseline/baseline.csv"
    made = json.loads(
        (breached.folder / "output" / run.name / "model_quality" / "statistics.json").read_text()
    )
    assert made["regression_metrics"]["rmse"]["value"] == pytest.approx(2.1)
    breached.say(actions.approve)
    run = breached.until(RunState.DEPLOYED)
    assert stack.version()["ModelApprovalStatus"] == "Approved"
    assert breached.endpoint_config() == run.name
    with reading(breached.engine) as connection:
        old, new = (baselines.texts(connection, era.baseline_id or 0)[0] for era in breached.eras())
    before, now = ({each["name"]: each for each in json.loads(text)["features"]} for text in (old, new))
    answers = answered(2.1)[1]
    assert now["rings"]["numerical_statistics"]["mean"] == pytest.approx(answers.mean())
    assert {name: now[name] for name in world.FEATURES} == {name: before[name] for name in world.FEATURES}


def test_its_first_windows_are_held_against_the_champions_last(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    breached.retrain = {**breached.retrain, "approval": "always"}
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    run = breached.until(RunState.DEPLOYED)
    breached.pass_hours(
        "changed"
    )  # the endpoint goes on to answer as the champion did, so nothing got better
    run = breached.until(RunState.ADOPTED)
    assert "where the champion had" in run.told
    assert stack.told(RunReason.WAITING_FOR_APPROVAL) == ["The workflow registered the model."]
    assert stack.version()["ModelApprovalStatus"] == "Approved"


def test_a_model_that_left_no_answers_is_not_sent_back_for_answering_otherwise(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    stack.answers_no_baseline()
    breached.retrain = {**breached.retrain, "approval": "always", "ssm": {"baseline": "/abalone/answers"}}
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    breached.until(RunState.DEPLOYED)
    # what is right has moved where no input did, and the new model has learnt that
    breached.champion_answers(more=9.0)
    breached.pass_hours("quiet", labels=0)
    breached.act()
    assert breached.runs()[0].state is RunState.DEPLOYED
    (told,) = stack.told(RunReason.PARAMETERS_LEFT)
    assert (
        told == "There are no answers of the new model's for /abalone/answers to name: it is left as it is."
    )
    with reading(breached.engine) as connection:
        judged = executions.latest(connection, breached.runs()[0].monitor_id, ExecutionKind.DATA_QUALITY)
        (newest,) = (each for each in judged if each.deployment_id == breached.eras()[-1].id)
        checks = executions.checks_of(connection, [newest.id])[newest.id]
    found = {row.check: row.outcome for row in checks if row.feature == world.LABEL}
    assert found[DRIFT_CHECK] is Outcome.NOT_APPLICABLE
    assert Outcome.VIOLATED not in found.values()


@pytest.mark.parametrize("known", [True, False])
def test_its_parameters_name_the_champion_again_after_a_rollback(breached: Rig, known: bool) -> None:
    """The workflow writes ModelPackageName and BaselineDataUri when it registers, before it is judged."""
    stack, champion = Stack.beside(breached, chapter_10(2.4)), breached.package
    names = {
        "model_package": "ModelPackageName",
        "baseline": "BaselineDataUri" if known else "/abalone/answers",
    }
    breached.retrain = {**breached.retrain, "approval": "always", "ssm": names}
    stack.leaves(b"", baseline_csv(2.4), "e-1")
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    old, new = (f"s3://{BUCKET}/{each}/output/baseline/baseline.csv" for each in ("e-1", "e-2"))
    if known:
        registry.note(stack.sagemaker, champion, {registry.ANSWERS_KEY: old})
    breached.until(RunState.DEPLOYED)
    breached.act()
    assert stack.held_by(names["baseline"]) == new
    breached.champion_answers(more=9.0)
    breached.pass_hours("quiet")
    run = breached.until(RunState.ROLLED_BACK)
    assert stack.held_by("ModelPackageName") == champion != run.model_package
    assert stack.held_by(names["baseline"]) == (old if known else None)
    assert stack.told(RunReason.PARAMETERS_LEFT) == []


def test_a_parameter_that_nobody_knows_the_past_of_is_left_and_told(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    breached.retrain = {**breached.retrain, "approval": "always", "ssm": {"baseline": "BaselineDataUri"}}
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    breached.until(RunState.DEPLOYED)
    breached.champion_answers(more=9.0)
    breached.pass_hours("quiet")
    breached.until(RunState.ROLLED_BACK)
    (told,) = stack.told(RunReason.PARAMETERS_LEFT)
    assert told.startswith("The workflow wrote BaselineDataUri before it was judged")


def test_the_champions_windows_of_few_labels_are_no_measure(breached: Rig) -> None:
    breached.pass_hours("quiet", "quiet", labels=3)  # in which it is good, as few as they are
    stack = Stack.beside(breached, chapter_10(2.4))
    breached.retrain = {**breached.retrain, "approval": "always", "watch": 2, "for": "2 of 6"}
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    breached.until(RunState.DEPLOYED)
    breached.pass_hours("changed", "changed")  # it answers as the champion did when the world had changed
    run = breached.until(RunState.ADOPTED, RunState.ROLLED_BACK)
    assert run.state is RunState.ADOPTED, run.told
    assert run.reason is RunReason.FIRST_WINDOWS_GOOD


@pytest.mark.parametrize("failing", [0, 20])
def test_without_any_label_its_first_windows_are_looked_at_all_the_same(rig: Rig, failing: int) -> None:
    stack = Stack.before_unlabelled_drift(rig, chapter_10(2.4))
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    rig.until(RunState.DEPLOYED)
    assert rig.act() == 0
    rig.pass_hours("changed", labels=0)
    assert rig.act() == 0, "one window of two"
    rig.pass_hours("changed", labels=0, failing=failing)
    rig.pass_hours("changed", labels=0, failing=failing)
    run = rig.until(RunState.ADOPTED, RunState.ROLLED_BACK)
    if failing:
        assert run.state is RunState.ROLLED_BACK
        assert "could not be read or have no answer" in run.told
        assert rig.endpoint_config() == OLD_CONFIG
    else:
        assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NO_LABELS)
        assert run.told.startswith("The champion had no 50 labelled records")


def test_a_model_whose_answer_nobody_named_keeps_the_champions_baseline(rig: Rig) -> None:
    rig.entry = {"prediction": None, "ground_truth": None}
    stack = Stack.before_unlabelled_drift(rig, chapter_10(2.4))
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    run = rig.until(RunState.DEPLOYED, RunState.FAILED)
    assert run.state is RunState.DEPLOYED, run.told


def test_records_of_both_give_an_interval_and_show_that_the_splits_differ(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_7(2.4, seed=1))
    stack.leaves(chapter_7(2.35, seed=2), baseline_csv(2.35, seed=2))
    run = breached.until(RunState.LOST)
    assert "a difference of -0.050 (" in run.told
    assert "on different splits: this is weak evidence" in run.told
    assert "measured on different splits" in stack.told(RunReason.DEFECT)[0]


def test_on_the_same_records_there_is_no_such_defect_and_a_small_gain_is_seen(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_7(2.4))
    stack.leaves(chapter_7(2.35), b"prediction,label\n1,2\n")
    breached.until(RunState.REGISTERED)
    (approved,) = stack.told(RunReason.DEFECT)
    assert "approved before it was judged" in approved


def test_an_evaluation_over_the_champions_is_held_against_nothing(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.1))
    stack.change(
        f"s3://{BUCKET}/e-2/output/evaluation/evaluation.json", breached.uri("models/1/evaluation.json")
    )
    stack.leaves(b"", baseline_csv(2.1))
    breached.retrain = {**breached.retrain, "accept": "rmse < 3.1"}
    breached.until(RunState.REGISTERED)
    (told,) = stack.told(RunReason.BETTER)
    assert "is good enough by its workflow's own evaluation: rmse 2.100, held against rmse < 3.1" in told
    assert "the two were not compared" in told
    over, _ = stack.told(RunReason.DEFECT)
    assert f"wrote its evaluation over the champion's, to {breached.uri('models/1/evaluation.json')}" in over


@pytest.mark.parametrize("left", [b"[]", None])
def test_a_champions_evaluation_that_cant_be_read_is_no_fault_of_the_challengers(
    breached: Rig, left: bytes | None
) -> None:
    stack = Stack.beside(breached, left or b"")
    if left is None:
        (breached.folder / "models" / "1" / "evaluation.json").unlink()
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    breached.retrain = {**breached.retrain, "accept": "rmse < 3.1", "when": ("drift(length) > 0.1",)}
    breached.until(RunState.REGISTERED)
    (told,) = stack.told(RunReason.BETTER)
    assert "is good enough by its workflow's own evaluation: rmse 2.100, held against rmse < 3.1" in told
    assert "no evaluation of the champion's that can be read" in told


@pytest.mark.parametrize(
    ("evaluation", "told"),
    [
        (b"[]", "is no JSON object"),
        (None, "evaluation.json"),
        (b'{"GroundTruth": [1, 2], "Predictions": [1]}', "no two lists of equally many finite numbers"),
    ],
)
def test_an_evaluation_that_cant_be_read_ends_the_run_and_rejects_its_version(
    breached: Rig, evaluation: bytes | None, told: str
) -> None:
    stack = Stack.beside(breached, chapter_10(2.1))
    if evaluation is not None:
        stack.leaves(evaluation, baseline_csv(2.0))
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_OUTPUT
    assert told in run.told
    assert stack.version()["ModelApprovalStatus"] == "Rejected"


def test_the_pipeline_may_deploy_before_it_ends(breached: Rig) -> None:
    """What the published pipeline does: its last stage sets the endpoint, and only then it has succeeded."""
    stack, champion = Stack.beside(breached, chapter_10(2.1)), breached.package
    stack.leaves(chapter_10(2.4), baseline_csv(2.4))
    release = stack.held()
    breached.until(RunState.STARTED)
    token = release()
    breached.deploy("abalone-config-2")
    breached.package = stack.version()["ModelPackageArn"]
    breached.observe()
    breached.act()
    assert breached.runs()[0].state is RunState.STARTED
    assert len(breached.eras()) == 2
    breached.aws.direct.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    run = breached.until(RunState.LOST)
    assert json.loads(run.input or "")["champion"]["model_package"] == champion
    assert any("answered the endpoint's requests before" in told for told in stack.told(RunReason.DEFECT))
    assert stack.version()["ModelApprovalStatus"] == "Rejected"


def test_one_that_its_pipeline_deployed_is_left_there_once_it_is_approved(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    breached.until(RunState.REGISTERED)
    breached.deploy("abalone-config-2")
    breached.package = stack.version()["ModelPackageArn"]
    breached.observe()
    breached.say(actions.approve)
    run = breached.until(RunState.ADOPTED)
    assert run.reason is RunReason.NOT_DEPLOYED_HERE
    assert breached.endpoint_config() == "abalone-config-2"
    assert breached.eras()[-1].baseline_id == run.new_baseline_id


def test_one_that_its_pipeline_deployed_unnoticed_is_left_there_too(breached: Rig) -> None:
    stack = Stack.beside(breached, chapter_10(2.4))
    stack.leaves(chapter_10(2.1), baseline_csv(2.1))
    run = breached.until(RunState.REGISTERED)
    stack.sagemaker.create_model(
        ModelName="e-2", ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": run.model_package}]
    )
    present = stack.sagemaker.describe_endpoint_config(EndpointConfigName=OLD_CONFIG)
    (variant,) = present["ProductionVariants"]
    stack.sagemaker.create_endpoint_config(
        EndpointConfigName="abalone-config-2", ProductionVariants=[variant | {"ModelName": "e-2"}]
    )
    stack.sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="abalone-config-2")
    assert until(lambda: breached.endpoint_config() == "abalone-config-2")
    breached.say(actions.approve)
    run = breached.until(RunState.ADOPTED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE)
    assert stack.version()["ModelApprovalStatus"] == "Approved"
    theirs = breached.eras()[-1]
    assert (theirs.endpoint_config, theirs.baseline_id) == ("abalone-config-2", run.new_baseline_id)
