"""What trains in the story: the shipped state machine with its worker, an Airflow, or a command."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import retrain.workflows
from config.targets import Airflow, Target
from demo.airflow.environment import EnvironmentFailedError, Generation, prepared
from demo.airflow.server import AirflowServer
from demo.aws import Aws
from demo.pipeline import Pipeline, working
from demo.served import ServiceFailedError
from demo.through import Through
from demo.trainer import SHUFFLE
from retrain.targets import runs_folder
from retrain.targets.airflow import Request
from retrain.targets.airflow_http import AirflowHttp, Credentials

DAG = "kedge-retrain"
DAG_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Trains:
    """What stands ready to train."""

    target: Target
    """What kedge.yaml says of it."""
    environment: Mapping[str, str]
    """What Kedge needs in its environment for it."""
    count: Callable[[], int]
    """How many trainings it was ever asked for."""


@contextmanager
def standing_by(
    through: Through, aws: Aws, pipeline: Pipeline, folder: Path, shuffle: bool, tell: Callable[[str], None]
) -> Iterator[Trains]:
    """Have it ready for as long as the block lasts; with `shuffle` it mixes up its labels.

    Raises:
        ServiceFailedError: where it did not start.
    """
    match through:
        case Through.STEP_FUNCTIONS:
            target = Target(step_functions=pipeline.state_machine)
            with working(aws, pipeline, folder / "worker.log", shuffle):
                yield Trains(target, {}, lambda: _executions(aws, pipeline.state_machine))
        case Through.LOCAL:
            runs = runs_folder(folder / "kedge.yaml")
            target = Target(local=_command(shuffle))
            yield Trains(target, {}, lambda: sum(1 for _ in runs.glob("*/started")))
        case Through.AIRFLOW:
            with _airflow(aws, folder / "airflow", shuffle, tell) as server:
                api = AirflowHttp(server.url, Credentials.of(server.credentials(), "KEDGE_AIRFLOW"))
                _wait_for_dag(api)
                target = Target(airflow=Airflow(url=server.url, dag=DAG))
                yield Trains(target, server.credentials(), lambda: _dag_runs(api))


def _command(shuffle: bool) -> str:
    return shlex.join([sys.executable, "-m", "demo.trainer", *([SHUFFLE] if shuffle else [])])


@contextmanager
def _airflow(aws: Aws, home: Path, shuffle: bool, tell: Callable[[str], None]) -> Iterator[AirflowServer]:
    """An Airflow 3 with the shipped DAG, whose tasks run the demo's trainer."""
    try:
        installed = prepared(Generation.THREE, tell)
    except EnvironmentFailedError as error:
        raise ServiceFailedError(str(error)) from error
    tell("Starting Airflow …")
    server = AirflowServer(
        installed, home, aws.environment() | {"AIRFLOW_VAR_KEDGE_WORKER": _command(shuffle)}
    )
    dags = Path(retrain.workflows.__file__).with_name("dags")
    shutil.copy(dags / "kedge_retrain.py", home / "dags")
    with server:
        tell(f"Airflow: {server.url}, user and password are in {home / 'passwords.json'}")
        yield server


def _wait_for_dag(api: AirflowHttp) -> None:
    deadline, asked = time.monotonic() + DAG_SECONDS, Request("GET", f"/dags/{DAG}")
    while api.ask(f"find DAG {DAG}", asked).status != 200:
        if time.monotonic() > deadline:
            raise ServiceFailedError(f"Airflow did not read DAG {DAG} within {DAG_SECONDS:.0f} s")
        time.sleep(0.2)


def _executions(aws: Aws, state_machine: str) -> int:
    pages = (
        aws.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=state_machine)
    )
    return sum(len(page["executions"]) for page in pages)


def _dag_runs(api: AirflowHttp) -> int:
    found: Any = api.ask("count the runs", Request("GET", f"/dags/{DAG}/dagRuns")).body
    return int(found["total_entries"])
