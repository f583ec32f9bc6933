"""What can train, opened by what kedge.yaml says of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import config.targets
from objects import AwsClient
from retrain.targets.airflow import AirflowTarget
from retrain.targets.airflow_http import AirflowHttp, Credentials
from retrain.targets.base import Target
from retrain.targets.codepipeline import CodePipelineTarget
from retrain.targets.event_bridge import EventBridgeTarget
from retrain.targets.local import LocalTarget
from retrain.targets.mwaa import MwaaApi
from retrain.targets.sagemaker_pipelines import SageMakerPipelineTarget
from retrain.targets.step_functions import StepFunctionsTarget

_TIME_LIMIT = timedelta(days=1)


def runs_folder(config: Path) -> Path:
    """The folder of a local worker's runs: beside the kedge.yaml that names it."""
    return config.resolve().parent / "kedge-runs"


def open_target(
    target: config.targets.Target,
    clients: Callable[[str], AwsClient],
    folder: Path,
    time_limit: timedelta = _TIME_LIMIT,
) -> Target:
    """The target that kedge.yaml names.

    Args:
        target: what kedge.yaml says.
        clients: gives the boto3 client of a service by its name; asked only where one is needed.
        folder: where a local worker's runs have their folders.
        time_limit: how long a local worker's run may take; the others have limits of their own.

    Raises:
        TargetError: where the environment lacks the credentials that it needs.
    """
    if target.step_functions is not None:
        return StepFunctionsTarget(clients("stepfunctions"), target.step_functions)
    if target.airflow is not None:
        return _airflow(target.airflow)
    if target.mwaa is not None:
        api = MwaaApi(clients("mwaa"), target.mwaa.environment)
        check = "retrain.target.mwaa is right and the IAM policy names an Airflow role that may"
        return AirflowTarget(api, target.mwaa.dag, target.mwaa.answer, check)
    if target.sagemaker_pipeline is not None:
        return SageMakerPipelineTarget(clients("sagemaker"), target.sagemaker_pipeline.name)
    if target.codepipeline is not None:
        return CodePipelineTarget(clients("codepipeline"), target.codepipeline.name)
    if (event := target.event_bridge) is not None:
        return EventBridgeTarget(clients("events"), event.bus, event.source, event.detail_type)
    return LocalTarget(str(target.local), folder, time_limit)


def _airflow(named: config.targets.Airflow) -> Target:
    credentials = Credentials.of(os.environ, named.credentials)
    check = f"retrain.target.airflow.url is Airflow's address and {named.credentials}_… hold its credentials"
    return AirflowTarget(AirflowHttp(named.url, credentials), named.dag, named.answer, check)
