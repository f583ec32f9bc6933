"""Which version a parameter's word makes the champion: none that lost, is under way, or was sent back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from retrain.champion_parameter import Champion, champion
from store.records import Deployment
from store.retraining import Run, RunReason, RunState
from tests.clock import HOUR, NOON
from tests.faults import FaultyAws

PARAMETER, GROUP = "ModelPackageName", "AbalonePackageGroup"
ERA = Deployment(1, 1, "abalone-config", None, NOON, None, None, None)


class Stack:
    """Versions of a group, and the parameter that names one."""

    def __init__(self, aws: FaultyAws) -> None:
        self.sagemaker, self.ssm = aws.direct.client("sagemaker"), aws.direct.client("ssm")
        self.sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)

    def version(self, status: str = "Approved") -> str:
        made = self.sagemaker.create_model_package(ModelPackageGroupName=GROUP, ModelApprovalStatus=status)
        return str(made["ModelPackageArn"])

    def names(self, value: str) -> None:
        self.ssm.put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)

    def champion(self, *past: Run, era: Deployment = ERA) -> Champion:
        """`past` is newest first."""
        return champion(PARAMETER, era, past, self.ssm, self.sagemaker)


@pytest.fixture
def stack(faulty_aws: FaultyAws) -> Stack:
    return Stack(faulty_aws)


def run(state: RunState, against: str | None, output: Any = None) -> Run:
    """One that was judged against a version; its target has answered that."""
    usual: dict[str, Any] = dict.fromkeys(Run.__slots__)
    usual |= {
        "id": 1,
        "monitor_id": 1,
        "name": "kedge-abalone-1",
        "state": state,
        "reason": RunReason.TRAINING,
        "told": "",
        "variant": "AllTraffic",
        "deployment_id": 1,
        "requested_at": NOON,
        "updated_at": NOON,
        "deadline": NOON + timedelta(days=1),
        "change_at": NOON,
        "input": json.dumps({"champion": {"model_package": against}}),
        "output": None if output is None else json.dumps(output),
    }
    return Run(**usual)


def test_the_named_version_is_the_champion(stack: Stack) -> None:
    stack.names(first := stack.version())
    assert stack.champion() == Champion(first)


def test_a_rejected_version_is_none_and_that_is_told(stack: Stack) -> None:
    first = stack.version()
    stack.names(second := stack.version("Rejected"))
    refused = f"The SSM parameter {PARAMETER} names {second}, which is rejected: "
    told = f"{refused}which version the champion is of is not known."
    assert stack.champion() == Champion(None, told)
    kept = Champion(first, f"{refused}the champion is still {first}.")
    assert stack.champion(run(RunState.LOST, None), run(RunState.ROLLED_BACK, first)) == kept


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.CANCELLED, RunState.TIMED_OUT])
def test_what_a_run_made_that_came_to_nothing_is_none_however_approved(stack: Stack, state: RunState) -> None:
    first = stack.version()
    stack.names(second := stack.version())
    found = stack.champion(run(state, first, {"model_package_arn": second}))
    assert found.package == first
    assert "which kedge-abalone-1 made and which did not take its place" in found.told


def test_what_its_owner_is_about_to_deploy_and_what_he_names_himself_are_believed(stack: Stack) -> None:
    first = stack.version()
    stack.names(second := stack.version())
    assert stack.champion(run(RunState.ADOPTED, first, {"model_package_arn": second})) == Champion(second)
    assert stack.champion(run(RunState.LOST, first, [1])) == Champion(second)


@pytest.mark.parametrize("reason", [RunReason.OVERTAKEN, RunReason.FIRST_WINDOWS_GOOD])
def test_what_was_rolled_out_and_taken_out_by_hand_is_none(stack: Stack, reason: RunReason) -> None:
    """The config that it took the place of is in force again, before its run was over or after it."""
    first = stack.version()
    stack.names(second := stack.version())
    made = run(RunState.ADOPTED, first, {"model_package_arn": second})
    made = replace(
        made, reason=reason, old_endpoint_config=ERA.endpoint_config, new_endpoint_config=made.name
    )
    back = replace(ERA, id=3, started_at=NOON + HOUR)
    told = (
        f"The SSM parameter {PARAMETER} names {second}, which kedge-abalone-1 made and which was taken out "
        f"again: the champion is still {first}."
    )
    assert stack.champion(made, era=back) == Champion(first, told)


def test_while_a_run_is_under_way_the_champion_is_its_own(stack: Stack) -> None:
    first = stack.version()
    stack.names(stack.version())
    assert stack.champion(run(RunState.STARTED, first)) == Champion(first)


def test_of_an_era_that_is_over_the_parameter_says_nothing(stack: Stack) -> None:
    first = stack.version()
    stack.names(stack.version())
    over = Deployment(1, 1, "abalone-config", None, NOON, NOON + HOUR, None, None)
    assert stack.champion(era=over) == Champion(None)
    assert stack.champion(run(RunState.LOST, first), era=over) == Champion(first)


def test_where_nothing_is_named_it_is_what_it_was(stack: Stack) -> None:
    stack.names("PLACEHOLDER")
    assert stack.champion() == Champion(None)
    assert stack.champion(run(RunState.LOST, "arn:1")) == Champion("arn:1")
