"""A DAG as the target, on a real Airflow of each generation: one run of it, however badly the calls go."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3

import config.targets
from demo.airflow.environment import EnvironmentFailedError, Generation, prepared
from demo.airflow.server import AirflowServer
from demo.aws import environment_for
from retrain.targets import open_target
from retrain.targets.airflow import AirflowTarget, Request
from retrain.targets.airflow_http import AirflowHttp, Credentials
from retrain.targets.base import Cancelled, Failed, Running, Status, Succeeded, TargetError
from retrain.targets.mwaa import MwaaApi
from tests.conftest import ROOT
from tests.targets.mwaa import passing_on
from tests.workflows.conftest import CAPTURED, FRESH, TEST, TRAINING

pytestmark = pytest.mark.timeout(900)  # a minute for each Airflow where nobody else is on the machine

TOKEN_SECONDS = 4
END_SECONDS = 240.0
ENVIRONMENT = "acme"
SHIPPED = {"kedge-retrain", "abalone-data-workflow", "acme-data-workflow"}
ENDS = ("well", "badly", "silently", "never")


@dataclass(frozen=True)
class Rig:
    """An Airflow that runs, and ways to it."""

    server: AirflowServer

    @property
    def credentials(self) -> Credentials:
        return Credentials.of(self.server.credentials(), "KEDGE_AIRFLOW")

    def target(self, dag: str = "any-end", credentials: Credentials | None = None) -> AirflowTarget:
        api = AirflowHttp(self.server.url, credentials or self.credentials)
        return AirflowTarget(api, dag, "answer", "kedge.yaml is right")

    def get(self, path: str) -> Any:
        answer = AirflowHttp(self.server.url, self.credentials).ask("look", Request("GET", path))
        assert answer.status == 200, answer
        return answer.body

    def has(self, dag: str) -> bool:
        asked = Request("GET", f"/dags/{dag}")
        return AirflowHttp(self.server.url, self.credentials).ask("look", asked).status == 200

    def token(self) -> str:
        """One of Airflow 3's, taken now."""
        who = {"username": self.credentials.user, "password": self.credentials.password}
        asked = urllib3.request("POST", f"{self.server.url}/auth/token", json=who)
        return str(asked.json()["access_token"])

    def runs(self, dag: str = "any-end") -> list[str]:
        return [run["dag_run_id"] for run in self.get(f"/dags/{dag}/dagRuns")["dag_runs"]]


def eventually(done: Callable[[], Any], seconds: float = END_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return found


def end_of(target: AirflowTarget, handle: str) -> Status:
    def ended() -> Status | None:
        """As the service asks: what does not answer is asked again."""
        try:
            status = target.status(handle)
        except TargetError as error:
            if not error.retryable:
                raise
            return None
        return None if status == Running() else status

    found: Status = eventually(ended)
    return found


def conf(name: str, end: str) -> str:
    return json.dumps({"run": name, "end": end, "share": 0.1, "none": None, "è": [1, 2]})


@pytest.fixture(scope="module", params=list(Generation), ids=lambda one: f"airflow{one.value}")
def rig(
    request: pytest.FixtureRequest, _moto: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    generation: Generation = request.param
    try:
        installed = prepared(generation, print)
    except EnvironmentFailedError as error:
        pytest.skip(f"Airflow {generation.value}: {error}")
    home = tmp_path_factory.mktemp(f"airflow{generation.value}")
    worker = f"env PYTHONPATH={ROOT} {sys.executable} -m tests.workflows.linear_command"
    environment = environment_for(_moto) | {"AIRFLOW_VAR_KEDGE_WORKER": worker}
    server = AirflowServer(installed, home, environment, token_seconds=TOKEN_SECONDS)
    for folder in (ROOT / "tests" / "targets" / "dags", ROOT / "retrain" / "workflows" / "dags"):
        shutil.copytree(folder, home / "dags", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__*"))
    with server:
        found = Rig(server)
        for dag in SHIPPED | {"any-end", "paused", "retried"}:
            eventually(partial(found.has, dag))
        yield found


@pytest.fixture(scope="module")
def handles(rig: Rig) -> dict[str, str]:
    """A run for each end, started together."""
    return {end: rig.target().start(f"kedge-{end}-1", conf(f"kedge-{end}-1", end)) for end in ENDS}


def test_a_run_is_a_run_of_its_name_with_its_input_and_answers_by_xcom(
    rig: Rig, handles: dict[str, str]
) -> None:
    status = end_of(rig.target(), handles["well"])
    assert isinstance(status, Succeeded)
    given = json.loads(conf("kedge-well-1", "well"))
    assert json.loads(status.output) == {"given": given, "said": "it's é", "loss": 0.5}
    assert rig.get("/dags/any-end/dagRuns/kedge-well-1")["conf"] == given


def test_starting_again_is_starting_once_and_another_input_is_refused(
    rig: Rig, handles: dict[str, str]
) -> None:
    before = sorted(rig.runs())
    for end in ("well", "never"):
        name = f"kedge-{end}-1"
        spelled = json.dumps(json.loads(conf(name, end)), indent=1, sort_keys=True)
        assert rig.target().start(name, spelled) == handles[end]
        with pytest.raises(TargetError, match=f"has a run {name} with another conf") as refused:
            rig.target().start(name, conf(name, "otherwise"))
        assert not refused.value.retryable
    assert sorted(rig.runs()) == before


def test_a_failure_names_the_task_and_nothing_of_what_it_said(rig: Rig, handles: dict[str, str]) -> None:
    status = end_of(rig.target(), handles["badly"])
    assert status == Failed("TaskFailed", "task train failed at try 1; its log in Airflow says why")


def test_a_dag_that_answers_nothing_has_failed(rig: Rig, handles: dict[str, str]) -> None:
    status = end_of(rig.target(), handles["silently"])
    assert isinstance(status, Failed)
    assert status.error == "NoOutput"


def test_cancelling_ends_it_and_says_why_and_again_changes_nothing(rig: Rig, handles: dict[str, str]) -> None:
    target, handle = rig.target(), handles["never"]
    task = f"/{handle}/taskInstances/train"
    eventually(lambda: rig.get(task)["state"] == "running")
    assert target.status(handle) == Running()
    target.cancel(handle, "by hand " + "x" * 5000)
    assert target.status(handle) == Cancelled()
    noted = rig.get(f"/{handle}")["note"]
    assert noted.startswith("Cancelled by Kedge: by hand")
    target.cancel(handle, "again")
    assert rig.get(f"/{handle}")["note"] == noted
    eventually(lambda: rig.get(task)["state"] in ("failed", "skipped"))
    end_of(target, handles["well"])
    target.cancel(handles["well"], "too late")
    assert isinstance(target.status(handles["well"]), Succeeded)


def test_a_run_that_was_cancelled_is_so_where_airflow_took_its_skipped_tasks_for_a_success(rig: Rig) -> None:
    target = rig.target()
    handle = target.start("kedge-raced-1", conf("kedge-raced-1", "never"))
    target.cancel(handle, "by hand")
    api = AirflowHttp(rig.server.url, rig.credentials)
    assert api.ask("end", Request("PATCH", f"/{handle}", {"state": "success"})).status == 200
    eventually(lambda: rig.get(f"/{handle}")["state"] == "success")
    assert target.status(handle) == Cancelled()


def test_a_run_that_somebody_ended_in_airflow_is_told(rig: Rig) -> None:
    handle = rig.target().start("kedge-ended-1", conf("kedge-ended-1", "never"))
    api = AirflowHttp(rig.server.url, rig.credentials)
    assert api.ask("end", Request("PATCH", f"/{handle}", {"state": "failed"})).status == 200
    assert isinstance(end_of(rig.target(), handle), Failed)


def test_a_paused_dag_is_told_and_gets_no_run_that_would_wait_unseen(rig: Rig) -> None:
    with pytest.raises(TargetError, match="it is paused: unpause it in Airflow") as told:
        rig.target("paused").start("kedge-paused-1", conf("kedge-paused-1", "well"))
    assert not told.value.retryable
    assert rig.runs("paused") == []


def test_a_dag_is_looked_for_before_a_run_wants_it(rig: Rig) -> None:
    assert rig.target().look() == f"DAG any-end is there, in an Airflow {rig.server.generation.value}"
    with pytest.raises(TargetError, match="it is paused: unpause it in Airflow"):
        rig.target("paused").look()
    with pytest.raises(TargetError, match=r"answered 404 .*check that DAG none"):
        rig.target("none").look()


def test_what_is_not_there_and_who_may_not_is_told_in_a_sentence_and_not_tried_again(
    rig: Rig, handles: dict[str, str]
) -> None:
    wrong = Credentials("kedge", "wrong")
    asked: dict[str, Callable[[], Any]] = {
        r"answered 404 .*check that DAG none": lambda: rig.target("none").start("kedge-a-1", "{}"),
        r"answered 404 .*the run are there": lambda: rig.target().status("dags/any-end/dagRuns/none"),
        r"answered 40[13].*check": lambda: rig.target(credentials=wrong).status(handles["well"]),
        r"answered 40[13](:| .*:) .*check": lambda: rig.target(credentials=Credentials(token="x.y.z")).status(
            handles["well"]
        ),
    }
    for sentence, ask in asked.items():
        with pytest.raises(TargetError, match=sentence) as told:
            ask()
        assert not told.value.retryable
        assert "wrong" not in str(told.value)


def test_a_token_that_has_expired_is_renewed(rig: Rig, handles: dict[str, str]) -> None:
    target = rig.target()
    assert isinstance(target.status(handles["well"]), Succeeded)
    if rig.server.generation is Generation.TWO:
        return  # takes user and password with every request
    later = Credentials(token=rig.token())
    expired = AirflowHttp(rig.server.url, later)
    eventually(lambda: expired.ask("look", Request("GET", "/dags/any-end")).status == 401, 10 * TOKEN_SECONDS)
    assert isinstance(target.status(handles["well"]), Succeeded)


def test_mwaa_is_the_same_by_another_way(rig: Rig, handles: dict[str, str]) -> None:
    with passing_on(AirflowHttp(rig.server.url, rig.credentials), ENVIRONMENT) as client:
        target = AirflowTarget(MwaaApi(client, ENVIRONMENT), "any-end", "answer", "kedge.yaml is right")
        name = "kedge-mwaa-1"
        handle = target.start(name, conf(name, "never"))
        assert target.start(name, conf(name, "never")) == handle
        with pytest.raises(TargetError, match="with another conf"):
            target.start(name, conf(name, "well"))
        target.cancel(handle, "by hand")
        assert end_of(target, handle) == Cancelled()
        assert end_of(target, handles["well"]) == rig.target().status(handles["well"])
        assert end_of(target, handles["badly"]) == rig.target().status(handles["badly"])
        with pytest.raises(TargetError, match="answered 404") as told:
            target.status("dags/any-end/dagRuns/none")
        assert not told.value.retryable
        elsewhere = AirflowTarget(MwaaApi(client, "other"), "any-end", "answer", "kedge.yaml is right")
        with pytest.raises(TargetError, match="MWAA answered ResourceNotFoundException") as told:
            elsewhere.start(name, conf(name, "well"))
        assert not told.value.retryable


def test_the_shipped_dags_are_read_without_an_error(rig: Rig) -> None:
    assert rig.get("/importErrors")["import_errors"] == []


@pytest.fixture
def run_input(aws: str) -> dict[str, Any]:
    """A run's input, and what it names put into the bucket."""
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name, data in {"training": TRAINING, "fresh": FRESH, "captured": CAPTURED, "test": TEST}.items():
        s3.put_object(Bucket="models", Key=f"in/{name}.csv", Body=data)
    return {
        "run": "kedge-abalone-1",
        "training": {
            "data": "s3://models/in/training.csv",
            "label": "rings",
            "features": ["length", "weight"],
        },
        "score": {name: f"s3://models/in/{name}.csv" for name in ("fresh", "captured", "test")},
        "champion": {"model_data": None, "model_package": None},
        "output": "s3://models/kedge-abalone-1",
    }


def test_the_shipped_dag_trains_and_scores(rig: Rig, run_input: dict[str, Any]) -> None:
    import boto3

    target = rig.target("kedge-retrain")
    status = end_of(target, target.start("kedge-abalone-1", json.dumps(run_input)))
    assert isinstance(status, Succeeded), status
    answered = json.loads(status.output)
    assert answered["model_data"] == "s3://models/kedge-abalone-1/model.tar.gz"
    assert answered["predictions"]["champion_test"] is None
    key = answered["predictions"]["fresh"].removeprefix("s3://models/")
    body = boto3.client("s3").get_object(Bucket="models", Key=key)["Body"].read().decode()
    predicted = [float(line) for line in body.split()[1:]]
    assert predicted == pytest.approx([2 * x + 3 * y + 1 for x, y in ((1, 1), (2, 0), (0, 3))])


def test_killed_and_started_again_it_is_the_same_run(rig: Rig) -> None:
    target = rig.target("retried")  # what ran when it was killed has failed, to Airflow
    given = conf("kedge-killed-1", "slowly")
    handle = target.start("kedge-killed-1", given)
    eventually(lambda: rig.get(f"/{handle}/taskInstances/train")["state"] == "running")
    rig.server.kill()
    for ask in (lambda: target.status(handle), lambda: target.start("kedge-killed-1", given)):
        with pytest.raises(TargetError, match=r"does not answer .*it is tried again") as told:
            ask()
        assert told.value.retryable
    rig.server.start()
    assert isinstance(end_of(target, handle), Succeeded)
    assert target.start("kedge-killed-1", given) == handle
    assert rig.runs("retried") == ["kedge-killed-1"]


def test_kedge_yamls_target_is_opened_with_the_environments_credentials(
    rig: Rig, handles: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def clients(service: str) -> Any:
        raise AssertionError(f"nobody needs {service}")

    named = config.targets.Target.model_validate({"airflow": {"url": rig.server.url, "dag": "any-end"}})
    for name in [name for name in os.environ if name.startswith("KEDGE_AIRFLOW")]:
        monkeypatch.delenv(name)
    with pytest.raises(TargetError, match="set KEDGE_AIRFLOW_USER and KEDGE_AIRFLOW_PASSWORD"):
        open_target(named, clients, tmp_path)
    for name, value in rig.server.credentials().items():
        monkeypatch.setenv(name, value)
    target = open_target(named, clients, tmp_path)
    assert target.place() is None
    assert target.status(handles["badly"]) == rig.target().status(handles["badly"])
