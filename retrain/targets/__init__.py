"""What can train: a Step Functions state machine, or a command on this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import config.retraining
from retrain.targets.base import Target
from retrain.targets.local import LocalTarget
from retrain.targets.step_functions import StepFunctionsTarget

_TIME_LIMIT = timedelta(days=1)


def open_target(
    target: config.retraining.Target,
    clients: Callable[[str], Any],
    folder: Path,
    time_limit: timedelta = _TIME_LIMIT,
) -> Target:
    """The target that kedge.yaml names.

    Args:
        target: what kedge.yaml says.
        clients: gives the boto3 client of a service by its name; asked only where one is needed.
        folder: where a local worker's runs have their folders.
        time_limit: how long a local worker's run may take; a state machine has limits of its own.
    """
    if target.step_functions is not None:
        return StepFunctionsTarget(clients("stepfunctions"), target.step_functions)
    return LocalTarget(target.address, folder, time_limit)
