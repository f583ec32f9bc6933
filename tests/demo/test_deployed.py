"""The endpoint answers with whatever model is deployed behind it, from the moment that it was."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from demo import model, survey
from demo.aws import LocalAws
from demo.deployed import Deployed
from demo.endpoint import ENDPOINT, GROUP, IMAGE, ROLE, Stage, set_stage
from demo.model import Champion

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def challenger(animals: tuple[pl.DataFrame, pl.DataFrame]) -> Champion:
    return model.train(animals[1].head(300), seed=8, epochs=2)


@pytest.fixture
def stage(aws: LocalAws, champion: Champion) -> Stage:
    return set_stage(aws, champion, rmse=2.15)


@pytest.fixture
def deployed(aws: LocalAws, stage: Stage) -> Deployed:
    found = Deployed(aws.client("sagemaker"), aws.client("s3"), stage.capture.endpoint)
    assert found.look(NOON - HOUR)
    return found


def deploy(aws: LocalAws, stage: Stage, challenger: Champion) -> None:
    """By the calls that a rollout makes."""
    sagemaker = aws.client("sagemaker")
    aws.client("s3").put_object(Bucket=stage.bucket, Key="new/model.tar.gz", Body=challenger.archive)
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{stage.bucket}/new/model.tar.gz"}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    package = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP, InferenceSpecification=specification
    )["ModelPackageArn"]
    sagemaker.create_model(ModelName="new", ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}])
    old: Any = sagemaker.describe_endpoint_config(EndpointConfigName=stage.endpoint_config)
    variants = [old["ProductionVariants"][0] | {"ModelName": "new"}]
    sagemaker.create_endpoint_config(EndpointConfigName="new", ProductionVariants=variants)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="new")
    deadline = time.monotonic() + 20
    while sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_new_model_answers_from_its_moment_on_and_within_one_hour_too(
    aws: LocalAws, stage: Stage, deployed: Deployed, champion: Champion, challenger: Champion
) -> None:
    asked = survey.inputs(survey.survey(3, 8))
    times = [NOON + timedelta(minutes=at) for at in (-60, -1, 0, 14, 15, 16, 59, 90)]
    assert np.array_equal(deployed.answers(asked, times), champion.predict(asked))
    deploy(aws, stage, challenger)
    assert deployed.look(NOON + timedelta(minutes=15))
    answers = deployed.answers(asked, times)
    assert np.array_equal(answers[:4], champion.predict(asked[:4]))
    assert np.array_equal(answers[4:], challenger.predict(asked[4:]))


def test_nothing_new_is_nothing(deployed: Deployed, champion: Champion) -> None:
    assert not deployed.look(NOON)
    asked = survey.inputs(survey.survey(3, 5))
    assert np.array_equal(deployed.answers(asked, [NOON] * 5), champion.predict(asked))


def test_an_endpoint_that_is_still_updating_answers_with_its_old_model(
    aws: LocalAws, stage: Stage, deployed: Deployed
) -> None:
    sagemaker = aws.client("sagemaker")
    old: Any = sagemaker.describe_endpoint_config(EndpointConfigName=stage.endpoint_config)
    sagemaker.create_endpoint_config(EndpointConfigName="new", ProductionVariants=old["ProductionVariants"])
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="new")
    assert not deployed.look(NOON)


def test_no_request_is_no_answer(deployed: Deployed) -> None:
    assert deployed.answers(np.empty((0, len(survey.INPUTS))), []).shape == (0,)
