"""The model registry: a version for each challenger that won, with what it was judged by.

`package_request` makes the exact request of CreateModelPackage, `register` sends it, once.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from baselines import jackson
from config.asking import Answer, SageMakerClient
from objects import Place
from retrain.sagemaker_calls import TAKEN, CallError, calling, code_of
from store.retraining import Run, Trial

Request: TypeAlias = dict[str, Any]
"""The arguments of a call, which JSON can hold."""

JSON, CSV = "application/json", "text/csv"
RUN_KEY = "kedge-run"
"""The metadata key that names the run which registered a version."""

_LONGEST_TOKEN = 36
_LONGEST_VALUE = 256
_LONGEST_WORDS = 1024
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
    """The addresses of what a version is registered with.

    `quality` is of `write_quality`, `statistics` and `constraints` of the new baseline, `manifest` of the
    training set; `handle` is the target's name for what it ran.
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
    quality = {"Statistics": _source(evidence.quality)}
    return {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"Trained by {run.name} for the endpoint {endpoint}"[:_LONGEST_WORDS],
        "ModelApprovalStatus": PackageStatus.PENDING.value,
        "InferenceSpecification": _inference(champion, evidence.image, evidence.model_data),
        "ModelMetrics": {"ModelQuality": quality, "ModelDataQuality": drift},
        "DriftCheckBaselines": {"ModelQuality": quality, "ModelDataQuality": drift},
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


def _metadata(run: Run, endpoint: str, evidence: Evidence, trials: Sequence[Trial]) -> dict[str, str]:
    found = {
        RUN_KEY: run.name,
        "kedge-endpoint": endpoint,
        "kedge-variant": run.variant,
        "kedge-reason": run.reason.value,
        "kedge-incident": "" if run.incident_id is None else str(run.incident_id),
        "kedge-execution": evidence.handle,
        "kedge-manifest": evidence.manifest,
        "kedge-judged-from": run.judged_start.isoformat() if run.judged_start else "",
        "kedge-judged-to": run.judged_end.isoformat() if run.judged_end else "",
    }
    for trial in trials:
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


def model_quality(trials: Sequence[Trial], start: datetime, end: datetime, dataset: str = "fresh") -> bytes:
    """The challenger's metrics on one data set, as Model Monitor writes model-quality statistics.

    `start` and `end` are the judged period. Standard deviations are "NaN": an interval of the difference is
    what was measured, and it is in the run.
    """
    judged = [trial for trial in trials if trial.dataset == dataset]
    metrics: dict[str, jackson.Json] = {
        trial.metric: {"value": float(trial.challenger), "standard_deviation": math.nan} for trial in judged
    }
    count = max((trial.count for trial in judged), default=0)
    about: dict[str, jackson.Json] = {"item_count": count, "start_time": _time(start), "end_time": _time(end)}
    value: dict[str, jackson.Json] = {"version": 0.0, "dataset": about, "regression_metrics": metrics}
    return jackson.render(value).encode()


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_quality(output: Place, run_name: str, statistics: bytes) -> str:
    """Put model-quality statistics below `<output>/<run name>/`; the address. Raises PlaceError."""
    name = f"{run_name}/model_quality/statistics.json"
    output.objects.write(output.key(name), statistics, JSON)
    return f"{output.uri.rstrip('/')}/{name}"


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
        answer: Answer = sagemaker.describe_model_package(ModelPackageName=arn)
    return answer


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


def reference_quality(package: Answer, read: Callable[[str], bytes]) -> dict[str, float]:
    """The metrics a version was registered with, such as {"rmse": 2.04}; {} where it has none.

    Read are {"regression_metrics": {"rmse": {"value": 2.04}}}, those of classifiers
    (`binary_classification_metrics`) and the same without the outer key, each metric
    an object with a value or a bare number. What is no finite number is left out.

    Args:
        package: DescribeModelPackage's answer.
        read: the bytes of an address such as s3://bucket/evaluation.json; may raise PlaceError.

    Raises:
        RegistryError: where the evaluation is no JSON object.
    """
    metrics = package.get("ModelMetrics") or {}
    uri = ((metrics.get("ModelQuality") or {}).get("Statistics") or {}).get("S3Uri")
    return {} if uri is None else _metrics_of(read(uri), uri)


def _metrics_of(data: bytes, uri: str) -> dict[str, float]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RegistryError(f"the evaluation {uri} is no JSON object: write regression_metrics there", False)
    nested = next((value for key, value in found.items() if key.endswith("_metrics")), None)
    values = {name: _number(value) for name, value in (nested if isinstance(nested, dict) else found).items()}
    return {name: value for name, value in values.items() if value is not None}


def _number(value: object) -> float | None:
    inner = value.get("value") if isinstance(value, dict) else value
    if isinstance(inner, bool) or not isinstance(inner, int | float):
        return None
    return float(inner) if math.isfinite(inner) else None
