"""A whole loop, small and quick: a real `kedge serve`, an AWS on loopback, least squares for a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from baselines import constraints, statistics
from baselines.create import create
from demo.aws import LocalAws
from demo.clock import StoryClock
from demo.endpoint import ENDPOINT, ROLE, Stage, set_stage
from demo.model import Champion
from retrain.workflows.definition import definition
from retrain.workflows.worker import Worker
from store import baselines as stored_baselines
from store import decisions, deployments, executions, monitors, runs, windows
from store.engine import open_engine, reading
from store.migrate import upgrade
from store.records import ExecutionKind, Monitor
from store.retraining import Run, RunReason, RunState
from tests.clock import HOUR, MINUTE, NOON
from tests.loop import world
from tests.workflows.linear import Linear

QUIET_HOURS, MOST_HOURS = 3, 20
GRACE = 15 * MINUTE
PATIENCE_SECONDS = 90.0
_CONFIG = """\
database: {database}
region: eu-west-1
endpoints:
  - name: {endpoint}
    capture: {stage.capture.uri}
    baseline: {stage.baseline}
    ground_truth: {stage.ground_truth}
    problem_type: regression
    prediction: rings
    window: 1h
    grace: 15m
    retrain:
      when: [rmse > 1.15 * baseline]
      for: 2 of 3
      cooldown: 24h
      limit: 3 per 7d
      target: {{step_functions: '{machine}'}}
      training: {{output: 's3://{stage.bucket}/retraining', minimum: 150, judging: 60}}
      accept: rmse < champion
      registry: {stage.model_package_group}
      approval: automatic
      rollout: all-at-once
      watch: 1
"""


@dataclass(slots=True)
class Answering:
    """Who answers: the model behind the endpoint's config, from the moment that it was seen there."""

    aws: LocalAws
    off: float = 0.0
    """How far the answers of every model but the first are from what it learnt."""
    _models: list[tuple[str, datetime, bytes]] = field(default_factory=list)

    def look(self, now: datetime) -> None:
        """A config that is new answers from now on."""
        config = self.aws.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
        if not self._models or self._models[-1][0] != config:
            self._models.append((config, now, self._behind(config)))

    def answers(self, hour: world.Hour) -> list[float]:
        each = [
            (since, [answer + self.off * (at > 0) for answer in _answers(archive, hour.inputs)])
            for at, (_, since, archive) in enumerate(self._models)
        ]
        return [
            [found[at] for since, found in each if since <= moment or since is each[0][0]][-1]
            for at, moment in enumerate(hour.times)
        ]

    def _behind(self, config: str) -> bytes:
        sagemaker = self.aws.client("sagemaker")
        (variant,) = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        package = sagemaker.describe_model_package(
            ModelPackageName=model["Containers"][0]["ModelPackageName"]
        )
        uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bytes(self.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def _answers(archive: bytes, inputs: world.Floats) -> Sequence[float]:
    return Linear().score(archive, world.csv(inputs))


@dataclass(slots=True)
class Yard:
    """Everything that stands while the story is played; `config` is for `kedge serve` to be started on."""

    seed: int
    aws: LocalAws
    stage: Stage
    machine: str
    config: Path
    clock: StoryClock
    engine: Engine
    environment: Mapping[str, str]
    answering: Answering
    hours: list[world.Hour] = field(default_factory=list)

    def play(self, alive: Callable[[], None] = lambda: None) -> Run:
        """Hour by hour until a run has ended; `alive` is called over and over while the service works."""
        while (run := self.run()) is None or not run.state.is_end:
            assert len(self.hours) < MOST_HOURS, f"no run came to its end: {run}"
            self.pass_an_hour()
            self.keep_step(alive)
            self.answering.look(self.clock.now())
        return run

    def keep_step(self, alive: Callable[[], None]) -> None:
        """Wait until the service has done all it can at this hour."""
        last, since = "", time.monotonic()
        while (now := self.missing()) is not None:
            last, since = now, since if now == last else time.monotonic()
            assert time.monotonic() - since < PATIENCE_SECONDS, f"the service {now}"
            alive()
            time.sleep(0.01)

    def pass_an_hour(self) -> None:
        """An hour of requests is captured, the labels of the one before come, and time passes."""
        start = NOON + len(self.hours) * HOUR
        hour = world.hour(self.seed, start, shifted=len(self.hours) >= QUIET_HOURS)
        capture = self.stage.capture
        folder = f"{capture.prefix}/{capture.endpoint}/{capture.variant}"
        self._put(
            f"{folder}/{start:%Y/%m/%d/%H}/00-00-000-a.jsonl", hour.captured(self.answering.answers(hour))
        )
        if self.hours:
            prefix = self.stage.ground_truth.removeprefix(f"s3://{self.stage.bucket}/")
            self._put(f"{prefix}/{start:%Y/%m/%d/%H}/59-00-000-a.jsonl", self.hours[-1].labelled())
        self.hours.append(hour)
        self.clock.set(start + HOUR + GRACE)

    def _put(self, key: str, data: bytes) -> None:
        self.aws.client("s3").put_object(Bucket=self.stage.bucket, Key=key, Body=data)

    def run(self) -> Run | None:
        """The newest run."""
        with reading(self.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            return next(iter(runs.history(connection, monitor.id)), None) if monitor else None

    def missing(self) -> str | None:
        """What the service has still to do at this hour, None where it can do no more."""
        with reading(self.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            if monitor is None:
                return "has not taken up its endpoint"
            judged = executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY)
            measured = executions.latest(connection, monitor.id, ExecutionKind.MODEL_QUALITY)
            labelled = {execution.start for execution in measured if execution.records}
            due = self.clock.now() - GRACE
            if len({execution.start for execution in judged}) < len(self.hours):
                return f"judged {len(judged)} windows of {len(self.hours)} hours"
            if len(labelled) < len(self.hours) - 1:
                return f"measured {len(labelled)} windows of {len(self.hours)} hours"
            if windows.due(connection, monitor.id, due) or windows.due_for_quality(
                connection, monitor.id, due
            ):
                return "has windows to look at again"
            run = next(iter(runs.history(connection, monitor.id)), None)
            if run is not None and run.state is RunState.ROLLED_BACK:
                return None  # an era that has no window yet is not decided on
            newest = decisions.newest_execution(connection, monitor.id)
            if decisions.decided_upto(connection, monitor.id) != (newest or 0):
                return "has not decided on all that it judged"
            watched = sum(
                execution.records > 0
                for execution in measured
                if run is not None and execution.deployment_id == run.new_deployment_id
            )
            return None if run is None or _rests(run, watched) else f"left {run.name} {run.state}: {run.told}"


def _rests(run: Run, watched: int) -> bool:
    """Whether nothing happens to the run before time passes."""
    waits = run.state is RunState.REQUESTED and run.reason is RunReason.WAITING_FOR_LABELS
    watches = run.state is RunState.DEPLOYED and run.reason is RunReason.IN_SERVICE and not watched
    return run.state.is_end or waits or watches or run.state is RunState.WAITING


@contextmanager
def yard(seed: int, folder: Path, database: str, aws: LocalAws, url: str | None = None) -> Iterator[Yard]:
    """Set it up: champion, endpoint, baseline, state machine, a worker in a thread; no service yet.

    `url` is where the service finds its AWS, where that is not `aws` itself.
    """
    trained = Linear().train(world.dataset(seed), world.LABEL, list(world.FEATURES), "champion")
    stage = set_stage(aws, Champion(trained.archive, None), world.NOISE)
    s3, sqs, states = (aws.client(name) for name in ("s3", "sqs", "stepfunctions"))
    profile, suggested = create(world.baseline_csv(partial(_answers, trained.archive)), where="baseline.csv")
    prefix = stage.baseline.removeprefix(f"s3://{stage.bucket}/")
    for name, text in (
        ("statistics", statistics.write(profile)),
        ("constraints", constraints.write(suggested)),
    ):
        s3.put_object(Bucket=stage.bucket, Key=f"{prefix}/{name}.json", Body=text.encode())
    queue = sqs.create_queue(QueueName="training")["QueueUrl"]
    machine = states.create_state_machine(
        name="retrain", definition=definition(queue, pause_seconds=1), roleArn=ROLE
    )["stateMachineArn"]
    config, clock = folder / "kedge.yaml", StoryClock(folder / "clock")
    config.write_text(_CONFIG.format(database=database, endpoint=ENDPOINT, stage=stage, machine=machine))
    answering = Answering(aws)
    answering.look(clock.set(NOON))
    environment = (
        aws.environment() | {"KEDGE_CLOCK": str(clock.path)} | ({"AWS_ENDPOINT_URL": url} if url else {})
    )
    engine = open_engine(database)
    upgrade(engine)
    stop = threading.Event()
    worker = Worker(sqs, states, s3, queue, Linear(), beat_seconds=1.0, poll_seconds=1)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield Yard(seed, aws, stage, machine, config, clock, engine, environment, answering)
    finally:
        stop.set()
        thread.join(20)
        engine.dispose()
        assert not thread.is_alive()


@dataclass(frozen=True, slots=True)
class Standing:
    """What AWS and the database hold in the end, by name."""

    executions: list[str]
    packages: list[tuple[str, str]]
    configs: set[str]
    models: set[str]
    endpoint_config: str
    capture: str
    runs: list[tuple[str, RunState]]
    eras: list[tuple[str | None, int | None]]
    """Endpoint config and baseline version of each era."""
    baselines: list[int]


def standing(yard: Yard) -> Standing:
    """Ask both."""
    sagemaker, states = yard.aws.client("sagemaker"), yard.aws.client("stepfunctions")
    endpoint: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    group = yard.stage.model_package_group
    packages = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    with reading(yard.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert isinstance(monitor, Monitor)
        versions = {each.id: each.version for each in stored_baselines.versions(connection, monitor.id)}
        eras = deployments.eras(connection, monitor.id)
        history = runs.history(connection, monitor.id)
    return Standing(
        executions=[
            each["name"] for each in states.list_executions(stateMachineArn=yard.machine)["executions"]
        ],
        packages=sorted((each["ModelPackageArn"], each["ModelApprovalStatus"]) for each in packages),
        configs={each["EndpointConfigName"] for each in sagemaker.list_endpoint_configs()["EndpointConfigs"]},
        models={each["ModelName"] for each in sagemaker.list_models()["Models"]},
        endpoint_config=endpoint["EndpointConfigName"],
        capture=endpoint["DataCaptureConfig"]["CaptureStatus"],
        runs=[(run.name, run.state) for run in history],
        eras=[(era.endpoint_config, versions.get(era.baseline_id or 0)) for era in eras],
        baselines=sorted(versions.values()),
    )


def require_once(yard: Yard, replicas_said: list[dict[str, Any]]) -> None:
    """One run, done once in every place that it reached; `replicas_said` are the service's log lines."""
    found, name = standing(yard), f"kedge-{ENDPOINT}-1"
    first = yard.stage.endpoint_config
    assert found.runs == [(name, RunState.ADOPTED)]
    assert found.executions == [name]
    assert len(found.packages) == 2
    assert {status for _, status in found.packages} == {"Approved"}
    assert found.configs == {first, name}
    assert found.models == {"abalone-1", name}
    assert (found.endpoint_config, found.capture) == (name, "Started")
    assert found.eras == [(first, 1), (name, 2)]
    assert found.baselines == [1, 2]
    assert [line for line in replicas_said if line["event"] in _FAULTS] == []


_FAULTS = {"tick_failed", "round_failed", "retraining_failed", "decision_failed", "run_crashed"}
