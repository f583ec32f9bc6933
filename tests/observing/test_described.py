"""What AWS is asked about an endpoint: in its role, once a minute, and a refusal is told once."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from structlog.testing import capture_logs

import service
from config.model import Endpoint
from monitor.eras import InForce
from monitor.rounds import World
from tests.clock import NOON
from tests.observing.conftest import Watch
from tests.observing.test_bad_input_through_the_service import refusing

ROLE = "arn:aws:iam::111122223333:role/kedge"


def _entry(**given: Any) -> Endpoint:
    return Endpoint.model_validate({"name": "abalone", "capture": "s3://logs/capture", **given})


def _world(watch: Watch, seconds: float = 60.0) -> World:
    return service.aws_world(watch.engine, watch.clock, "eu-west-1", seconds)


def _config(asked: InForce | None) -> str | None:
    return None if asked is None else asked.endpoint_config


def _deploy(sagemaker: Any, config: str) -> None:
    sagemaker.create_model(ModelName=config, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": config, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )
    sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName=config)


def _redeploy(sagemaker: Any, config: str) -> None:
    sagemaker.delete_endpoint(EndpointName="abalone")
    _deploy(sagemaker, config)


def _elsewhere() -> Any:
    """SageMaker in the account of the role."""
    found = boto3.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    return boto3.client(
        "sagemaker",
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )


def test_of_two_accounts_with_an_endpoint_of_one_name_the_roles_is_asked(watch: Watch, aws: str) -> None:
    _deploy(boto3.client("sagemaker"), "staging")
    _deploy(_elsewhere(), "production")
    world = _world(watch)
    assert _config(world.in_force(_entry(), None)) == "staging"
    assert _config(world.in_force(_entry(role=ROLE), None)) == "production"


def test_an_answer_is_believed_for_a_while_or_until_the_entry_changes(watch: Watch, aws: str) -> None:
    sagemaker = boto3.client("sagemaker")
    _deploy(sagemaker, "first")
    patient, eager = _world(watch), _world(watch, 0)
    assert _config(patient.in_force(_entry(), None)) == _config(eager.in_force(_entry(), None)) == "first"
    _redeploy(sagemaker, "second")
    assert _config(patient.in_force(_entry(), None)) == "first"
    assert _config(eager.in_force(_entry(), None)) == "second"
    assert _config(patient.in_force(_entry(window="15m"), None)) == "second"


def test_an_answer_from_before_an_era_began_is_not_believed_in_it(watch: Watch, aws: str) -> None:
    sagemaker = boto3.client("sagemaker")
    _deploy(sagemaker, "first")
    world = _world(watch)
    assert _config(world.in_force(_entry(), 1)) == "first"
    _redeploy(sagemaker, "second")
    assert _config(world.in_force(_entry(), 2)) == "second"


def test_a_refusal_is_told_once(watch: Watch, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(403, "AccessDenied") as address, capture_logs() as logs:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        world = _world(watch, 0)
        assert world.in_force(_entry(), None) is None
        assert world.in_force(_entry(), None) is None
    (told,) = [line for line in logs if line["event"] == "endpoint_not_described"]
    assert (told["log_level"], told["endpoint"], told["reason"]) == ("warning", "abalone", "403")


def test_folders_are_nobodys_endpoint(watch: Watch) -> None:
    assert _world(watch).in_force(watch.yard.endpoint(), None) is None


def test_without_a_region_that_is_the_advice(watch: Watch, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    world = service.aws_world(watch.engine, watch.clock, None)
    with capture_logs() as logs:
        assert world.in_force(_entry(), None) is None
        assert world.in_force(_entry(role=ROLE), None) is None
        world.failed(_entry(schedule="hourly", schedule_results="s3://logs/results"), NOON)
    assert [line["event"] for line in logs] == ["endpoint_not_described", "failed_executions_not_listed"]
    advice = "no region is given: set AWS_REGION, or 'region' in kedge.yaml"
    assert logs[0]["advice"] == f"deployments are not told apart: {advice}"
    assert logs[1]["reason"] == advice


def test_the_region_of_the_environment_is_asked(
    watch: Watch, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deploy(boto3.client("sagemaker"), "here")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    world = service.aws_world(watch.engine, watch.clock, None)
    assert _config(world.in_force(_entry(), None)) == "here"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    world = service.aws_world(watch.engine, watch.clock, None)
    assert _config(world.in_force(_entry(), None)) is None
    assert _config(world.in_force(_entry(role=ROLE), None)) is None


def test_each_variants_package_is_told(watch: Watch, aws: str) -> None:
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="rings", ModelPackageGroupDescription="rings")
    specification = {
        "Containers": [{"Image": "registry/linear:1", "ModelDataUrl": "s3://models/1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    packages = [
        sagemaker.create_model_package(ModelPackageGroupName="rings", InferenceSpecification=specification)[
            "ModelPackageArn"
        ]
        for _ in range(2)
    ]
    variants = []
    for name, package in zip(("blue", "green"), packages, strict=True):
        containers = [{"ModelPackageName": package}]
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=containers)
        variants.append(
            {
                "VariantName": name,
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        )
    sagemaker.create_endpoint_config(EndpointConfigName="both", ProductionVariants=variants)
    sagemaker.create_endpoint_config(EndpointConfigName="blue", ProductionVariants=variants[:1])
    sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName="both")
    both = _world(watch).in_force(_entry(), None)
    assert both is not None
    assert (both.model_package, both.models) == (None, dict(zip(("blue", "green"), packages, strict=True)))
    sagemaker.delete_endpoint(EndpointName="abalone")
    sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName="blue")
    alone = _world(watch).in_force(_entry(), None)
    assert alone is not None
    assert (alone.model_package, alone.models) == (packages[0], {"blue": packages[0]})
