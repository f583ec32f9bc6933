"""What a step of a run works with: the world around it, the endpoint's entry, the run's lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

import config.targets
from baselines import versions
from baselines.versions import LoadedBaseline
from config.clock import Clock, SystemClock
from config.model import Endpoint
from config.retraining import Retrain
from config.training import Training
from monitor.capture.columns import Schema
from monitor.capture.schema import schema_of
from objects import AwsClient, Place, PlaceError, PlaceProblem, S3Client, aws_client, open_place
from retrain.effects import Effects
from retrain.rollout import InService
from retrain.targets.base import Target
from retrain.watching import Pooled
from store import deployments, runs
from store.engine import reading
from store.lease import Lease
from store.records import Deployment
from store.retraining import Run, RunReason, RunState

_ABSENT = frozenset({PlaceProblem.NO_KEY, PlaceProblem.NO_BUCKET, PlaceProblem.BAD_URI})
_TOLD_AGAIN = timedelta(hours=1)
"""Not before is another reason told why a run waits."""
_INSTANT = timedelta(microseconds=1)
"""No two eras of an endpoint begin at once."""


class RunFailedError(Exception):
    """The run can't go on: it ends as failed, with this sentence.

    `registered` is a version that an answer names which is otherwise not to be used. `undeployed` says that
    the challenger did not come into force although its rollout began.
    """

    def __init__(
        self,
        reason: RunReason,
        sentence: str,
        registered: str | None = None,
        *,
        undeployed: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.registered = registered
        self.undeployed = undeployed


def output_of(endpoint: Endpoint, training: Training) -> str:
    """The address of the folder for training sets, manifests and models."""
    return training.output or f"{endpoint.results or endpoint.capture}/retraining"


def _no_client() -> AwsClient:
    raise RuntimeError("a world without a client of Systems Manager was asked for one")


@dataclass(frozen=True, slots=True)
class World:
    """Everything a run needs from outside."""

    engine: Engine
    clock: Clock
    s3: Callable[[str | None], S3Client]
    """An S3 client in a role, or in the process's own."""
    sagemaker: Callable[[], AwsClient]
    """A SageMaker client, made when first asked for."""
    open_target: Callable[[config.targets.Target, timedelta], Target]
    """What trains, by what kedge.yaml said of it, and how long it may."""
    replica: str
    lease: timedelta = timedelta(seconds=10)
    stopping: Callable[[], bool] = bool
    """Whether the service is being stopped: runs then rest where they are."""
    ssm: Callable[[], AwsClient] = _no_client
    """A client of Systems Manager, made when first asked for."""
    cloudwatch: Callable[[], AwsClient] = lambda: aws_client("cloudwatch")
    """A CloudWatch client, made when first asked for."""
    realised: dict[tuple[int, int], tuple[object, Pooled | None]] = field(default_factory=dict)
    """By run and era, what its labelled windows showed last, and what they and the entry were then.

    To measure classes together takes all of their records, which nobody wants to read in every round.
    """


@dataclass(frozen=True, slots=True)
class Bench:
    """One run, held by its lease, at one moment."""

    world: World
    endpoint: Endpoint
    policy: Retrain | None
    """None where the entry has none any more."""
    lease: Lease
    now: datetime
    is_gone: bool = False
    """Whether the entry is gone too: of the endpoint no more is known than its name."""

    @property
    def retrain(self) -> Retrain:
        """The endpoint's policy, without which most steps can't be made."""
        if self.policy is None:
            raise RunFailedError(RunReason.CANCELLED_BY_HAND, self.without_policy)
        return self.policy

    @property
    def without_policy(self) -> str:
        """What is said of a run whose endpoint has no policy any more."""
        name = self.endpoint.name
        what = f"Endpoint {name}" if self.is_gone else f"The retrain section of {name}"
        return f"{what} was taken out of kedge.yaml."

    @property
    def effects(self) -> Effects:
        """The run's calls to the outside."""
        return Effects(self.lease, self.now)

    def place(self, uri: str) -> Place:
        """An address that the endpoint's entry or a workflow gave."""
        return open_place(uri, lambda: self.world.s3(self.endpoint.role))

    @property
    def output(self) -> Place:
        """The folder for training sets, manifests and models."""
        return self.place(output_of(self.endpoint, self.retrain.training))

    def read(self, uri: str) -> bytes:
        """The bytes of one object."""
        folder, _, name = uri.rpartition("/")
        place = self.place(folder)
        return place.objects.read(place.key(name))

    def read_named(self, uri: str, blame: RunReason) -> bytes:
        """The bytes of an object that somebody named; where there is none the run fails, and says why."""
        try:
            return self.read(uri)
        except PlaceError as error:
            if error.kind in _ABSENT:
                raise RunFailedError(blame, str(error)) from error
            raise

    def move(self, run: Run, state: RunState, reason: RunReason, told: str, **changes: object) -> Run:
        """Take the run to a state, in a transaction of its own."""
        with self.lease.transaction() as connection:
            return runs.move(connection, run, state, reason, told, self.now, **changes)

    def tell_waiting(self, run: Run, told: str) -> None:
        """Put among the run's events what does not answer, once; another reason may follow later."""
        with self.lease.transaction() as connection:
            events = runs.events(connection, run.id)
            before = [event for event in events if event.reason is RunReason.NO_ANSWER]
            last = before[-1] if before and before[-1].state is run.state else None
            if last is None or (last.told != told and self.now >= last.at + _TOLD_AGAIN):
                runs.tell(connection, run, RunReason.NO_ANSWER, told, self.now)

    def begin_era(
        self,
        connection: Connection,
        run: Run,
        config: InService,
        package: str | None,
        baseline_id: int | None,
    ) -> int:
        """The era of a config that has come into force; where it was noticed already it gets its model.

        The other variants of the config keep their models, and what judges them.
        """
        deployments.lock(connection, run.monitor_id)
        last = deployments.eras(connection, run.monitor_id)[-1]
        served = last.with_model(run.variant, package, baseline_id, config.variants)
        if last.endpoint_config == config.config:
            deployments.set_models(connection, served)
            return last.id
        # AWS tells the machine's time, which says nothing about a business time that is played
        since = min(config.since, self.now) if isinstance(self.world.clock, SystemClock) else self.now
        begun = deployments.begin(
            connection,
            run.monitor_id,
            started_at=max(since, last.started_at + _INSTANT),
            endpoint_config=config.config,
            model_package=served.model_package,
            baseline_id=served.baseline_id,
            served=served.served,
        )
        return begun.id

    def eras(self) -> tuple[Deployment, ...]:
        """Every era of the endpoint, oldest first."""
        return self._mine()[1]

    def _mine(self) -> tuple[Run, tuple[Deployment, ...]]:
        with reading(self.world.engine) as connection:
            run = runs.by_id(connection, self.lease.key)
            assert run is not None  # noqa: S101 (we hold its lease)
            return run, deployments.eras(connection, run.monitor_id)

    def era(self, deployment_id: int) -> Deployment:
        """An era of the endpoint as the run's variant has it."""
        run, eras = self._mine()
        return next(era.of(run.variant) for era in eras if era.id == deployment_id)

    def baseline(self, era: Deployment) -> LoadedBaseline:
        """The baseline that judges an era."""
        if era.baseline_id is None:
            raise RunFailedError(
                RunReason.BAD_TRAINING_SET,
                f"{self.endpoint.name} has no baseline for the era of its champion: import one",
            )
        with reading(self.world.engine) as connection:
            return versions.load(connection, era.baseline_id)

    def schema(self, era: Deployment) -> Schema:
        """The columns of a captured record in an era."""
        return schema_of(self.endpoint, self.baseline(era).constraints)
