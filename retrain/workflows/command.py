"""The steps as a command, for a target that starts one: a local command, or a task of Airflow's.

A program of yours calls `run` with a trainer. Where KEDGE_INPUT names a file it does the whole of a run and
writes its output to the file KEDGE_OUTPUT; else it does the one step in KEDGE_STEP and prints its answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from objects import S3Client
from retrain.workflows.steps import BAD_INPUT, StepError, Trainer, do_all, do_step


def run(trainer: Trainer, s3: S3Client, environment: Mapping[str, str], out: TextIO = sys.stdout) -> int:
    """Do what the environment asks for; gives the exit status, 0 or 1, and tells a failure on `stderr`."""
    try:
        if "KEDGE_INPUT" in environment:
            answer = do_all(trainer, s3, _value(Path(environment["KEDGE_INPUT"]).read_text("utf-8")))
            Path(environment["KEDGE_OUTPUT"]).write_text(json.dumps(answer), encoding="utf-8")
        else:
            answer = do_step(trainer, s3, _value(environment.get("KEDGE_STEP", "")))
            out.write(f"{json.dumps(answer)}\n")
            out.flush()
    except StepError as error:
        sys.stderr.write(f"{error.name}: {error}\n")
        return 1
    return 0


def _value(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        told = "neither KEDGE_INPUT nor KEDGE_STEP holds a JSON object: start this from a target of Kedge's"
        raise StepError(BAD_INPUT, told)
    return found
