"""A run without a service: observer and executor in this process, round by round, at times that are set."""

from __future__ import annotations

import io
import json
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from botocore.exceptions import ClientError
from moto.sagemaker.models import sagemaker_backends
from sqlalchemy import Engine

from baselines import constraints, statistics
from baselines.create import create
from config.model import Endpoint
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.rounds import World as Observed
from objects import s3_client
from retrain.bench import World
from retrain.executor import Executor
from retrain.targets import open_target
from retrain.targets.base import Running
from retrain.targets.local import LocalTarget
from store import decisions, deployments, monitors, runs, turns
from store.engine import reading, writing
from store.records import Deployment
from store.retraining import Decision, Run, RunState
from tests.clock import HOUR, MINUTE, NOON
from tests.faults import FaultyAws
from tests.loop import world
from tests.loop.trainer import HOLD, answers, fitted
from tests.observing.replica import until

ENDPOINT, VARIANT, GROUP = "abalone", "AllTraffic", "abalone-models"
OLD_CONFIG, OLD_MODEL = "abalone-config", "abalone-model"
ROLE = "arn:aws:iam::123456789012:role/abalone"
TRAINER = Path(__file__).with_name("trainer.py")
ROWS = 80
GRACE = 15 * MINUTE
_BREACH = ("quiet", "quiet", "changed", "changed", "changed")
_SECONDS = 30.0


@dataclass(slots=True)
class FixedClock:
    """Business time that stands until it is set."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Rig:
    """An endpoint whose captures lie in a folder, its AWS, and the two halves of the service."""

    engine: Engine
    folder: Path
    aws: FaultyAws
    retrain: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    trainer: str = ""
    clock: FixedClock = field(default_factory=FixedClock)
    hours: list[world.Hour] = field(default_factory=list)
    package: str = ""
    _answering: list[tuple[datetime, world.Floats]] = field(default_factory=list)
    _observer: Observer = field(init=False)
    executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self._answering = [(NOON, self._set_up())]
        self.package = _deployed(self.aws.direct.client("sagemaker"), self.uri("models/1"))
        self._observer = Observer(
            Observed(self.engine, self.clock, partial(s3_client, None), self._in_force, "test")
        )
        self.executor = self.another("test")

    def _set_up(self) -> world.Floats:
        """What lies in the folder before there is traffic; the champion's weights."""
        learnt = np.genfromtxt(io.BytesIO(world.dataset(1)), delimiter=",", skip_header=1)
        weights = fitted(learnt[:, 1:], learnt[:, 0])
        self.write("models/1/model.csv", "\n".join(map(repr, weights.tolist())).encode())
        self.write("models/1/evaluation.json", b'{"regression_metrics": {"rmse": {"value": 1.0}}}')
        profile, suggested = create(world.baseline_csv(partial(answers, weights)), where="baseline.csv")
        self.write("baseline/statistics.json", statistics.write(profile).encode())
        self.write("baseline/constraints.json", constraints.write(suggested).encode())
        for name in (f"captures/{ENDPOINT}/.nothing", "labels/.nothing", "output/.nothing"):
            self.write(name, b"")
        return weights

    def another(self, replica: str, **given: Any) -> Executor:
        """An executor as a process that has just started has it."""
        usual: dict[str, Any] = {
            "s3": partial(s3_client, None),
            "sagemaker": lambda: self.aws.client("sagemaker"),
            "ssm": lambda: self.aws.client("ssm"),
            "cloudwatch": lambda: self.aws.client("cloudwatch"),
            "open_target": lambda target, time_limit: open_target(
                target, self.aws.client, self.folder / "runs", time_limit
            ),
        }
        return Executor(World(self.engine, self.clock, replica=replica, **usual | given))

    def at_once(self, *executors: Executor) -> list[int]:
        """A round of each, begun at one moment."""
        gate = threading.Barrier(len(executors))

        def act(executor: Executor) -> int:
            gate.wait()
            return self.act(executor)

        with ThreadPoolExecutor(len(executors)) as pool:
            return list(pool.map(act, executors))

    def uri(self, path: str) -> str:
        return f"file://{self.folder}/{path}"

    def write(self, path: str, data: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    @property
    def endpoint(self) -> Endpoint:
        """Its entry in kedge.yaml."""
        command = shlex.join([sys.executable, str(TRAINER), *filter(None, [self.trainer])])
        training = {"output": self.uri("output"), "minimum": 100, "judging": 50}
        retrain = {
            "when": ("rmse > 1.15 * baseline",),
            "for": "2 of 3",
            "target": {"local": command},
            "training": training | self.training,
            "registry": GROUP,
            "approval": "automatic",
            "rollout": "all-at-once",
            "watch": 1,
        }
        entry = {
            "name": ENDPOINT,
            "capture": self.uri("captures"),
            "baseline": self.uri("baseline"),
            "ground_truth": self.uri("labels"),
            "prediction": world.LABEL,
        }
        return Endpoint.model_validate({**entry, **self.entry, "retrain": retrain | self.retrain})

    def _in_force(self, _: Endpoint, _era: int | None) -> InForce:
        sagemaker = self.aws.direct.client("sagemaker")
        config = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
        variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        if len(variants) == 1:
            return InForce(config, self.clock.now(), model_package=self.package or None)
        models = {each["VariantName"]: _package_of(sagemaker, each["ModelName"]) for each in variants}
        return InForce(config, self.clock.now(), models=models)

    def pass_hours(
        self,
        *kinds: str,
        rows: int = ROWS,
        labels: int | None = None,
        unit: float = 1.0,
        failing: int = 0,
        said: str = "Internal error",
        wide: int = 0,
        seen: bool = True,
    ) -> None:
        """Hours of a "quiet" or a "changed" world are captured, labelled and judged; so many labelled.

        Where they are not `seen`, Kedge was away: whoever acts next does so before the endpoint's turn.

        `unit` is what the lengths are multiplied by on their way to the capture. The last `failing` requests
        of each are answered by `said`; the inputs of the first `wide` have a column too many.
        """
        for kind in kinds:
            hour = self._hour(len(self.hours), kind, rows)
            each = [(since, answers(weights, hour.inputs)) for since, weights in self._answering]
            answered = [
                [found[at] for since, found in each if since <= moment][-1]
                for at, moment in enumerate(hour.times)
            ]
            sent = replace(hour, inputs=(hour.inputs * [unit, 1.0]).round(4))
            day = f"{hour.start:%Y/%m/%d/%H}"
            lines = sent.captured(answered).splitlines(keepends=True)
            for at in range(rows - failing, rows):
                lines[at] = lines[at].replace(f"{answered[at]:.6f}".encode(), said.encode())
            lines[:wide] = map(_widened, lines[:wide])
            self.write(f"captures/{ENDPOINT}/{VARIANT}/{day}/00-00-000-a.jsonl", b"".join(lines))
            if labels is None or labels:
                self.write(f"labels/{day}/00-00-000-a.jsonl", hour.labelled(labels))
            self.hours.append(hour)
            self.clock.at = hour.start + HOUR + GRACE
            if seen:
                self.observe()

    def _hour(self, at: int, kind: str, rows: int = ROWS) -> world.Hour:
        return world.hour(5, NOON + at * HOUR, shifted=kind == "changed", rows=rows)

    def label_all(self) -> None:
        """The labels that were held back come."""
        for hour in self.hours:
            self.write(f"labels/{hour.start:%Y/%m/%d/%H}/30-00-000-b.jsonl", hour.labelled())
        self.observe()

    def with_state_machine(self, name: str = "retrain") -> None:
        """Training is a state machine's from now on, which rests and trains nothing."""
        rest = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 60, "End": True}}}
        machine = self.aws.direct.client("stepfunctions").create_state_machine(
            name=name, definition=json.dumps(rest), roleArn=ROLE
        )
        self.retrain = {**self.retrain, "target": {"step_functions": machine["stateMachineArn"]}}

    def executions(self) -> dict[str, str]:
        """The state machine's executions and how each stands."""
        arn = self.retrain["target"]["step_functions"]
        listed = self.aws.direct.client("stepfunctions").list_executions(stateMachineArn=arn)
        return {each["name"]: each["status"] for each in listed["executions"]}

    def deploy(self, config: str) -> None:
        """Somebody else puts the endpoint on another config, of the models it has."""
        sagemaker = self.aws.direct.client("sagemaker")
        present = sagemaker.describe_endpoint_config(EndpointConfigName=self.endpoint_config())
        kept = {name: present[name] for name in ("ProductionVariants", "DataCaptureConfig")}
        sagemaker.create_endpoint_config(EndpointConfigName=config, **kept)
        self.set_to(config)

    def set_to(self, config: str) -> None:
        """Somebody else puts the endpoint on a config that is there."""
        sagemaker = self.aws.direct.client("sagemaker")
        sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
        assert until(lambda: self.endpoint_config() == config)

    def taken_out(self) -> None:
        """The owner goes back to the config before the rollout by hand, which is noticed an hour later."""
        self.set_to(OLD_CONFIG)
        self.clock.at += HOUR
        self.observe()
        assert self.eras()[-1].endpoint_config == OLD_CONFIG

    @contextmanager
    def stale_answer(self, config: str, failure: str | None = None) -> Iterator[None]:
        """DescribeEndpoint tells of this config meanwhile, with a reason why AWS took an update back."""
        endpoint = sagemaker_backends["123456789012"]["eu-west-1"].endpoints[ENDPOINT]
        now, endpoint.endpoint_config_name = endpoint.endpoint_config_name, config
        endpoint.failure_reason = failure
        yield
        endpoint.failure_reason = None
        if endpoint.endpoint_config_name == config:
            endpoint.endpoint_config_name = now

    @contextmanager
    def denied(self, operation: str, service: str = "sagemaker") -> Iterator[None]:
        """Kedge may not use this operation meanwhile, which AWS says for good."""

        def refuse(**_: object) -> None:
            told = {"Code": "AccessDeniedException", "Message": "no policy allows it"}
            answer: Any = {"Error": told, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, operation)

        events, name = self.aws.client(service).meta.events, f"before-sign.{service}.{operation}"
        events.register(name, refuse)
        yield
        events.unregister(name, refuse)

    def observe(self) -> None:
        """One round of the observing half."""
        done = self._observer.observe(self.endpoint)
        assert done is not None
        assert done.problem is None

    def turn(self) -> None:
        """The endpoint's turn, as the service takes it: where nothing asks for a round there is none."""
        now = datetime.now(UTC)
        with writing(self.engine) as connection:
            turns.enrol(connection, {ENDPOINT: self.endpoint.digest}, self.clock.now())
            (standing,) = turns.take(connection, now, now, 1, named=[ENDPOINT])
        done = self._observer.turn(self.endpoint, standing)
        assert done is not None
        assert done.problem is None

    def act(self, executor: Executor | None = None) -> int:
        """One round of the acting half."""
        return (executor or self.executor).round([self.endpoint])

    def until(self, *states: RunState) -> Run:
        """Act until the run is in one of these states, and no further than it goes by itself.

        Where that is to be `started`, a training that is quicker than the next look is held until then.
        """
        hold = self.folder / HOLD
        if RunState.STARTED in states:
            hold.touch()
        try:
            return self.until_so(lambda run: run.state in states)
        finally:
            hold.unlink(missing_ok=True)

    def until_so(self, so: Callable[[Run], bool]) -> Run:
        deadline = time.monotonic() + _SECONDS
        while True:
            self.act()
            found = self.runs()
            if found and so(found[0]):
                return found[0]
            assert time.monotonic() < deadline, found[:1]
            time.sleep(0.02)

    def end(self) -> None:
        """Nothing that its runs started here goes on: the folder is another test's next."""
        target = LocalTarget("", self.folder / "runs", HOUR)
        for started in (self.folder / "runs").glob("*/started"):
            name = started.parent.name
            target.cancel(name, "the test is over")
            assert until(partial(_is_over, target, name)), name

    def breach(self) -> None:
        """A quiet world that changes, with labels enough for a run."""
        self.pass_hours(*_BREACH)

    def breached(self) -> None:
        """Go on where another rig on this folder and database came to by `breach`."""
        self.hours = [self._hour(at, kind) for at, kind in enumerate(_BREACH)]
        self.clock.at = self.hours[-1].start + HOUR + GRACE

    def answered_by_challenger(self, *, error: float = 0.0, mirrored: bool = False) -> None:
        """From now on the newest run's model answers, so far from what it learnt.

        `mirrored` it answers much where little is right, and its answers are distributed as before.
        """
        lines = (self.folder / "output" / self.runs()[0].name / "model.csv").read_text().splitlines()
        learnt = np.array([*map(float, lines)])
        if mirrored:
            middle = float(np.array([*world.CHANGED_MEANS, 1.0]) @ learnt)
            learnt, error = -learnt, error + 2 * middle
        self._answering.append((self.clock.now(), np.add(learnt, [0.0, 0.0, error])))

    def champion_answers(self, *, more: float) -> None:
        """From now on what answers is the champion, by so much more."""
        self._answering.append((self.clock.now(), np.add(self._answering[0][1], [0.0, 0.0, more])))

    def say(self, what: Callable[..., Run]) -> Run:
        """What a person says of the newest run."""
        with writing(self.engine) as connection:
            return what(connection, self.runs()[0].name)

    def runs(self) -> tuple[Run, ...]:
        """Newest first."""
        with reading(self.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            return runs.history(connection, monitor.id) if monitor else ()

    def decided(self) -> tuple[Decision, ...]:
        """Newest first."""
        with reading(self.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            return decisions.listed(connection, monitor.id) if monitor else ()

    def eras(self) -> tuple[Deployment, ...]:
        with reading(self.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            return deployments.eras(connection, monitor.id) if monitor else ()

    def packages(self) -> dict[str, str]:
        """Approval status of each version in the registry, the champion's left out."""
        listed = self.aws.direct.client("sagemaker").list_model_packages(ModelPackageGroupName=GROUP)
        found = {
            each["ModelPackageArn"]: each["ModelApprovalStatus"] for each in listed["ModelPackageSummaryList"]
        }
        return {arn: status for arn, status in found.items() if arn != self.package}

    def endpoint_config(self) -> str:
        found = self.aws.direct.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
        return str(found["EndpointConfigName"])


def _package_of(sagemaker: Any, model: str) -> str:
    (container,) = sagemaker.describe_model(ModelName=model)["Containers"]
    return str(container["ModelPackageName"])


def _is_over(target: LocalTarget, run: str) -> bool:
    return target.status(run) != Running()


def _widened(line: bytes) -> bytes:
    event = json.loads(line)
    event["captureData"]["endpointInput"]["data"] += ",1.0"
    return json.dumps(event).encode() + b"\n"


def _deployed(sagemaker: Any, models: str) -> str:
    """The champion, registered, approved and in service; its package."""
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, ModelPackageGroupDescription="rings")
    evaluated = {"ContentType": "application/json", "S3Uri": f"{models}/evaluation.json"}
    package = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": world.IMAGE, "ModelDataUrl": f"{models}/model.csv"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={"ModelQuality": {"Statistics": evaluated}},
    )["ModelPackageArn"]
    sagemaker.create_model(
        ModelName=OLD_MODEL, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}]
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=OLD_CONFIG,
        ProductionVariants=[
            {
                "VariantName": VARIANT,
                "ModelName": OLD_MODEL,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.c5.large",
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://logs/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        },
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=OLD_CONFIG)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return str(package)
