"""Continuous training: new survey data goes into the feature group, and the release change begins.

Names are read from SSM, by the names that such stacks give their parameters: the data's bucket (DataBucket)
and the feature group (FeatureGroup). The pipeline and the prefixes are parameters of the DAG. Runs on
Airflow 2.10 and later, and on 3, with boto3 beside it.

The sensor waits for data that is new: objects below the prefix that the ledger, an object beside them, does
not hold under their present ETag. A prefix alone would be there for ever, and begin a release every day. An
object is entered once the release has begun, so what breaks off before is done again; writing a record again
changes nothing, nor does beginning a release again for the same run.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from datetime import timedelta
from typing import Any

import pendulum

try:
    from airflow.sdk import Param, PokeReturnValue, dag, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.models.param import Param
    from airflow.sensors.base import PokeReturnValue

PARAMS = {
    "prefix": Param("abalone_data/", type="string", description="where new data comes, as CSV with a header"),
    "ledger": Param("kedge/abalone_data.json", type="string", description="the key of what was done before"),
    "pipeline": Param("ACME-WebApp-Pipeline", type="string", description="the one of the release change"),
    "settle_seconds": Param(
        300, type="integer", minimum=0, description="until the feature store's offline copy has the records"
    ),
}


def client(service: str) -> Any:
    import boto3

    return boto3.client(service)


def setting(name: str) -> str:
    return str(client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


def done_before(bucket: str, key: str) -> dict[str, str]:
    """Key → ETag of every object that was ingested."""
    s3 = client("s3")
    try:
        found: dict[str, str] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return {}
    return found


@dag(
    dag_id="acme-data-workflow",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    params=PARAMS,
    tags=["kedge"],
    default_args={"retries": 1, "retry_delay": timedelta(minutes=1)},
)
def acme_data_workflow() -> None:
    @task.sensor(poke_interval=60, timeout=12 * 3600, mode="reschedule", soft_fail=True)
    def new_data(params: Any = None) -> Any:
        """Gives key → ETag of what is new; skips the run where nothing comes for half a day."""
        bucket = setting("DataBucket")
        known = done_before(bucket, params["ledger"])
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=params["prefix"])
        found = {
            each["Key"]: each["ETag"]
            for page in pages
            for each in page.get("Contents", ())
            if each["Size"] and known.get(each["Key"]) != each["ETag"]
        }
        return PokeReturnValue(is_done=bool(found), xcom_value=found)

    @task
    def update_fg(new: dict[str, str], params: Any = None) -> int:
        """Gives the number of records that were written."""
        bucket, group = setting("DataBucket"), setting("FeatureGroup")
        described = client("sagemaker").describe_feature_group(FeatureGroupName=group)
        names = [each["FeatureName"] for each in described["FeatureDefinitions"]]
        made = {described["RecordIdentifierFeatureName"], described["EventTimeFeatureName"]}
        store, count = client("sagemaker-featurestore-runtime"), 0
        for key in sorted(new):
            found = client("s3").get_object(Bucket=bucket, Key=key)
            written = found["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ")
            for number, row in enumerate(csv.DictReader(io.StringIO(found["Body"].read().decode())), start=2):
                record = {
                    described["RecordIdentifierFeatureName"]: f"{key}:{number}",
                    described["EventTimeFeatureName"]: written,
                } | {name: value for name, value in row.items() if name in names and value}
                if missing := set(names) - set(record) - made:
                    raise ValueError(f"{key}, line {number} has no {', '.join(sorted(missing))}")
                values = [{"FeatureName": name, "ValueAsString": value} for name, value in record.items()]
                store.put_record(FeatureGroupName=group, Record=values)
                count += 1
        time.sleep(params["settle_seconds"])
        return count

    @task
    def trigger_release_change(new: dict[str, str], params: Any = None, run_id: Any = None) -> str:
        """Gives the id of the pipeline's execution, and enters what was new into the ledger."""
        token = hashlib.sha256(run_id.encode()).hexdigest()
        started = client("codepipeline").start_pipeline_execution(
            name=params["pipeline"], clientRequestToken=token
        )
        bucket = setting("DataBucket")
        ledger = done_before(bucket, params["ledger"]) | new
        client("s3").put_object(Bucket=bucket, Key=params["ledger"], Body=json.dumps(ledger).encode())
        return str(started["pipelineExecutionId"])

    new = new_data()
    update_fg(new) >> trigger_release_change(new)


acme_data_workflow()
