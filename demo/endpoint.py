"""The stage: a bucket, a registered model and an endpoint that captures, by the calls an owner would make."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from demo import survey
from demo.aws import REGION, Aws
from demo.model import ARCHIVE, Champion
from demo.preparation import Prepare, as_it_is
from demo.traffic import Destination, decimals
from objects import AwsClient

BUCKET = "abalone-logs"
ENDPOINT = "abalone-prod-endpoint"
VARIANT = "AllTraffic"
GROUP = "AbalonePackageGroup"
MODEL = "abalone-1"
ENDPOINT_CONFIG = "abalone-prod-endpoint-1"
ROLE = "arn:aws:iam::123456789012:role/abalone"
IMAGE = "tensorflow-inference:2.21-cpu"
INSTANCE = "ml.c5.large"
CSV = "text/csv"


@dataclass(frozen=True, slots=True)
class Stage:
    """What has been set up. Folders are s3:// addresses without a slash at their end."""

    bucket: str
    capture: Destination
    ground_truth: str
    baseline: str
    results: str
    model_package_group: str
    model_package: str
    endpoint_config: str


def set_stage(aws: Aws, champion: Champion, rmse: float) -> Stage:
    """Register the champion as the group's first, approved version, and deploy it with data capture on.

    `rmse` is its error in rings on animals it was not trained on. The package names `statistics.json` and
    `constraints.json` in the stage's `baseline` folder as its data-quality baseline; to put them there is the
    caller's. Returns when the endpoint is in service.
    """
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    baseline = f"s3://{BUCKET}/baselining/results"
    package = _register(s3, sagemaker, champion, rmse, baseline)
    capture = Destination(BUCKET, "endpoint-data-capture", ENDPOINT, VARIANT)
    _deploy(sagemaker, package, capture)
    return Stage(
        bucket=BUCKET,
        capture=capture,
        ground_truth=f"s3://{BUCKET}/ground-truth",
        baseline=baseline,
        results=f"s3://{BUCKET}/monitoring",
        model_package_group=GROUP,
        model_package=package,
        endpoint_config=ENDPOINT_CONFIG,
    )


def baseline_dataset(frame: pl.DataFrame, champion: Champion, prepare: Prepare = as_it_is) -> bytes:
    """A baseline's CSV: the header `rings,length,…,sex_M`, then each animal's predicted rings and inputs.

    Given the champion's training data, it says what the endpoint's inputs and answers should look like; only
    a model that learned its training data by heart would answer otherwise on animals it has not seen.
    """
    features = prepare(survey.inputs(frame))
    columns = dict(zip(survey.INPUTS, features.T, strict=True))
    table = {survey.RINGS: champion.predict(features)} | columns
    return pl.DataFrame({name: decimals(values) for name, values in table.items()}).write_csv().encode()


def evaluation(rmse: float) -> dict[str, Any]:
    """A model's evaluation as the registry keeps it: SageMaker's regression metrics."""
    metrics = {"rmse": rmse, "mse": rmse**2}
    return {
        "regression_metrics": {
            name: {"value": value, "standard_deviation": "NaN"} for name, value in metrics.items()
        }
    }


def _register(s3: AwsClient, sagemaker: AwsClient, champion: Champion, rmse: float, baseline: str) -> str:
    artifact, metrics = f"models/{MODEL}/{ARCHIVE}", f"models/{MODEL}/evaluation.json"
    s3.put_object(Bucket=BUCKET, Key=artifact, Body=champion.archive)
    s3.put_object(Bucket=BUCKET, Key=metrics, Body=json.dumps(evaluation(rmse)).encode())
    sagemaker.create_model_package_group(
        ModelPackageGroupName=GROUP, ModelPackageGroupDescription="Tells an abalone's rings from its measures"
    )
    quality = {
        name: {"ContentType": "application/json", "S3Uri": f"{baseline}/{name.lower()}.json"}
        for name in ("Statistics", "Constraints")
    }
    evaluated = {"ContentType": "application/json", "S3Uri": f"s3://{BUCKET}/{metrics}"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelPackageDescription="The first champion",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{artifact}"}],
            "SupportedContentTypes": [CSV],
            "SupportedResponseMIMETypes": [CSV],
            "SupportedRealtimeInferenceInstanceTypes": [INSTANCE],
        },
        ModelMetrics={"ModelQuality": {"Statistics": evaluated}, "ModelDataQuality": quality},
        DriftCheckBaselines={"ModelDataQuality": quality},
    )
    return str(package["ModelPackageArn"])


def _deploy(sagemaker: AwsClient, package: str, capture: Destination) -> None:
    sagemaker.create_model(ModelName=MODEL, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}])
    sagemaker.create_endpoint_config(
        EndpointConfigName=ENDPOINT_CONFIG,
        ProductionVariants=[
            {
                "VariantName": capture.variant,
                "ModelName": MODEL,
                "InitialInstanceCount": 2,
                "InstanceType": INSTANCE,
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": capture.uri,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": [CSV]},
        },
    )
    sagemaker.create_endpoint(
        EndpointName=capture.endpoint,
        EndpointConfigName=ENDPOINT_CONFIG,
        Tags=[{"Key": "kedge", "Value": "on"}],
    )
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=capture.endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
