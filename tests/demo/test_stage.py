"""The stage is what an owner would have set up: a registered, deployed, capturing model, and its baseline."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from demo import endpoint, model, survey
from demo.aws import LocalAws
from demo.endpoint import Stage
from demo.model import Champion

HEADER = (
    "rings,length,diameter,height,whole_weight,shucked_weight,viscera_weight,shell_weight,sex_F,sex_I,sex_M"
)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """One for all tests of this module: none of them changes the stage."""
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="module")
def stage(aws: LocalAws, champion: Champion) -> Stage:
    return endpoint.set_stage(aws, champion, rmse=2.15)


def of_s3(aws: LocalAws, uri: str) -> bytes:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return bytes(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_the_endpoint_is_in_service_and_captures_everything(aws: LocalAws, stage: Stage) -> None:
    described = aws.client("sagemaker").describe_endpoint(EndpointName="abalone-prod-endpoint")
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == stage.endpoint_config
    assert [variant["VariantName"] for variant in described["ProductionVariants"]] == ["AllTraffic"]
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://abalone-logs/endpoint-data-capture",
    }


def test_its_config_captures_csv_both_ways(aws: LocalAws, stage: Stage) -> None:
    config = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=stage.endpoint_config)
    capture = config["DataCaptureConfig"]
    assert capture["CaptureContentTypeHeader"] == {"CsvContentTypes": ["text/csv"]}
    assert {option["CaptureMode"] for option in capture["CaptureOptions"]} == {"Input", "Output"}
    assert capture["DestinationS3Uri"] == stage.capture.uri


def test_the_model_behind_it_is_the_first_approved_version_of_its_group(aws: LocalAws, stage: Stage) -> None:
    sagemaker = aws.client("sagemaker")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=stage.endpoint_config)
    behind = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert [container["ModelPackageName"] for container in behind["Containers"]] == [stage.model_package]
    package = sagemaker.describe_model_package(ModelPackageName=stage.model_package)
    assert package["ModelPackageGroupName"] == stage.model_package_group
    assert package["ModelPackageVersion"] == 1
    assert package["ModelApprovalStatus"] == "Approved"


def test_the_registry_holds_the_champion_that_was_trained(
    aws: LocalAws, stage: Stage, champion: Champion
) -> None:
    package = aws.client("sagemaker").describe_model_package(ModelPackageName=stage.model_package)
    (container,) = package["InferenceSpecification"]["Containers"]
    archive = of_s3(aws, container["ModelDataUrl"])
    asked = survey.inputs(survey.survey(1, 20))
    assert (model.unpack(archive).predict(asked) == champion.predict(asked)).all()


def test_the_registry_holds_its_evaluation(aws: LocalAws, stage: Stage) -> None:
    package = aws.client("sagemaker").describe_model_package(ModelPackageName=stage.model_package)
    evaluated = json.loads(of_s3(aws, package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]))
    metrics = evaluated["regression_metrics"]
    assert metrics["rmse"]["value"] == 2.15
    assert metrics["mse"]["value"] == pytest.approx(2.15**2)


def test_the_package_says_where_its_baseline_will_be(aws: LocalAws, stage: Stage) -> None:
    package = aws.client("sagemaker").describe_model_package(ModelPackageName=stage.model_package)
    for place in (package["DriftCheckBaselines"], package["ModelMetrics"]):
        assert place["ModelDataQuality"]["Statistics"]["S3Uri"] == f"{stage.baseline}/statistics.json"
        assert place["ModelDataQuality"]["Constraints"]["S3Uri"] == f"{stage.baseline}/constraints.json"


def test_every_folder_of_the_stage_is_in_its_bucket(aws: LocalAws, stage: Stage) -> None:
    aws.client("s3").head_bucket(Bucket=stage.bucket)
    for folder in (stage.capture.uri, stage.ground_truth, stage.baseline, stage.results):
        assert folder.startswith(f"s3://{stage.bucket}/")
        assert not folder.endswith("/")
    assert stage.capture.endpoint == "abalone-prod-endpoint"
    assert stage.capture.variant == "AllTraffic"


def test_the_baseline_data_have_the_prediction_first(
    champion: Champion, animals: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    unseen = animals[1].head(300)
    header, *rows = endpoint.baseline_dataset(unseen, champion).decode().splitlines()
    assert header == HEADER
    table = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    assert (table[:, 1:] == survey.inputs(unseen)).all()
    assert table[:, 0] == pytest.approx(champion.predict(survey.inputs(unseen)), abs=1e-6)
    assert table[:, 0].tolist() != unseen["rings"].to_list()


def test_the_baseline_data_are_plain_decimals(
    champion: Champion, animals: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    tiny = animals[1].head(3).with_columns(shell_weight=pl.lit(0.0005))
    rows = list(csv.DictReader(endpoint.baseline_dataset(tiny, champion).decode().splitlines()))
    assert [row["shell_weight"] for row in rows] == ["0.0005"] * 3
    assert all(row[name] in {"0.0", "1.0"} for row in rows for name in ("sex_F", "sex_I", "sex_M"))
    assert not any("e" in cell.lower() for row in rows for cell in row.values())
