"""A SageMaker container from inside: its folders, the owner's trainer, and how a failure is told.

The folders are those of SageMaker's contract for processing and training containers: a processing job finds
its inputs below ``processing/input`` and leaves its outputs below ``processing/output``; a training job finds
its channels below ``input/data`` and its hyperparameters in ``input/config``, leaves its model in ``model``
and says why it failed in ``output/failure`` (a processing job: ``output/message``).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from retrain.workflows.steps import BAD_INPUT, StepError, Trainer

ROOT: Final = "KEDGE_ML_ROOT"
"""The variable that names another folder than /opt/ml, for who runs a job outside of SageMaker."""
TRAINER: Final = "KEDGE_TRAINER"
"""The variable that names the owner's trainer, ``module:Class``."""
STAND_IN: Final = "manifest.json"
"""What stands where an input that a job may do without is absent."""
_LONGEST = 1024  # characters of a failure that SageMaker passes on


def the_file(folder: Path) -> Path:
    """The one file of an input; raises StepError where there is none, or more."""
    found = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if len(found) != 1:
        raise StepError(BAD_INPUT, f"the input {folder.name} holds {len(found)} files: give it one")
    return found[0]


def optional_file(folder: Path) -> Path | None:
    """The one file of an input, or None where the manifest stands in its place."""
    found = the_file(folder)
    return None if found.name == STAND_IN else found


def trainer() -> Trainer:
    """The owner's trainer, as the environment names it; raises StepError where it can't be had."""
    named = os.environ.get(TRAINER, "")
    module, _, name = named.partition(":")
    if not module or not name:
        raise StepError(BAD_INPUT, f"{TRAINER} is {named!r}: name the trainer's class as module:Class")
    try:
        made = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, TypeError) as error:
        told = f"the trainer {named} can't be made ({type(error).__name__}): see that the image holds it"
        raise StepError(BAD_INPUT, told) from error
    return cast("Trainer", made)


def require_environment(name: str) -> str:
    """A variable that the job was given; raises StepError where it was not."""
    found = os.environ.get(name, "")
    if not found:
        raise StepError(BAD_INPUT, f"the job has no {name}: see that the state machine is of this version")
    return found


def main(job: Callable[[Path], None]) -> None:
    """Do a job in the container's folders; ends the process, with status 1 and a sentence where it failed."""
    root = Path(os.environ.get(ROOT, "/opt/ml"))
    try:
        job(root)
    except StepError as error:
        told = f"{error.name}: {error}"[:_LONGEST]
        output = root / "output"
        output.mkdir(parents=True, exist_ok=True)
        for name in ("failure", "message"):
            (output / name).write_text(told, encoding="utf-8")
        sys.exit(told)
