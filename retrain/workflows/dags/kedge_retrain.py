"""Trains a challenger and scores the judging window: for Airflow what `train.asl.json` is for Step Functions.

Kedge starts a run with its input as the conf (docs/retraining.md, "Its input"), and reads the `return_value`
of the task `answer` ("Its output"). What trains and scores is the command in the Airflow variable
`kedge_worker`; it finds the step in the environment variable KEDGE_STEP and prints the step's answer, one
line of JSON, as the last thing it says. `retrain.workflows.command` does that for a trainer in Python.

Runs on Airflow 2.10 and later, and on 3, without anything beside it.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pendulum

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.bash import BashOperator

WORKER = "exec {{ var.value.kedge_worker }}"
# the training step is told nothing of what its model will be judged by
TRAIN = """{{ {"step": "train", "run": dag_run.conf["run"], "training": dag_run.conf["training"],
"output": dag_run.conf["output"]} | tojson }}"""
SCORE = """{{ {"step": "score", "run": dag_run.conf["run"], "score": dag_run.conf["score"],
"model_data": ti.xcom_pull(task_ids="train")["model_data"], "champion": dag_run.conf["champion"],
"output": dag_run.conf["output"]} | tojson }}"""


@dag(
    dag_id="kedge-retrain",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["kedge"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def kedge_retrain() -> None:
    train = BashOperator(
        task_id="train",
        bash_command=WORKER,
        env={"KEDGE_STEP": TRAIN},
        append_env=True,
        output_processor=json.loads,
    )
    score = BashOperator(
        task_id="score",
        bash_command=WORKER,
        env={"KEDGE_STEP": SCORE},
        append_env=True,
        output_processor=json.loads,
    )

    @task
    def answer(trained: dict[str, Any], scored: dict[str, Any]) -> dict[str, Any]:
        return {**trained, **scored}

    train >> score
    answer(train.output, score.output)


kedge_retrain()
