"""The data-centric workflow: crawl, ETL, train, evaluate, analyse, and deploy what errs little enough.

What a stack is made of is read from SSM, by the names that such stacks give their parameters: the data's
bucket (AirflowDataBucket), the Glue crawler and job (GlueCrawler, GlueJob), the role (SageMakerRoleARN).
Everything else is a parameter of the DAG, and may be given with a run's conf. Runs on Airflow 2.10 and later,
and on 3, with boto3 beside it.

What a run makes is called after the run: a task that is tried again finds what it began and goes on with it.
The endpoint is one, and is updated: its config changes, its name and its data capture don't.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pendulum

try:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import Param, dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.models.param import Param
    from airflow.operators.empty import EmptyOperator

EXISTS = (
    "already exist"  # "a training job with this name already exists", "Cannot create already existing model"
)
BADLY_ENDED = ("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")  # of Glue's states of a job run
LONGEST_NAME = 63  # of SageMaker's names
DIGEST = 8

PARAMS = {
    "threshold": Param(
        3.1, type="number", description="the largest RMSE that is deployed, in the label's unit"
    ),
    "endpoint": Param("abalone-endpoint", type="string"),
    "image": Param("", type="string", description="of the container that trains and serves"),
    "evaluation_image": Param("", type="string", description="of the job that evaluates; empty: `image`"),
    "instance": Param("ml.m5.large", type="string"),
    "instances": Param(2, type="integer", minimum=1),
    "poll_seconds": Param(30, type="integer", minimum=0),
}


def client(service: str) -> Any:
    import boto3

    return boto3.client(service)


def setting(name: str) -> str:
    return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def named(kind: str, run_id: str) -> str:
    """What a run's thing is called: the same at each try, and another for each run."""
    name = f"{kind}-{re.sub('[^a-zA-Z0-9]+', '-', run_id)}".rstrip("-")
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:DIGEST]  # a run's number stands at the end
    return f"{name[: LONGEST_NAME - DIGEST - 1].rstrip('-')}-{digest}"


def unless_it_exists(make: Any, **request: Any) -> None:
    from botocore.exceptions import ClientError

    try:
        make(**request)
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code != "ResourceInUse" and EXISTS not in said:
            raise


def waited(service: Any, waiter: str, poll_seconds: int, **which: str) -> None:
    service.get_waiter(waiter).wait(**which, WaiterConfig={"Delay": poll_seconds, "MaxAttempts": 10_000})


@dag(
    dag_id="abalone-data-workflow",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params=PARAMS,
    tags=["kedge"],
    default_args={"retries": 1, "retry_delay": timedelta(minutes=1), "execution_timeout": timedelta(hours=4)},
)
def abalone_data_workflow() -> None:
    @task
    def crawl_data(params: Any = None) -> None:
        glue, name = client("glue"), setting("GlueCrawler")
        with suppress(glue.exceptions.CrawlerRunningException):  # somebody, or an earlier try, started it
            glue.start_crawler(Name=name)
        while glue.get_crawler(Name=name)["Crawler"].get("State") not in (None, "READY"):
            time.sleep(params["poll_seconds"])

    @task
    def preprocess_data(params: Any = None, run_id: Any = None) -> None:
        glue, job = client("glue"), setting("GlueJob")
        begun = [
            each["Id"]
            for page in glue.get_paginator("get_job_runs").paginate(JobName=job)
            for each in page["JobRuns"]
            if each.get("Arguments", {}).get("--run") == run_id and each["JobRunState"] not in BADLY_ENDED
        ]
        arguments = {"--bucket": setting("AirflowDataBucket"), "--run": run_id}
        run = begun[0] if begun else glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]
        while True:
            state = glue.get_job_run(JobName=job, RunId=run)["JobRun"]["JobRunState"]
            if state == "SUCCEEDED":
                return
            if state in BADLY_ENDED:
                raise RuntimeError(f"Glue job {job} ended as {state}")
            time.sleep(params["poll_seconds"])

    @task
    def training(params: Any = None, run_id: Any = None) -> str:
        sagemaker, bucket = client("sagemaker"), setting("AirflowDataBucket")
        name = named("abalone-training", run_id)
        unless_it_exists(
            sagemaker.create_training_job,
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": params["image"], "TrainingInputMode": "File"},
            RoleArn=setting("SageMakerRoleARN"),
            InputDataConfig=[
                {
                    "ChannelName": "training",
                    "ContentType": "text/csv",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{bucket}/training",
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
            ],
            OutputDataConfig={"S3OutputPath": f"s3://{bucket}/models"},
            ResourceConfig={"InstanceType": params["instance"], "InstanceCount": 1, "VolumeSizeInGB": 20},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
        )
        waited(sagemaker, "training_job_completed_or_stopped", params["poll_seconds"], TrainingJobName=name)
        return name

    @task
    def evaluate_model(job: str, params: Any = None, run_id: Any = None) -> str:
        """Gives the key of evaluation.json."""
        sagemaker, bucket = client("sagemaker"), setting("AirflowDataBucket")
        folder = f"{job}/evaluation"
        model = sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
        inputs = {"model": model, "testing": f"s3://{bucket}/testing"}
        name = named("abalone-evaluation", run_id)
        unless_it_exists(
            sagemaker.create_processing_job,
            ProcessingJobName=name,
            RoleArn=setting("SageMakerRoleARN"),
            AppSpecification={"ImageUri": params["evaluation_image"] or params["image"]},
            ProcessingInputs=[
                {
                    "InputName": each,
                    "S3Input": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/{each}",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                    },
                }
                for each, uri in inputs.items()
            ],
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": "evaluation",
                        "S3Output": {
                            "S3Uri": f"s3://{bucket}/{folder}",
                            "LocalPath": "/opt/ml/processing/evaluation",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            ProcessingResources={
                "ClusterConfig": {
                    "InstanceType": params["instance"],
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 20,
                }
            },
        )
        waited(
            sagemaker, "processing_job_completed_or_stopped", params["poll_seconds"], ProcessingJobName=name
        )
        return f"{folder}/evaluation.json"

    @task
    def analyze_results(key: str) -> float:
        """The RMSE, of what was predicted or as the evaluation has it."""
        body = client("s3").get_object(Bucket=setting("AirflowDataBucket"), Key=key)["Body"].read()
        found = json.loads(body)
        if "regression_metrics" in found:
            return float(found["regression_metrics"]["rmse"]["value"])
        # a network answers lists of one number
        told = [each[0] if isinstance(each, list) else each for each in found["Predictions"]]
        pairs = list(zip(found["GroundTruth"], told, strict=True))
        return math.sqrt(sum((float(truth) - float(told)) ** 2 for truth, told in pairs) / len(pairs))

    @task.branch
    def check_threshold(rmse: float, params: Any = None) -> str:
        # a figure that is none is no reason to deploy
        return "approved" if rmse <= params["threshold"] else "rejected"

    @task
    def deploy_model(job: str, params: Any = None, run_id: Any = None) -> str:
        """Gives the name of the endpoint's config."""
        sagemaker, role = client("sagemaker"), setting("SageMakerRoleARN")
        model = sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
        name = named("abalone", run_id)
        unless_it_exists(
            sagemaker.create_model,
            ModelName=name,
            PrimaryContainer={"Image": params["image"], "ModelDataUrl": model},
            ExecutionRoleArn=role,
        )
        unless_it_exists(
            sagemaker.create_endpoint_config,
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InitialInstanceCount": params["instances"],
                    "InstanceType": params["instance"],
                }
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": 100,
                "DestinationS3Uri": f"s3://{setting('AirflowDataBucket')}/endpoint-data-capture",
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
            },
        )
        _point(sagemaker, params["endpoint"], name)
        waited(sagemaker, "endpoint_in_service", params["poll_seconds"], EndpointName=params["endpoint"])
        found = sagemaker.describe_endpoint(EndpointName=params["endpoint"])
        if found["EndpointConfigName"] != name:  # in service again, on what it had before
            raise RuntimeError(f"SageMaker took the update to {name} back: {found.get('FailureReason')}")
        return name

    rejected, approved = EmptyOperator(task_id="rejected"), EmptyOperator(task_id="approved")
    end = EmptyOperator(task_id="end", trigger_rule="none_failed_min_one_success")
    trained = training()
    branch = check_threshold(analyze_results(evaluate_model(trained)))
    EmptyOperator(task_id="start") >> crawl_data() >> preprocess_data() >> trained
    branch >> rejected >> end
    branch >> approved >> deploy_model(trained) >> end


def _point(sagemaker: Any, endpoint: str, config: str) -> None:
    """Have the endpoint answer by the config: made where there is none, else updated."""
    from botocore.exceptions import ClientError

    try:
        present = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    else:
        if present != config:
            sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)


abalone_data_workflow()
