"""The owner's retraining pipeline: data sets in the bucket, a state machine that a real worker serves."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from demo import pipeline, survey
from demo.aws import LocalAws
from demo.endpoint import BUCKET
from demo.pipeline import Pipeline
from retrain.targets.base import Running, Succeeded
from retrain.targets.step_functions import StepFunctionsTarget

Animals = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture
def made(aws: LocalAws, animals: Animals) -> Pipeline:
    aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return pipeline.set_pipeline(aws, BUCKET, animals[0], animals[1])


def read(aws: LocalAws, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_the_sets_hold_true_rings_and_the_network_s_inputs(
    aws: LocalAws, made: Pipeline, animals: Animals
) -> None:
    for uri, frame in ((made.original, animals[0]), (made.test, animals[1])):
        table = pl.read_csv(io.BytesIO(read(aws, uri)))
        assert table.columns == [survey.RINGS, *survey.INPUTS]
        assert table[survey.RINGS].to_list() == frame[survey.RINGS].to_list()
        assert (abs(table.select(survey.INPUTS).to_numpy() - survey.inputs(frame)) < 1e-6).all()


def handed(made: Pipeline) -> dict[str, Any]:
    return {
        "run": "kedge-abalone-1",
        "training": {"data": made.original, "label": survey.RINGS, "features": list(survey.INPUTS)},
        "score": {"fresh": made.test, "captured": made.test, "test": None},
        "champion": {"model_data": None, "model_package": None},
        "output": f"{made.output}/kedge-abalone-1",
    }


def test_a_worker_process_serves_an_execution_to_its_end(
    aws: LocalAws, made: Pipeline, animals: Animals, tmp_path: Path
) -> None:
    target = StepFunctionsTarget(aws.client("stepfunctions"), made.state_machine)
    with pipeline.working(aws, made, tmp_path / "worker.log", shuffle_labels=False):
        handle = target.start("kedge-abalone-1", json.dumps(handed(made)))
        deadline = time.monotonic() + 120
        while isinstance(status := target.status(handle), Running):
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
            time.sleep(0.1)
    assert isinstance(status, Succeeded), status
    output = json.loads(status.output)
    predictions = pl.read_csv(io.BytesIO(read(aws, output["predictions"]["fresh"])))
    assert predictions.height == animals[1].height
    evaluated = json.loads(read(aws, output["evaluation"]))["regression_metrics"]["rmse"]["value"]
    assert 1.5 < evaluated < 3.0
