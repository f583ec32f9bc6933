"""The shipped DAGs of a whole stack, run by a real Airflow of each generation on an AWS on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from demo import missing_operations
from demo.airflow.environment import EnvironmentFailedError, Generation, prepared
from demo.airflow.server import AirflowServer
from demo.aws import environment_for
from tests.conftest import ROOT

BUCKET = "acme-data"
ROLE = "arn:aws:iam::123456789012:role/abalone"
ENDPOINT = "abalone-endpoint"
TRUTH = [9, 10, 11, 12]

Run = Callable[..., str]

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # a minute each


@pytest.fixture(scope="module", params=list(Generation), ids=lambda one: f"airflow{one.value}")
def stopped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AirflowServer:
    """An Airflow with the shipped DAGs, which nobody schedules."""
    generation: Generation = request.param
    try:
        installed = prepared(generation, print)
    except EnvironmentFailedError as error:
        pytest.skip(f"Airflow {generation.value}: {error}")
    server = AirflowServer(installed, tmp_path_factory.mktemp(f"dags{generation.value}"), {})
    shutil.copytree(ROOT / "retrain" / "workflows" / "dags", server.home / "dags", dirs_exist_ok=True)
    return server


@pytest.fixture
def run(stopped: AirflowServer, aws: str) -> Run:
    """Has Airflow run a DAG once, from its first task to its last, and gives what it said."""

    def run(dag: str, **conf: Any) -> str:
        environment = {**stopped.environment, **environment_for(aws), **conf.pop("environment", {})}
        done = subprocess.run(
            [stopped.program, "dags", "test", dag, "--conf", json.dumps(conf)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture
def client(aws: str) -> Callable[[str], Any]:
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def client(service: str) -> Any:
        return boto3.client(service)

    return client


def put_parameters(client: Callable[[str], Any], **values: str) -> None:
    for name, value in values.items():
        client("ssm").put_parameter(Name=name, Value=value, Type="String")


@pytest.fixture
def abalone(client: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The stack of the data-centric workflow. Its evaluation job errs by one ring on each animal.

    moto's jobs do nothing and its crawlers never end: what these two leave is put there for them.
    """
    from moto.glue.models import FakeCrawler
    from moto.sagemaker.models import SageMakerModelBackend

    missing_operations.install(0.2)
    made = SageMakerModelBackend.create_processing_job

    def with_evaluation(backend: Any, **given: Any) -> Any:
        uri = given["processing_output_config"]["Outputs"][0]["S3Output"]["S3Uri"]
        key = uri.removeprefix(f"s3://{BUCKET}/")
        body = json.dumps({"GroundTruth": TRUTH, "Predictions": [[each + 1] for each in TRUTH]})
        client("s3").put_object(Bucket=BUCKET, Key=f"{key}/evaluation.json", Body=body.encode())
        return made(backend, **given)

    monkeypatch.setattr(SageMakerModelBackend, "create_processing_job", with_evaluation)
    monkeypatch.setattr(FakeCrawler, "start_crawler", lambda crawler: None)
    put_parameters(
        client,
        AirflowDataBucket=BUCKET,
        GlueCrawler="abalone-crawler",
        GlueJob="abalone-job",
        SageMakerRoleARN=ROLE,
    )
    glue = client("glue")
    glue.create_crawler(
        Name="abalone-crawler",
        Role=ROLE,
        DatabaseName="abalone",
        Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/raw"}]},
    )
    glue.create_job(
        Name="abalone-job", Role=ROLE, Command={"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/etl.py"}
    )
    return client


def deployed(sagemaker: Any) -> str:
    """The config that the one endpoint there is answers by."""
    (endpoint,) = sagemaker.list_endpoints()["Endpoints"]
    assert (endpoint["EndpointName"], endpoint["EndpointStatus"]) == (ENDPOINT, "InService")
    return str(sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"])


# of the other, which takes minutes for it, test_airflow.py sees that it is read
@pytest.mark.parametrize("stopped", [Generation.TWO], indirect=True, ids=["airflow2"])
def test_the_data_centric_workflow_gives_the_one_endpoint_what_errs_little_enough(
    run: Run, abalone: Callable[[str], Any]
) -> None:
    sagemaker, wanted = abalone("sagemaker"), {"poll_seconds": 0, "image": "abalone:7"}
    sagemaker.create_model(ModelName="old", PrimaryContainer={"Image": "abalone:6"}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "old", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="old", ProductionVariants=[variant | {"InitialInstanceCount": 1}]
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="old")

    said = run("abalone-data-workflow", **wanted, threshold=0.9)
    assert len(sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == 1, said
    assert deployed(sagemaker) == "old", said

    said = run("abalone-data-workflow", **wanted, threshold=1.0)
    config = deployed(sagemaker)
    assert config != "old", said
    capture = sagemaker.describe_endpoint_config(EndpointConfigName=config)["DataCaptureConfig"]
    assert capture["DestinationS3Uri"] == f"s3://{BUCKET}/endpoint-data-capture"
    assert capture["InitialSamplingPercentage"] == 100


@pytest.mark.parametrize("stopped", [Generation.TWO], indirect=True, ids=["airflow2"])
def test_what_two_runs_make_is_called_by_two_names_however_long_theirs_are(stopped: AirflowServer) -> None:
    runs = [f"kedge-{'abalone-' * 6}endpoint-{number}" for number in (1, 2)]
    told = f"from abalone_data_workflow import named; print(*[named('evaluation', run) for run in {runs}])"
    done = subprocess.run(
        [Path(stopped.program).with_name("python"), "-c", told],
        env={**stopped.environment, "PYTHONPATH": str(stopped.home / "dags")},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.split()[-2:]
    assert first != second
    assert max(len(first), len(second)) <= 63


@pytest.fixture
def store() -> Iterator[tuple[dict[str, str], list[Any]]]:
    """A feature store's PutRecord, which moto lacks: what points a program to it, and what it was told."""
    records: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            records.append({each["FeatureName"]: each["ValueAsString"] for each in body["Record"]})
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield {"AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME": url}, records
    server.shutdown()
    server.server_close()


def test_continuous_training_releases_for_data_that_is_new_and_for_no_other(
    run: Run, client: Callable[[str], Any], store: tuple[dict[str, str], list[Any]]
) -> None:
    environment, records = store
    put_parameters(client, DataBucket=BUCKET, FeatureGroup="abalone")
    features = {"length": "Fractional", "rings": "Integral", "id": "String", "at": "String"}
    client("sagemaker").create_feature_group(
        FeatureGroupName="abalone",
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="at",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": kind} for name, kind in features.items()],
        RoleArn=ROLE,
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{BUCKET}/store"}},
    )
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "codepipeline.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = {"Version": "2012-10-17", "Statement": [trusted]}
    client("iam").create_role(RoleName="abalone", AssumeRolePolicyDocument=json.dumps(trust))
    pipeline = client("codepipeline")
    pipeline.create_pipeline(pipeline=_pipeline("ACME-WebApp-Pipeline"))
    s3 = client("s3")
    before = s3.put_object(Bucket=BUCKET, Key="abalone_data/first.csv", Body=b"length,rings\n0.4,9\n")
    ledger = {"abalone_data/first.csv": before["ETag"]}
    s3.put_object(Bucket=BUCKET, Key="kedge/abalone_data.json", Body=json.dumps(ledger).encode())
    new = s3.put_object(Bucket=BUCKET, Key="abalone_data/second.csv", Body=b"length,rings\n0.5,10\n0.6,11\n")
    said = run("acme-data-workflow", settle_seconds=0, environment=environment)
    assert [(record["id"], record["length"]) for record in records] == [
        ("abalone_data/second.csv:2", "0.5"),
        ("abalone_data/second.csv:3", "0.6"),
    ], said
    released = pipeline.list_pipeline_executions(pipelineName="ACME-WebApp-Pipeline")
    assert len(released["pipelineExecutionSummaries"]) == 1, said
    kept = json.loads(s3.get_object(Bucket=BUCKET, Key="kedge/abalone_data.json")["Body"].read())
    assert kept == ledger | {"abalone_data/second.csv": new["ETag"]}


def _pipeline(name: str) -> dict[str, Any]:
    source = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    deploy = {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"}
    where = {"S3Bucket": BUCKET, "S3ObjectKey": "source.zip"}
    return {
        "name": name,
        "roleArn": ROLE,
        "artifactStore": {"type": "S3", "location": BUCKET},
        "stages": [
            {
                "name": "Source",
                "actions": [
                    {
                        "name": "S",
                        "actionTypeId": source,
                        "configuration": where,
                        "outputArtifacts": [{"name": "A"}],
                    }
                ],
            },
            {
                "name": "Deploy",
                "actions": [
                    {
                        "name": "D",
                        "actionTypeId": deploy,
                        "configuration": {"BucketName": BUCKET, "Extract": "true"},
                        "inputArtifacts": [{"name": "A"}],
                    }
                ],
            },
        ],
    }
