"""`kedge doctor` finds what retraining rests on and what is not there, before a run does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.constraints import CategoricalDriftMethod
from baselines.create import create
from tests.observing.test_doctor import CAPTURE, Clinic, clinic
from tests.observing.yard import records

__all__ = ["clinic"]

ROLE = "arn:aws:iam::123456789012:role/r"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:retrain"
POLICY: dict[str, Any] = {
    "when": ["drift(length) > 0.3"],
    "slices": ["sex"],
    "new_data": "s3://logs/labelled",
    "target": {"step_functions": MACHINE},
    "training": {"output": "s3://logs/runs"},
    "registry": "abalone",
    "rollout": {"traffic": "canary 10% for 30m", "alarms": ["abalone-errors"]},
}


@pytest.fixture
def retrained(clinic: Clinic) -> Clinic:
    """A healthy endpoint whose policy finds all that it rests on."""
    clinic.configure(capture=CAPTURE)
    clinic.yard.capture("abalone", records(1, clinic.now))
    clinic.yard.put("labelled", "a.csv", b"rings,length,sex\n")
    boto3.client("stepfunctions").create_state_machine(
        name="retrain",
        definition='{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": true}}}',
        roleArn=ROLE,
    )
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="abalone-errors",
        MetricName="Invocation5XXErrors",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    clinic.write(retrain=POLICY)
    return clinic


OF_RETRAINING = ("policy's features", "new data", "target", "training output", "registry", "alarms")


def test_nothing_is_wrong_where_all_is_there(retrained: Clinic) -> None:
    found = retrained.ask("--write")
    assert [name for name, each in found.items() if each["state"] == "wrong"] == []
    assert {name: found[name]["state"] for name in OF_RETRAINING} == dict.fromkeys(OF_RETRAINING, "ok")
    assert found["target"]["said"] == f"the state machine {MACHINE} is there"
    assert boto3.client("s3").head_object(Bucket="logs", Key="runs/.kedge-doctor")["ContentLength"] == 0
    assert "the first run makes it" in found["registry"]["said"]


def test_each_that_is_not_there_is_wrong_and_nothing_else(retrained: Clinic) -> None:
    gone = {
        "when": ["drift(lenght) > 0.3"],
        "new_data": "s3://nobodys-bucket/labelled",
        "target": {"step_functions": f"{MACHINE}-2"},
        "training": {"output": "s3://nobodys-bucket/runs"},
        "rollout": {"traffic": "canary 10% for 30m", "alarms": ["abalone-errors", "gone"]},
    }
    retrained.write(retrain=POLICY | gone)
    boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="abalone")
    found = retrained.ask()
    told = {name: f"{c['said']} → {c['change']}" for name, c in found.items() if c["state"] == "wrong"}
    assert list(told) == [name for name in OF_RETRAINING if name != "registry"]
    assert found["registry"]["said"] == "the model package group abalone is there"
    asked = "retrain.when[0] asks for drift(lenght), and the baseline has no feature lenght"
    assert told["policy's features"] == f"{asked} → did you mean length?"
    assert "there is no bucket nobodys-bucket" in told["new data"]
    assert "retrain-2, Step Functions answered StateMachineDoesNotExist → check the ARN" in told["target"]
    assert "there is no bucket nobodys-bucket" in told["training output"]
    assert "names gone, and CloudWatch has no such metric alarm → make it" in told["alarms"]


def test_a_distance_that_a_test_does_not_tell_is_wrong(retrained: Clinic) -> None:
    table = b"rings,length,sex\n" + b"3,0.5,M\n4,0.7,F\n" * 30
    profile, suggested = create(table, where="baseline.csv")
    monitoring = replace(suggested.monitoring, categorical_drift_method=CategoricalDriftMethod.CHISQUARED)
    tested = constraints_file.write(replace(suggested, monitoring=monitoring))
    retrained.yard.put("baseline", "statistics.json", statistics_file.write(profile).encode())
    retrained.yard.put("baseline", "constraints.json", tested.encode())
    retrained.write(retrain=POLICY | {"when": ["drift(length) > 0.3", "drift(sex) > 0.2"]})
    told = retrained.wrong()
    assert list(told) == ["policy's features"]
    assert (
        "retrain.when[1] asks for drift(sex), and the baseline has it compared by a chi-squared test"
        in (told["policy's features"])
    )


def test_a_command_and_a_slice_that_are_not_there_and_a_folder_in_which_nothing_lies(
    retrained: Clinic,
) -> None:
    slices, target = ["nope"], {"local": "python3 train.py"}
    retrained.write(retrain=POLICY | {"slices": slices, "target": target, "new_data": "s3://logs/labeled"})
    found = retrained.ask()
    assert [name for name, each in found.items() if each["state"] == "wrong"] == [
        "policy's features",
        "target",
    ]
    assert found["policy's features"]["said"].startswith("retrain.slices[0] names nope")
    assert found["target"]["said"] == "there is no script train.py for python3"
    assert (found["new data"]["state"], found["new data"]["change"]) == (
        "note",
        "check retrain.new_data, if something does",
    )


def test_a_folder_of_this_machine_whose_models_are_sagemakers_wants_aws(
    retrained: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrained.write(retrain=POLICY, capture=f"file://{tmp_path}/capture", baseline="s3://logs/none")
    found = retrained.ask()
    assert found["credentials"]["state"] == "ok"
    assert found["policy's features"]["state"] == "skipped", "with a baseline that can't be read"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = retrained.ask()
    assert found["credentials"]["state"] == "wrong"
    assert (found["retraining"]["state"], found["retraining"]["said"]) == ("skipped", "wants credentials")
    assert "captures" in found, "which lie here"
