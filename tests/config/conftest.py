"""A SageMaker on loopback, and the pieces of an account on it."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config as BotoConfig

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/abalone:1"
QUICK = BotoConfig(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10)


def client_of(url: str, service: str = "sagemaker", key: str = "local") -> Any:
    """A client as boto3 makes them, for a service at this address."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key="local",
        config=QUICK,
    )


@dataclass(frozen=True)
class Account:
    """An AWS account that a test fills."""

    url: str
    sagemaker: Any

    def post(self, path: str, body: bytes = b"") -> None:
        """Tell moto's server itself something."""
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(self.url + path, data=body, headers=plain, method="POST")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310

    def model(self, name: str, **container: Any) -> str:
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer=container or {"Image": IMAGE, "ModelDataUrl": "s3://models/model.tar.gz"},
        )
        return name

    def package(self, group: str, **given: Any) -> str:
        """A version in a model package group of its own; its ARN."""
        self.sagemaker.create_model_package_group(ModelPackageGroupName=group)
        specification = {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://models/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        answer = self.sagemaker.create_model_package(
            ModelPackageGroupName=group, InferenceSpecification=specification, **given
        )
        return str(answer["ModelPackageArn"])

    def endpoint(
        self,
        name: str,
        models: dict[str, str] | None = None,
        capture: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> str:
        """An endpoint whose variants run these models, by variant; its config is called `<name>-config`."""
        variants = [
            {
                "VariantName": variant,
                "ModelName": model,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.c5.large",
            }
            for variant, model in (models or {"AllTraffic": "a-model"}).items()
        ]
        given = {"DataCaptureConfig": capture} if capture is not None else {}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=f"{name}-config", ProductionVariants=variants, **given
        )
        self.sagemaker.create_endpoint(
            EndpointName=name,
            EndpointConfigName=f"{name}-config",
            Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()],
        )
        return name


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of moto's server."""
    from moto.server import ThreadedMotoServer

    logger = logging.getLogger("werkzeug")
    level = logger.level
    logger.setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    logger.setLevel(level)


@pytest.fixture
def account(server: str) -> Iterator[Account]:
    """An account with nothing in it but a model called a-model."""
    made = Account(server, client_of(server))
    made.post("/moto-api/reset")
    made.model("a-model")
    yield made
    made.post("/moto-api/reset")
