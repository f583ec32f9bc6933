"""The model registry: a version for each challenger that won, with what it was judged by.

`package_request` makes the exact request of CreateModelPackage, `register` sends it, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from objects import Place
from retrain.sagemaker_calls import Answer, CallError, SageMakerClient
from store.records import Run, Trial

Request: TypeAlias = dict[str, Any]


class RegistryError(CallError):
    """The registry can't be used: one sentence, and whether trying again may help."""


class PackageStatus(StrEnum):
    """ModelApprovalStatus, as SageMaker spells it."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    PENDING = "PendingManualApproval"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The addresses of what a version is registered with; all but `quality` as the run wrote them.

    `quality` is of `write_quality`, `statistics` and `constraints` of the new baseline, `handle` is the
    target's name for what it ran.
    """

    model_data: str
    image: str
    quality: str
    statistics: str
    constraints: str
    manifest: str
    handle: str


def package_request(
    *,
    group: str,
    run: Run,
    endpoint: str,
    evidence: Evidence,
    trials: Sequence[Trial] = (),
    champion: Mapping[str, Any] | None = None,
) -> Request:
    """CreateModelPackage: pending approval, with metrics, drift-check baselines and the run's identity.

    `champion` is the InferenceSpecification of the champion's package; the challenger takes its content
    types, instance types and environment over. Without one it speaks CSV.
    """
    raise NotImplementedError


def model_quality(trials: Sequence[Trial], start: datetime, end: datetime, dataset: str = "fresh") -> bytes:
    """The challenger's metrics on one data set in the form of Model Monitor's model-quality statistics."""
    raise NotImplementedError


def write_quality(output: Place, run_name: str, statistics: bytes) -> str:
    """Put model-quality statistics below `<output>/<run name>/`; the address. Raises PlaceError."""
    raise NotImplementedError


def ensure_group(sagemaker: SageMakerClient, group: str, description: str) -> None:
    """Make the model package group when it is missing; raises RegistryError."""
    raise NotImplementedError


def register(sagemaker: SageMakerClient, request: Request, *, look_first: bool = False) -> str:
    """Register a version, once, making its group when it is missing; its ARN.

    `look_first` where the call may have been made already: a version of the group that names the same run
    is the answer then.

    Raises:
        RegistryError: where AWS refuses.
    """
    raise NotImplementedError


def find(sagemaker: SageMakerClient, group: str, run_name: str) -> str | None:
    """The ARN of the group's version that a run registered; raises RegistryError."""
    raise NotImplementedError


def describe(sagemaker: SageMakerClient, arn: str) -> Answer:
    """DescribeModelPackage's answer; raises RegistryError."""
    raise NotImplementedError


def status(sagemaker: SageMakerClient, arn: str) -> PackageStatus:
    """Whether a version is approved; raises RegistryError."""
    raise NotImplementedError


def approve(sagemaker: SageMakerClient, arn: str, words: str) -> None:
    """Approve a version, saying why; twice is once. Raises RegistryError."""
    raise NotImplementedError


def decline(sagemaker: SageMakerClient, arn: str, words: str) -> None:
    """Reject a version, saying why; twice is once. Raises RegistryError."""
    raise NotImplementedError


def reference_quality(package: Answer, read: Callable[[str], bytes]) -> dict[str, float]:
    """The metrics a version was registered with, such as {"rmse": 2.04}; {} where it has none.

    Args:
        package: DescribeModelPackage's answer.
        read: the bytes of an address such as s3://bucket/evaluation.json; may raise PlaceError.

    Raises:
        RegistryError: where there are statistics of another form.
    """
    raise NotImplementedError
