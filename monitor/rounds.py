"""What a round over an endpoint needs from outside, what it did, and what an owner has to mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from baselines.constraints import ConstraintsError
from baselines.folder import BaselineError
from baselines.quality.problem import QualityError
from baselines.statistics import StatisticsError
from config.clock import Clock
from config.facts import DiscoveryError
from config.model import Endpoint
from config.schedules import FailedExecution
from monitor import cloudwatch, eras, ingest
from monitor.arrivals import Arrivals
from monitor.capture.schema import SchemaError
from monitor.cloudwatch import CloudWatchError
from monitor.diagnosis import MisplacedError
from monitor.hooks.process import HookError
from monitor.notifications.queue import QueueError
from monitor.spark.engine import SparkError
from objects import PlaceError, S3Client

Problem = (
    PlaceError,
    BaselineError,
    StatisticsError,
    ConstraintsError,
    SchemaError,
    DiscoveryError,
    CloudWatchError,
    MisplacedError,
    HookError,
    QualityError,
    QueueError,
    SparkError,
)
"""What an owner has to mend; it is shown at the endpoint, and the other endpoints go on."""

LEASE = timedelta(seconds=10)
"""How soon the endpoints of a replica that died are another's."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything a round needs from outside."""

    engine: Engine
    clock: Clock
    s3: Callable[[str | None], S3Client]
    """An S3 client in a role, or in the process's own."""
    in_force: Callable[[Endpoint, int | None], eras.InForce | None]
    """What AWS says about an endpoint; None where it can't be asked."""
    replica: str
    lease: timedelta = LEASE
    limit_bytes: int = 1024**3
    cloudwatch: Callable[[str | None], cloudwatch.Client] = lambda role: cloudwatch.client(role=role)
    """A CloudWatch client in a role, or in the process's own."""
    failed: Callable[[Endpoint, datetime], tuple[FailedExecution, ...]] = lambda _endpoint, _since: ()
    """The executions of the schedule that an endpoint follows which failed since then."""
    stopping: Callable[[], bool] = lambda: False
    """Whether rounds are to end at their next transaction."""
    arrivals: Arrivals = field(default_factory=Arrivals)
    """Which captures a round looks at."""
    reads: ingest.Engine = ingest.HERE
    """Who reads and digests captured objects."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did."""

    objects: int = 0
    judged: int = 0
    measured: int = 0
    published: int = 0
    sent: int = 0
    problem: str | None = None
    more: bool = False
    """Whether the endpoint wants another turn at once: this one came to its bound."""

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.objects or self.judged or self.measured or self.published or self.sent)


@contextmanager
def noting(problems: list[str]) -> Iterator[None]:
    """What an owner has to mend is noted, and the round goes on behind the block."""
    try:
        yield
    except Problem as error:
        problems.append(str(error))
