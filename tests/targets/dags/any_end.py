"""A DAG that ends as its conf says: {"end": "well", "badly", "never", "slowly" or "silently"}."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pendulum

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task


def any_end() -> None:
    @task
    def train(dag_run: Any = None) -> dict[str, Any]:
        if dag_run.conf["end"] == "badly":
            raise RuntimeError("it did not converge")
        time.sleep({"never": 600, "slowly": 3}.get(dag_run.conf["end"], 0))
        return {"given": dag_run.conf}

    @task
    def answer(trained: dict[str, Any]) -> dict[str, Any] | None:
        return None if trained["given"]["end"] == "silently" else {**trained, "said": "it's é", "loss": 0.5}

    answer(train())


for name in ("any-end", "paused", "retried"):
    dag(
        dag_id=name,
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        is_paused_upon_creation=name == "paused",
        default_args={"retries": 3 if name == "retried" else 0, "retry_delay": timedelta(seconds=1)},
    )(any_end)()
