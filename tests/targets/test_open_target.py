"""kedge.yaml's target opened: a client is asked for where it is needed, and not elsewhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import config.targets
from retrain.targets import open_target
from retrain.targets.local import LocalTarget
from retrain.targets.step_functions import StepFunctionsTarget

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:retrain"


def test_a_state_machine_gets_its_client(aws: str, tmp_path: Path) -> None:
    import boto3

    asked = []

    def clients(service: str) -> Any:
        asked.append(service)
        return boto3.client(service)

    opened = open_target(config.targets.Target(step_functions=ARN), clients, tmp_path)
    assert isinstance(opened, StepFunctionsTarget)
    assert asked == ["stepfunctions"]


def test_a_command_needs_none(tmp_path: Path) -> None:
    def clients(service: str) -> Any:
        raise AssertionError(f"nobody needs {service}")

    opened = open_target(config.targets.Target(local="true"), clients, tmp_path, timedelta(seconds=5))
    assert isinstance(opened, LocalTarget)
    opened.start("kedge-a-1", "{}")
    assert (tmp_path / "kedge-a-1" / "input.json").read_text() == "{}"
