"""Whether what is to train is there can be asked before there is a run, and nothing is started by it."""

from __future__ import annotations

import shlex
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import config.targets
from config.targets import TargetKind
from retrain.targets import open_target
from retrain.targets.airflow import AirflowTarget, Answer
from retrain.targets.base import TargetError
from retrain.targets.local import LocalTarget
from tests.faults import FaultyAws
from tests.targets.stands import stand
from tests.targets.test_airflow_refusals import DAG, Given

OURS = [each for each in TargetKind if each not in (TargetKind.AIRFLOW, TargetKind.MWAA)]
NOWHERE = "arn:aws:states:eu-west-1:123456789012:stateMachine:nowhere"


@pytest.mark.parametrize("kind", OURS, ids=str)
def test_what_is_there_is_told_and_not_started(
    kind: TargetKind, faulty_aws: FaultyAws, tmp_path: Path
) -> None:
    made = stand(kind, faulty_aws, tmp_path / "runs")
    assert made.target.look()
    assert not made.started()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"step_functions": NOWHERE}, f"cannot find the state machine {NOWHERE}"),
        ({"sagemaker_pipeline": "nowhere"}, "cannot find the pipeline nowhere, SageMaker answered"),
        ({"codepipeline": "nowhere"}, "cannot find the pipeline nowhere, CodePipeline answered"),
        ({"event_bridge": {"bus": "nowhere"}}, "cannot find the bus nowhere, EventBridge answered"),
    ],
)
def test_what_is_not_there_is_told_with_what_to_check(
    given: dict[str, object], said: str, faulty_aws: FaultyAws, tmp_path: Path
) -> None:
    named = config.targets.Target.model_validate(given)
    with pytest.raises(TargetError, match=said) as caught:
        open_target(named, faulty_aws.client, tmp_path).look()
    assert not caught.value.retryable
    assert ": check the " in str(caught.value)


def test_an_express_machine_can_not_be_followed(faulty_aws: FaultyAws, tmp_path: Path) -> None:
    made = faulty_aws.direct.client("stepfunctions").create_state_machine(
        name="express",
        definition='{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": true}}}',
        roleArn="arn:aws:iam::123456789012:role/r",
        type="EXPRESS",
    )
    named = config.targets.Target.model_validate({"step_functions": made["stateMachineArn"]})
    with pytest.raises(TargetError, match="is EXPRESS, whose executions can't be followed: make one of type"):
        open_target(named, faulty_aws.client, tmp_path).look()


def test_a_dag_is_there_and_not_paused() -> None:
    version = Answer(200, {"version": "3.1.0"})

    def look(dag: Answer) -> str:
        return AirflowTarget(Given(retrain=dag, version=version), DAG, "answer", "the url is right").look()

    assert look(Answer(200, {"is_paused": False})) == "DAG retrain is there, in an Airflow 3"
    with pytest.raises(TargetError, match="DAG retrain, it is paused: unpause it in Airflow"):
        look(Answer(200, {"is_paused": True}))
    with pytest.raises(TargetError, match="answered 404: check that DAG retrain"):
        look(Answer(404))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train-it-nowhere --fast", "there is no program train-it-nowhere: check the PATH"),
        ("./train", "there is no program ./train: each run is started in a new folder of its own"),
        ("/nowhere/train", "there is no program /nowhere/train: check retrain.target.local"),
        ("python3 -u train.py", "there is no script train.py for python3: .* write its whole path"),
        ("sh /nowhere/train.sh", "there is no script /nowhere/train.sh for sh: check"),
    ],
)
def test_a_command_that_no_run_could_start(command: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    with pytest.raises(TargetError, match=said):
        LocalTarget(command, tmp_path, timedelta(hours=1)).look()


@pytest.mark.parametrize("rest", ["-c 'x.py'", "-m train x.py", "-W ignore", ""])
def test_a_command_that_names_no_script_of_its_own(rest: str, tmp_path: Path) -> None:
    told = LocalTarget(f"{shlex.quote(sys.executable)} {rest}", tmp_path, timedelta(hours=1)).look()
    assert told == f"the program {sys.executable} is there"


def test_a_script_by_its_whole_path(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.touch()
    command = f"{shlex.quote(sys.executable)} -u {shlex.quote(str(script))} --epochs 3"
    assert f"its script {script} are there" in LocalTarget(command, tmp_path, timedelta(hours=1)).look()
