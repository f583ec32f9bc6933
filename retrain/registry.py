"""The model registry: a version for each challenger that won, with what it was judged by.

`package_request` makes the exact request of CreateModelPackage, `register` sends it, once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from config.asking import Answer, SageMakerClient
from config.metrics import FRESH, TEST
from retrain import evaluation
from retrain.aws_calls import TAKEN, CallError, calling, code_of, whole
from store.retraining import Run, Trial

Request: TypeAlias = dict[str, Any]
"""The arguments of a call, which JSON can hold."""

JSON, CSV = "application/json", "text/csv"
RUN_KEY = "kedge-run"
"""The metadata key that names the run which registered a version."""

ANSWERS_KEY = "kedge-answers"
"""The metadata key that names the answers and labels behind a version's evaluation."""

_LONGEST_TOKEN = 36
_LONGEST_VALUE = 256
_LONGEST_WORDS = 1024
_MOST_TRIALS = 15  # two properties each, beside some twenty others, of the 50 that SageMaker takes
_NEWEST = 100  # versions looked through for one that was registered a moment before a crash
_REPLACED = frozenset({"Image", "ImageDigest", "ModelDataUrl", "ModelDataSource", "ModelDataETag"})


class RegistryError(CallError):
    """The registry can't be used: one sentence, and whether trying again may help."""


class PackageStatus(StrEnum):
    """ModelApprovalStatus, as SageMaker spells it."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    PENDING = "PendingManualApproval"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The addresses of what a version is registered with, and what is told of it.

    `quality` and `quality_constraints` are of `quality_files.write`, `statistics` and `constraints` of the
    new baseline, `manifest` of the training set; `handle` is the target's name for what it ran. `card` is
    the model card's content, `told` goes into the metadata: name and text.
    """

    model_data: str
    image: str
    quality: str
    quality_constraints: str
    statistics: str
    constraints: str
    manifest: str
    handle: str
    card: str = "{}"
    told: tuple[tuple[str, str], ...] = ()


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

    Args:
        group: the model package group.
        run: what won.
        endpoint: whose model it is.
        evidence: what to point to.
        trials: how it won, told in the metadata.
        champion: the InferenceSpecification of the champion's package; the challenger takes its content
            types, instance types and environment over. Without one it speaks CSV.
    """
    drift = {"Statistics": _source(evidence.statistics), "Constraints": _source(evidence.constraints)}
    quality = {
        "Statistics": _source(evidence.quality),
        "Constraints": _source(evidence.quality_constraints),
    }
    return {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"Trained by {run.name} for the endpoint {endpoint}"[:_LONGEST_WORDS],
        "ModelApprovalStatus": PackageStatus.PENDING.value,
        "InferenceSpecification": _inference(champion, evidence.image, evidence.model_data),
        "ModelMetrics": {"ModelQuality": quality, "ModelDataQuality": drift},
        "DriftCheckBaselines": {"ModelQuality": quality, "ModelDataQuality": drift},
        "ModelCard": {"ModelCardContent": evidence.card, "ModelCardStatus": "PendingReview"},
        "CustomerMetadataProperties": _metadata(run, endpoint, evidence, trials),
        "ClientToken": client_token(run.name),
    }


def _source(uri: str) -> Request:
    return {"ContentType": JSON, "S3Uri": uri}


def _inference(champion: Mapping[str, Any] | None, image: str, model_data: str) -> Request:
    known = champion or {"SupportedContentTypes": [CSV], "SupportedResponseMIMETypes": [CSV]}
    containers = known.get("Containers") or [{}]
    if len(containers) > 1:
        raise RegistryError(
            f"the champion is a pipeline of {len(containers)} containers, and the training's answer "
            "is the model of one: have the workflow register the whole pipeline (model_package_arn)",
            False,
        )
    kept = {name: value for name, value in containers[0].items() if name not in _REPLACED}
    return {**known, "Containers": [{**kept, "Image": image, "ModelDataUrl": model_data}]}


def origin(run: Run, endpoint: str, handle: str) -> dict[str, str]:
    """Where a version comes from, as its metadata say: run, endpoint, variant, and what the target ran."""
    return {
        RUN_KEY: run.name,
        "kedge-endpoint": endpoint,
        "kedge-variant": run.variant,
        "kedge-execution": handle,
    }


def _metadata(run: Run, endpoint: str, evidence: Evidence, trials: Sequence[Trial]) -> dict[str, str]:
    found = {
        **origin(run, endpoint, evidence.handle),
        "kedge-reason": run.reason.value,
        "kedge-incident": "" if run.incident_id is None else str(run.incident_id),
        "kedge-manifest": evidence.manifest,
        "kedge-judged-from": run.judged_start.isoformat() if run.judged_start else "",
        "kedge-judged-to": run.judged_end.isoformat() if run.judged_end else "",
    }
    found |= dict(evidence.told)
    # slices may be many, and are told in the card: SageMaker takes 50 properties
    for trial in [trial for trial in trials if trial.dataset in (FRESH, TEST)][:_MOST_TRIALS]:
        found[f"kedge-{trial.dataset}-{trial.metric}-champion"] = f"{trial.champion:.6g}"
        found[f"kedge-{trial.dataset}-{trial.metric}-challenger"] = f"{trial.challenger:.6g}"
    return {name: _value(text) for name, text in found.items() if text}


def _value(text: str) -> str:
    """SageMaker takes letters, digits, spaces and _.:/=+-@ in a value of at most 256 characters."""
    return re.sub(r"[^\w .:/=+\-@]", "_", text)[:_LONGEST_VALUE]


def client_token(run_name: str) -> str:
    """The run's name, or, where that is longer than the 36 characters of a token, a digest of it.

    >>> client_token("kedge-abalone-1")
    'kedge-abalone-1'
    """
    if len(run_name) <= _LONGEST_TOKEN:
        return run_name
    return f"kedge-{hashlib.sha256(run_name.encode()).hexdigest()[:30]}"


def ensure_group(sagemaker: SageMakerClient, group: str, description: str) -> None:
    """Make the model package group when it is missing.

    Raises:
        RegistryError: where AWS refuses.
    """
    what = f"model package group {group}"
    with calling("CreateModelPackageGroup", what, RegistryError):
        try:
            sagemaker.create_model_package_group(
                ModelPackageGroupName=group, ModelPackageGroupDescription=description
            )
        except ClientError as refused:
            if code_of(refused) not in TAKEN or not _has_group(sagemaker, group):
                raise


def _has_group(sagemaker: SageMakerClient, group: str) -> bool:
    """Whether there is such a group; what keeps that from being known is not of interest here."""
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    except ClientError:
        return False
    return True


def register(sagemaker: SageMakerClient, request: Request, *, look_first: bool = False) -> str:
    """Register a version, once, making its group when it is missing; its ARN.

    `look_first` where the call may have been made already: a version of the group whose metadata names the
    same run is the answer then. The request's client token alone does not last: SageMaker forgets it.

    Raises:
        RegistryError: where AWS refuses.
    """
    group, run_name = request["ModelPackageGroupName"], request["CustomerMetadataProperties"][RUN_KEY]
    ensure_group(sagemaker, group, "Models that Kedge retrained, and those before them")
    found = find(sagemaker, group, run_name) if look_first else None
    if found is not None:
        return found
    with calling("CreateModelPackage", f"{run_name} in model package group {group}", RegistryError):
        return str(sagemaker.create_model_package(**request)["ModelPackageArn"])


def find(sagemaker: SageMakerClient, group: str, run_name: str) -> str | None:
    """The ARN of the version that a run registered, among the group's newest hundred.

    Raises:
        RegistryError: where AWS refuses.
    """
    with calling("ListModelPackages", f"model package group {group}", RegistryError):
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
        )
        versions = (each["ModelPackageArn"] for page in pages for each in page["ModelPackageSummaryList"])
        newest: list[str] = list(islice(versions, _NEWEST))
    return next((arn for arn in newest if _run_of(describe(sagemaker, arn)) == run_name), None)


def _run_of(package: Answer) -> str | None:
    found = package.get("CustomerMetadataProperties") or {}
    name = found.get(RUN_KEY)
    return None if name is None else str(name)


def describe(sagemaker: SageMakerClient, arn: str) -> Answer:
    """DescribeModelPackage's answer.

    Raises:
        RegistryError: where there is no such version, or AWS refuses.
    """
    with calling("DescribeModelPackage", f"model package {arn}", RegistryError):
        return whole(sagemaker.describe_model_package(ModelPackageName=arn), "ModelPackageArn")


def status(sagemaker: SageMakerClient, arn: str) -> PackageStatus:
    """Whether a version is approved, here or in SageMaker's own pages.

    Raises:
        RegistryError: where there is no such version, or AWS refuses.
    """
    return PackageStatus(describe(sagemaker, arn).get("ModelApprovalStatus") or PackageStatus.PENDING)


def approve(sagemaker: SageMakerClient, arn: str, words: str) -> None:
    """Approve a version, saying why; twice is once. Raises RegistryError."""
    _say(sagemaker, arn, PackageStatus.APPROVED, words)


def decline(sagemaker: SageMakerClient, arn: str, words: str) -> None:
    """Reject a version, saying why; twice is once. Raises RegistryError."""
    _say(sagemaker, arn, PackageStatus.REJECTED, words)


def withdraw_approval(sagemaker: SageMakerClient, arn: str, words: str) -> None:
    """Set a version that is approved back to pending, saying why; any other stays. Raises RegistryError."""
    if status(sagemaker, arn) is PackageStatus.APPROVED:
        _say(sagemaker, arn, PackageStatus.PENDING, words)


def _say(sagemaker: SageMakerClient, arn: str, said: PackageStatus, words: str) -> None:
    line = " ".join(words.split())[:_LONGEST_WORDS]
    with calling("UpdateModelPackage", f"model package {arn}", RegistryError):
        sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=said.value, ApprovalDescription=line
        )


def note(sagemaker: SageMakerClient, arn: str, notes: Mapping[str, str]) -> None:
    """Write metadata on a version that somebody else registered; twice is once. Raises RegistryError."""
    kept = {name: _value(text) for name, text in notes.items() if text}
    with calling("UpdateModelPackage", f"model package {arn}", RegistryError):
        sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties=kept)


def quality_uri(package: Answer) -> str | None:
    """The address of the evaluation that a version was registered with; None where it has none."""
    metrics = package.get("ModelMetrics") or {}
    uri = ((metrics.get("ModelQuality") or {}).get("Statistics") or {}).get("S3Uri")
    return None if uri is None else str(uri)


def reference_quality(package: Answer, read: Callable[[str], bytes]) -> dict[str, float]:
    """The metrics a version was registered with, such as {"rmse": 2.04}; {} where it has none.

    Args:
        package: DescribeModelPackage's answer.
        read: the bytes of an address such as s3://bucket/evaluation.json; may raise PlaceError.

    Raises:
        RegistryError: where the evaluation is none that `evaluation.read` knows.
    """
    uri = quality_uri(package)
    if uri is None:
        return {}
    try:
        return dict(evaluation.read(read(uri), uri).metrics)
    except evaluation.EvaluationError as error:
        raise RegistryError(str(error), False) from error
