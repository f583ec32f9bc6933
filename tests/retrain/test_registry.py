"""The registry: one version a run, with its evidence, whatever becomes of the answer."""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl
import pytest
from botocore.exceptions import NoCredentialsError

from baselines.quality import constraints as quality_constraints
from baselines.quality import statistics as quality_statistics
from baselines.quality.constraints import Bound, Operator
from config.model import Endpoint
from objects import open_place
from retrain import quality_files, registry
from retrain.registry import Evidence, PackageStatus, RegistryError
from store.retraining import Run, RunReason, RunState, Trial
from tests.clock import HOUR, NOON
from tests.faults import Fault, FaultyAws

GROUP, ENDPOINT, NAME = "AbalonePackageGroup", "abalone-prod-endpoint", "kedge-abalone-prod-endpoint-1"
EVIDENCE = Evidence(
    model_data="s3://logs/retraining/kedge-1/model.tar.gz",
    image="tensorflow-inference:2.21-cpu",
    quality="s3://logs/retraining/kedge-1/model_quality/statistics.json",
    quality_constraints="s3://logs/retraining/kedge-1/model_quality/constraints.json",
    statistics="s3://logs/retraining/kedge-1/baseline/statistics.json",
    constraints="s3://logs/retraining/kedge-1/baseline/constraints.json",
    manifest="s3://logs/retraining/kedge-1/manifest.json",
    handle="arn:aws:states:eu-west-1:123456789012:execution:abalone:kedge-1",
    told=(("kedge-code-version", "a1b2c3d"), ("kedge-breach", "rmse 3.41 (3.2 to 3.6) is above 2.35")),
)
TRIALS = (
    Trial("fresh", "rmse", 3.4, 2.1, -1.3, -1.5, -1.1, 240),
    Trial("test", "rmse", 2.0, 2.2, 0.2, 0.1, 0.3, 400),
)
CHAMPION = {
    "Containers": [
        {
            "Image": "old-image",
            "ImageDigest": "sha256:00",
            "ModelDataUrl": "s3://logs/models/old.tar.gz",
            "ModelDataETag": "00",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        }
    ],
    "SupportedContentTypes": ["application/json"],
    "SupportedResponseMIMETypes": ["application/json"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.large"],
}


def run(name: str = NAME, **given: Any) -> Run:
    usual: dict[str, Any] = dict.fromkeys(Run.__slots__)
    usual |= {
        "id": 1,
        "monitor_id": 1,
        "name": name,
        "state": RunState.WON,
        "reason": RunReason.BETTER,
        "told": "",
        "incident_id": 7,
        "variant": "AllTraffic",
        "deployment_id": 1,
        "requested_at": NOON,
        "updated_at": NOON,
        "deadline": NOON + 24 * HOUR,
        "change_at": NOON,
        "judged_start": NOON,
        "judged_end": NOON + 2 * HOUR,
    }
    return Run(**(usual | given))


def request(name: str = NAME, **given: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"group": GROUP, "endpoint": ENDPOINT, "evidence": EVIDENCE, "trials": TRIALS}
    return registry.package_request(run=run(name), **(usual | given))


def versions(aws: FaultyAws) -> list[str]:
    listed = aws.direct.client("sagemaker").list_model_packages(ModelPackageGroupName=GROUP)
    return [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]]


def test_a_version_waits_for_approval_with_its_evidence(faulty_aws: FaultyAws) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    arn = registry.register(sagemaker, request(champion=CHAMPION))
    package = registry.describe(sagemaker, arn)
    assert versions(faulty_aws) == [arn]
    assert registry.status(sagemaker, arn) is PackageStatus.PENDING
    assert package["InferenceSpecification"] == {
        "Containers": [
            {
                "Image": EVIDENCE.image,
                "ModelDataUrl": EVIDENCE.model_data,
                "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            }
        ],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.large"],
    }
    drift = {
        "Statistics": {"ContentType": "application/json", "S3Uri": EVIDENCE.statistics},
        "Constraints": {"ContentType": "application/json", "S3Uri": EVIDENCE.constraints},
    }
    assert package["ModelMetrics"]["ModelDataQuality"] == drift
    assert package["DriftCheckBaselines"]["ModelDataQuality"] == drift
    quality = {
        "Statistics": {"ContentType": "application/json", "S3Uri": EVIDENCE.quality},
        "Constraints": {"ContentType": "application/json", "S3Uri": EVIDENCE.quality_constraints},
    }
    assert package["ModelMetrics"]["ModelQuality"] == quality
    assert package["DriftCheckBaselines"]["ModelQuality"] == quality
    metadata = package["CustomerMetadataProperties"]
    assert metadata == {
        "kedge-run": NAME,
        "kedge-endpoint": ENDPOINT,
        "kedge-variant": "AllTraffic",
        "kedge-reason": "better",
        "kedge-incident": "7",
        "kedge-execution": EVIDENCE.handle,
        "kedge-manifest": EVIDENCE.manifest,
        "kedge-judged-from": "2026-03-02T12:00:00+00:00",
        "kedge-judged-to": "2026-03-02T14:00:00+00:00",
        "kedge-code-version": "a1b2c3d",
        "kedge-breach": "rmse 3.41 _3.2 to 3.6_ is above 2.35",
        "kedge-fresh-rmse-champion": "3.4",
        "kedge-fresh-rmse-challenger": "2.1",
        "kedge-test-rmse-champion": "2",
        "kedge-test-rmse-challenger": "2.2",
    }


def test_without_a_champions_package_the_challenger_speaks_csv() -> None:
    assert request()["InferenceSpecification"] == {
        "Containers": [{"Image": EVIDENCE.image, "ModelDataUrl": EVIDENCE.model_data}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


def test_the_request_can_be_kept_as_text() -> None:
    assert json.loads(json.dumps(request(champion=CHAMPION))) == request(champion=CHAMPION)


def test_metadata_is_what_sagemaker_takes() -> None:
    strange = f"s3://logs/år (1)/it's,100%{'x' * 300}"
    evidence = Evidence(
        **{**{name: getattr(EVIDENCE, name) for name in Evidence.__slots__}, "manifest": strange}
    )
    metadata = request(evidence=evidence)["CustomerMetadataProperties"]
    assert metadata["kedge-manifest"].startswith("s3://logs/år _1_/it_s_100_xxx")
    assert all(1 <= len(value) <= 256 for value in metadata.values())
    assert all(re.fullmatch(r"[\w .:/=+\-@]+", value) for value in metadata.values())


def test_metadata_has_no_more_properties_than_sagemaker_takes() -> None:
    """However many slices there are and metrics the owner asks for: slices are told in the card."""
    slices = [Trial(f"fresh:sex={n}", "rmse", 3.4, 2.1, -1.3, -1.5, -1.1, 40) for n in range(60)]
    many = [Trial("fresh", f"metric{n}", 3.4, 2.1, -1.3, -1.5, -1.1, 40) for n in range(40)]
    metadata = request(trials=(*many, *slices))["CustomerMetadataProperties"]
    assert len(metadata) <= 50
    assert not any("sex" in name for name in metadata)


def test_a_run_by_hand_names_no_incident() -> None:
    found = registry.package_request(group=GROUP, run=run(incident_id=None), endpoint="e", evidence=EVIDENCE)
    assert "kedge-incident" not in found["CustomerMetadataProperties"]


@pytest.mark.parametrize("name", [NAME, "kedge-" + "a" * 60 + "-17", "kedge-a-1"])
def test_a_client_token_is_one_that_sagemaker_takes_and_the_runs_own(name: str) -> None:
    token = registry.client_token(name)
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,36}", token)
    assert token == registry.client_token(name)
    assert token != registry.client_token(name + "0")


@pytest.mark.parametrize("look_first", [False, True])
def test_registering_twice_is_registering_once(faulty_aws: FaultyAws, look_first: bool) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    first = registry.register(sagemaker, request())
    assert registry.register(sagemaker, request(), look_first=look_first) == first
    assert len(versions(faulty_aws)) == 1


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.LATE_FAIL, Fault.THROTTLE, Fault.FAIL, Fault.REFUSE])
@pytest.mark.parametrize("operation", ["CreateModelPackageGroup", "ListModelPackages", "CreateModelPackage"])
def test_one_version_whatever_befalls_a_call(faulty_aws: FaultyAws, operation: str, fault: Fault) -> None:
    faulty_aws.meets(operation, fault)
    with pytest.raises(RegistryError) as failed:
        registry.register(faulty_aws.client("sagemaker"), request(), look_first=True)
    assert failed.value.retryable
    arn = registry.register(faulty_aws.client("sagemaker"), request(), look_first=True)
    assert versions(faulty_aws) == [arn]


def test_a_version_of_this_run_is_found_where_the_token_is_forgotten(faulty_aws: FaultyAws) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    arn = registry.register(sagemaker, request())
    registry.register(sagemaker, request("kedge-abalone-prod-endpoint-2"))
    later = request() | {"ClientToken": "another"}
    assert registry.register(sagemaker, later, look_first=True) == arn
    assert len(versions(faulty_aws)) == 2


def test_runs_have_versions_of_their_own(faulty_aws: FaultyAws) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    first = registry.register(sagemaker, request())
    second = registry.register(sagemaker, request("kedge-abalone-prod-endpoint-2"))
    assert sorted(versions(faulty_aws)) == sorted([first, second])
    assert registry.find(sagemaker, GROUP, NAME) == first
    assert registry.find(sagemaker, GROUP, "kedge-abalone-prod-endpoint-3") is None


def test_a_group_that_is_there_is_kept_with_what_it_holds(faulty_aws: FaultyAws) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, ModelPackageGroupDescription="mine")
    registry.register(sagemaker, request())
    group = sagemaker.describe_model_package_group(ModelPackageGroupName=GROUP)
    assert group["ModelPackageGroupDescription"] == "mine"


@pytest.mark.parametrize(
    ("say", "status"),
    [(registry.approve, PackageStatus.APPROVED), (registry.decline, PackageStatus.REJECTED)],
)
def test_a_word_is_kept_with_its_reason(faulty_aws: FaultyAws, say: Any, status: PackageStatus) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    arn = registry.register(sagemaker, request())
    for _ in range(2):
        say(sagemaker, arn, "rmse 2.10 against 3.40,\nwon by 1.1 to 1.5")
    package = registry.describe(sagemaker, arn)
    assert registry.status(sagemaker, arn) is status
    assert package["ApprovalDescription"] == "rmse 2.10 against 3.40, won by 1.1 to 1.5"
    assert package["CustomerMetadataProperties"]["kedge-run"] == NAME


def test_a_long_reason_is_cut_to_what_sagemaker_takes(faulty_aws: FaultyAws) -> None:
    sagemaker = faulty_aws.client("sagemaker")
    arn = registry.register(sagemaker, request())
    registry.approve(sagemaker, arn, "because " * 1000)
    assert len(registry.describe(sagemaker, arn)["ApprovalDescription"]) <= 1024


def test_a_version_that_is_not_there_is_told_and_not_tried_again(faulty_aws: FaultyAws) -> None:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{GROUP}/9"
    with pytest.raises(RegistryError, match=f"DescribeModelPackage of model package {arn}") as missing:
        registry.status(faulty_aws.client("sagemaker"), arn)
    assert not missing.value.retryable


def test_missing_credentials_are_told_and_not_tried_again(faulty_aws: FaultyAws) -> None:
    def refuse(**_: Any) -> None:
        raise NoCredentialsError

    sagemaker = faulty_aws.client("sagemaker")
    sagemaker.meta.events.register("before-sign.sagemaker.CreateModelPackageGroup", refuse)
    with pytest.raises(RegistryError, match="check the credentials") as failed:
        registry.register(sagemaker, request())
    assert not failed.value.retryable


def test_quality_is_written_as_model_monitor_writes_it_and_read_back(faulty_aws: FaultyAws) -> None:
    s3, sagemaker = faulty_aws.client("s3"), faulty_aws.client("sagemaker")
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    output = open_place("s3://logs/retraining", s3)
    entry = Endpoint(name="abalone", capture="s3://logs/captures", prediction="rings")
    sides = pl.DataFrame({"label": [9.0, 11.0, 8.0, 10.0], "prediction": [10.0, 10.0, 9.0, 9.0]})
    files = quality_files.of_answers(sides, entry, NOON)
    told = quality_statistics.read(files.statistics, "statistics.json")
    assert (told.item_count, told.evaluation_time) == (4, NOON)
    assert {name: each.value for name, each in told.quality.metrics.items()} == pytest.approx(
        {"mae": 1.0, "mse": 1.0, "rmse": 1.0, "r2": 0.2}
    )
    bounds = quality_constraints.read(files.constraints, "constraints.json").bounds
    assert bounds["rmse"] == Bound(1.0, Operator.GREATER_THAN)
    assert bounds["r2"].operator is Operator.LESS_THAN
    places = quality_files.write(output, NAME, files, with_pairs=True)
    uri = places.statistics
    assert uri == f"s3://logs/retraining/{NAME}/model_quality/statistics.json"
    pairs = s3.get_object(Bucket="logs", Key=f"retraining/{NAME}/model_quality/baseline.csv")["Body"].read()
    assert pairs.startswith(b"prediction,label\n10.0,9.0\n10.0,11.0\n")
    quality = Evidence(**{**{name: getattr(EVIDENCE, name) for name in Evidence.__slots__}, "quality": uri})
    arn = registry.register(sagemaker, request(evidence=quality))

    def read(address: str) -> bytes:
        place = open_place(address, s3)
        return place.objects.read(place.prefix)

    assert registry.reference_quality(registry.describe(sagemaker, arn), read) == pytest.approx(
        {"mae": 1.0, "mse": 1.0, "rmse": 1.0, "r2": 0.2}
    )


@pytest.mark.parametrize(
    ("evaluation", "metrics"),
    [
        ({"regression_metrics": {"rmse": {"value": 2.5, "standard_deviation": "NaN"}}}, {"rmse": 2.5}),
        ({"regression_metrics": {"rmse": 2.5, "mae": 2}}, {"rmse": 2.5, "mae": 2.0}),
        ({"rmse": {"value": 2.5}}, {"rmse": 2.5}),
        ({"rmse": 2.5, "model": "abalone", "good": True}, {"rmse": 2.5}),
        ({"regression_metrics": {"rmse": {"value": "NaN"}, "r2": {"value": float("inf")}}}, {}),
        ({}, {}),
    ],
)
def test_reference_quality_is_read_in_each_form(evaluation: Any, metrics: dict[str, float]) -> None:
    package = {"ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://logs/evaluation.json"}}}}
    assert registry.reference_quality(package, lambda uri: json.dumps(evaluation).encode()) == metrics


@pytest.mark.parametrize("package", [{}, {"ModelMetrics": {}}, {"ModelMetrics": {"ModelQuality": {}}}])
def test_a_package_without_an_evaluation_has_no_reference_quality(package: Any) -> None:
    def read(uri: str) -> bytes:
        raise AssertionError(uri)

    assert registry.reference_quality(package, read) == {}


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"rmse: 2"])
def test_an_evaluation_that_is_none_is_told(data: bytes) -> None:
    package = {"ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://logs/evaluation.json"}}}}
    with pytest.raises(RegistryError, match=r"s3://logs/evaluation\.json is no JSON object"):
        registry.reference_quality(package, lambda uri: data)


def test_a_pipeline_is_not_registered_as_one_of_its_containers() -> None:
    containers = [{"Image": "first"}, {"Image": "second"}]
    with pytest.raises(RegistryError, match="a pipeline of 2 containers") as refused:
        request(champion={"Containers": containers})
    assert not refused.value.retryable
