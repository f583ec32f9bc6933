"""Whether models can be registered: what `kedge doctor` says of the model package group."""

from __future__ import annotations

from config.asking import SageMakerClient
from config.findings import Finding, fine, refused
from retrain.aws_calls import UNKNOWN, calling, code_behind
from retrain.registry import RegistryError

REGISTRY = "registry"


def of_group(sagemaker: SageMakerClient, group: str) -> Finding:
    """What is said of the group; that there is none yet is fine."""
    try:
        with calling("DescribeModelPackageGroup", f"model package group {group}", RegistryError):
            sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    except RegistryError as error:
        if code_behind(error) in UNKNOWN:
            return fine(REGISTRY, f"there is no model package group {group} yet: the first run makes it")
        return refused(REGISTRY, error)
    return fine(REGISTRY, f"the model package group {group} is there")
