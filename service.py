"""The long-running service: its wiring, its ticks, and a graceful end."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import unquote

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import Engine

from config import loading
from config.clock import Clock, clock_from_environment
from config.errors import ConfigError
from config.model import Config, Endpoint, unacted
from monitor import cloudwatch
from monitor.arrivals import Arrivals
from monitor.described import DESCRIBE_SECONDS, Described, Failures
from monitor.fleet import Fleet, pause
from monitor.notifications.queue import sqs_client
from monitor.notifications.reception import Reception
from monitor.observer import Observer
from monitor.report_round import write_due
from monitor.reports.period import ReportError
from monitor.rounds import LEASE, Round, World
from objects import AwsClient, Place, PlaceError, aws_client, open_place, s3_client
from retrain.bench import World as Acting
from retrain.executor import Executor
from retrain.targets import open_target, runs_folder
from store import migrate, monitors, turns
from store.engine import StoreError, open_engine, reading, writing
from store.turns import Standing
from web.site import ReportUnreadableError

log = structlog.get_logger(__name__)

TICK_SECONDS = 5.0
REPORT_SECONDS = 5.0
DESCRIBES_A_SECOND = 5
"""What SageMaker is asked of the whole fleet at most; its quotas are low."""
_SOON = timedelta(seconds=10)
"""A fleet that is looked at so often is looked at when the service begins, whoever looked before."""
_RETRAINING = "retraining"
"""The job that moves the runs: an event may call for it before its time."""
STOP_SECONDS = 8.0
"""How long rounds may take to come to their next transaction when the service is told to stop."""


def replica_name() -> str:
    """Who holds a lease: the machine, the process, and a part no other process has."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"


def aws_world(
    engine: Engine, clock: Clock, region: str | None, describe_seconds: float = DESCRIBE_SECONDS
) -> World:
    """The world as boto3's ordinary credential chain opens it; clients are made when first asked for."""
    s3 = lru_cache(maxsize=None)(lambda role: s3_client(region, role))
    sagemaker = lru_cache(maxsize=None)(lambda role: _client(region, role, "sagemaker"))
    metrics = lru_cache(maxsize=None)(lambda role: cloudwatch.client(region, role))
    described = Described(sagemaker, clock, describe_seconds)
    return World(
        engine,
        clock,
        s3,
        described,
        replica_name(),
        cloudwatch=metrics,
        failed=Failures(sagemaker, describe_seconds),
    )


def _client(region: str | None, role: str | None, service: str) -> AwsClient:
    from botocore.config import Config as BotoConfig

    timeouts = BotoConfig(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    return aws_client(service, region, role, timeouts)


@dataclass(slots=True)
class ConfigFile:
    """kedge.yaml, read again whenever it changes; a change that is wrong as a whole is refused and told."""

    path: Path
    config: Config = field(init=False)
    """As it stands, but for entries that are wrong: those stay as they were when they last were right."""
    errors: tuple[ConfigError, ...] = ()
    kept: frozenset[str] = frozenset()
    """The endpoints whose entries are of an earlier file."""
    _seen: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        """Read it once; raises ConfigError."""
        self.config, self.errors = loading.load_tolerant(self.path)
        self._seen = self._stamp()
        _tell_unacted(self.config)

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return self._seen
        return found.st_mtime_ns, found.st_size

    def refresh(self) -> bool:
        """Take up a changed file; says whether anything was taken up."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        before = self.config
        try:
            config, self.errors = loading.load_tolerant(self.path)
        except ConfigError as error:
            log.error("config_refused", reason=str(error))
            return False
        except Exception as error:  # the file before goes on to be acted on
            reason = f"{self.path}: Kedge failed to read it ({type(error).__name__}); please report it"
            log.exception("config_refused", reason=reason)
            return False
        kept = _last_right(before, config, self.errors)
        self.kept = frozenset(endpoint.name for endpoint in kept)
        self.config = config.model_copy(update={"endpoints": (*config.endpoints, *kept)})
        if (before.database, before.region) != (self.config.database, self.config.region):
            log.warning("config_wants_restart", reason="database and region are read at the start alone")
        log.info("config_taken_up", path=str(self.path), endpoints=len(self.config.endpoints))
        _tell_unacted(self.config)
        return True

    def wrong(self, watched: Collection[str]) -> dict[str, str]:
        """What is wrong with the entries of which endpoints; `watched` are those of earlier files.

        An entry whose name can't be read may be that of any of them that is missing.
        """
        named = {error.endpoint: str(error) for error in reversed(self.errors) if error.endpoint}
        unnamed = next((str(error) for error in self.errors if not error.endpoint), None)
        if unnamed is None:
            return named
        right = {endpoint.name for endpoint in self.config.endpoints} - self.kept
        return dict.fromkeys({*watched, *self.kept} - right, unnamed) | named


def _last_right(before: Config, config: Config, errors: Collection[ConfigError]) -> tuple[Endpoint, ...]:
    """The entries that are wrong now, as they last were right; one without a name may be any of them."""
    right, wrong = {endpoint.name for endpoint in config.endpoints}, {error.endpoint for error in errors}
    missing = [endpoint for endpoint in before.endpoints if endpoint.name not in right]
    return tuple(endpoint for endpoint in missing if endpoint.name in wrong or "" in wrong)


def _tell_unacted(config: Config) -> None:
    for sentence in unacted(config):
        log.warning("config_key_ignored", reason=sentence)
    for endpoint in config.endpoints:
        for sentence in unacted(endpoint):
            log.warning("config_key_ignored", endpoint=endpoint.name, reason=sentence)


@dataclass(slots=True)
class Service:
    """Ticks over the endpoints until it is told to stop."""

    file: ConfigFile
    engine: Engine
    clock: Clock
    registry: CollectorRegistry
    tick_seconds: float = TICK_SECONDS
    lease: timedelta = LEASE
    describe_seconds: float = DESCRIBE_SECONDS
    _observer: Observer = field(init=False)
    _executor: Executor = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)
    _scheduler: BackgroundScheduler = field(init=False)
    _rounds: Counter = field(init=False)
    _sent: Counter = field(init=False)
    _fleet: Fleet = field(init=False)
    _reception: Reception = field(init=False)
    _described: Described = field(init=False)
    _settled: Config | None = None
    _wrong: dict[str, str] = field(default_factory=dict)
    _in_vain: dict[str, int] = field(default_factory=dict)
    """Endpoint → how much was announced to it when its last turn here began, where that met a problem."""

    def __post_init__(self) -> None:
        """Wire the parts; nothing runs yet."""
        world = aws_world(self.engine, self.clock, self.file.config.region, self.describe_seconds)
        assert isinstance(world.in_force, Described)  # noqa: S101 (aws_world makes it)
        self._described = world.in_force
        received = Counter(
            "kedge_notifications",
            "Messages of queues that announce captures, by what became of them",
            ["fate"],
            registry=self.registry,
        )
        self._reception = Reception(
            lambda url, role: sqs_client(url, self.file.config.region, role),
            lambda fate: received.labels(fate).inc(),
            package=self._package_changed,
        )
        self._observer = Observer(
            replace(world, lease=self.lease, stopping=self._stop.is_set, arrivals=Arrivals(self._reception))
        )
        self._executor = Executor(self._acting(world))
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._fleet = Fleet(self.engine, self._turn, self._stop.is_set)
        self._sent = Counter(
            "kedge_cloudwatch_windows",
            "Judged windows whose metrics CloudWatch has taken",
            ["endpoint"],
            registry=self.registry,
        )
        self._rounds = Counter(
            "kedge_rounds", "Rounds over one endpoint, by how they ended", ["end"], registry=self.registry
        )

    def start(self) -> None:
        """Begin to tick, the first time at once."""
        self._scheduler.add_job(
            self.begin,
            "interval",
            seconds=self.tick_seconds,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.add_job(
            self.retrain_tick,
            "interval",
            id=_RETRAINING,
            seconds=self.tick_seconds,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        # Evidently takes seconds to import: reports have a thread of their own, so that no window waits
        self._scheduler.add_job(
            self.report_tick,
            "interval",
            seconds=max(self.tick_seconds, REPORT_SECONDS),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()

    def stop(self) -> bool:
        """Let the rounds under way come to their next transaction, and take up no more.

        Says whether they did in time: one that waits for an answer of the network may not. To end the
        process all the same loses nothing, since what a transaction did not finish is done again.
        """
        self._stop.set()
        self._reception.stop()
        ending = threading.Thread(target=self._end, name="stop", daemon=True)
        ending.start()
        ending.join(STOP_SECONDS)
        return not ending.is_alive()

    def _end(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown()
        self._fleet.end()

    def read_report(self, endpoint: str, uri: str) -> bytes:
        """The bytes of an endpoint's report, from a folder or from S3 in the role that it was written in."""
        folder, _, name = uri.rpartition("/")
        role = next((entry.role for entry in self.file.config.endpoints if entry.name == endpoint), None)
        try:
            place = open_place(folder, lambda: self._observer.world.s3(role))
            return place.objects.read(place.key(unquote(name) if uri.startswith("file:") else name))
        except PlaceError as error:
            raise ReportUnreadableError(str(error)) from error

    def not_ready(self) -> str | None:
        """Why requests should not come here yet, or None."""
        try:
            migrate.require_current(self.engine)
        except StoreError as error:
            return str(error)
        return None if self._fleet.been_round() else "the first round over the endpoints is not done yet"

    def tick(self) -> None:
        """A turn for every endpoint, waited for."""
        with suppress(StoreError):  # the round itself says that the database does not answer
            self._take_up()
            with writing(self.engine) as connection:
                turns.all_at_once(connection)
        self.begin()
        self._fleet.wait()

    def begin(self) -> None:
        """Give the endpoints their turns that are due; nothing that goes wrong here ends the service."""
        try:
            self._take_up()
            # held here, and told to nobody else: another replica would judge and rest without them
            self._fleet.call(self._announced())
            self._fleet.begin()
        except StoreError as error:
            log.error("database_unavailable", reason=str(error))
        except Exception:
            log.exception("tick_failed")

    def _announced(self) -> frozenset[str]:
        """The endpoints that something is announced to; to one with a problem, since its last turn here."""
        news = self._reception.news()
        return frozenset(name for name, count in news.items() if self._in_vain.get(name) != count)

    def _take_up(self) -> None:
        self.file.refresh()
        if self._settled is self.file.config:
            self._watch_again(self.file.config)
        else:
            self._settle(self.file.config)

    def _watch_again(self, config: Config) -> None:
        """Entries that a replica whose file does not name them, an older one, say, took to be gone."""
        with reading(self.engine) as connection:
            gone = turns.unwatched(connection)
        lost = {entry.name: entry.digest for entry in config.endpoints if entry.name in gone}
        if lost:
            log.warning("endpoints_watched_again", endpoints=len(lost))
            with writing(self.engine) as connection:
                turns.enrol(connection, lost, self.clock.now())

    def _acting(self, world: World) -> Acting:
        clients = lru_cache(maxsize=None)(partial(_client, self.file.config.region, None))
        runs = runs_folder(self.file.path)
        return Acting(
            engine=self.engine,
            clock=self.clock,
            s3=world.s3,
            sagemaker=lambda: clients("sagemaker"),
            open_target=lambda target, time_limit: open_target(target, clients, runs, time_limit),
            replica=world.replica,
            lease=self.lease,
            stopping=self._stop.is_set,
            ssm=lambda: clients("ssm"),
            cloudwatch=lambda: clients("cloudwatch"),
        )

    def _package_changed(self, arn: str) -> None:
        """Look at the runs now: one may wait for what was said of its model in the registry."""
        group = arn.partition(":model-package/")[2].partition("/")[0].lower()
        policies = (endpoint.retrain for endpoint in self.file.config.endpoints)
        if group not in {policy.registry.lower() for policy in policies if policy is not None}:
            return
        log.info("model_package_changed", package=arn)
        with suppress(JobLookupError):  # it is being stopped
            self._scheduler.modify_job(_RETRAINING, next_run_time=datetime.now(UTC))

    def retrain_tick(self) -> None:
        """Decide and act for every endpoint with a policy. Nothing that goes wrong here ends the service."""
        if self._stop.is_set():
            return
        try:
            self._executor.round(self.file.config.endpoints)
        except StoreError as error:
            log.error("database_unavailable", reason=str(error))
        except Exception:
            log.exception("retraining_failed")

    def report_tick(self) -> None:
        """Write the reports that are due. Nothing that goes wrong here ends the service."""
        for endpoint in self.file.config.endpoints:
            if self._stop.is_set():
                return
            try:
                write_due(self.engine, endpoint, partial(self._folder, endpoint), self.clock.now())
            except (PlaceError, ReportError, StoreError) as error:
                log.error("report_not_written", endpoint=endpoint.name, reason=str(error))
            except Exception:
                log.exception("report_failed", endpoint=endpoint.name)

    def _folder(self, endpoint: Endpoint, uri: str) -> Place:
        return open_place(uri, lambda: self._observer.world.s3(endpoint.role))

    def _settle(self, config: Config) -> None:
        """Take up what kedge.yaml says; wrong entries are shown at their endpoints, those gone are not."""
        entries = {endpoint.name: endpoint.digest for endpoint in config.endpoints}
        now = self.clock.now()
        rest = pause(config, self.tick_seconds)
        with writing(self.engine) as connection:
            turns.enrol(connection, entries, now)
            if self._settled is None and rest <= _SOON:
                turns.all_at_once(connection)  # what a process that is gone had put off
            turns.none_after(
                connection, datetime.now(UTC) + rest
            )  # as it was put off while pauses were longer
            wrong = self.file.wrong([monitor.name for monitor in monitors.watched(connection)])
            for name in wrong:
                monitor = monitors.register(connection, name, entries.get(name, ""), now)
                monitors.set_problem(connection, monitor.id, wrong[name], now)
            monitors.unwatch_others(connection, wrong.keys() | entries.keys())
        self._reception.follow(config.endpoints)
        for error in self.file.errors:
            log.error("config_entry_wrong", reason=str(error))
        self._wrong = wrong
        self._observer.forget()
        self._described.seconds = max(self.describe_seconds, len(entries) / DESCRIBES_A_SECOND)
        self._fleet.watch(config.endpoints, rest)
        self._settled = config

    def _turn(self, endpoint: Endpoint, standing: Standing) -> bool:
        """An endpoint's turn; says whether it wants another at once."""
        self._in_vain[endpoint.name] = self._reception.news().get(endpoint.name, 0)
        try:
            done = self._observer.turn(endpoint, standing, self._wrong.get(endpoint.name))
            self._rounds.labels(_end(done)).inc()
            self._sent.labels(endpoint.name).inc(done.sent if done is not None else 0)
        except StoreError as error:
            self._rounds.labels("database").inc()
            log.error("database_unavailable", endpoint=endpoint.name, reason=str(error))
        except Exception as error:
            self._rounds.labels("crashed").inc()
            log.exception("round_failed", endpoint=endpoint.name)
            with suppress(StoreError):  # the next round says that the database does not answer
                self._show_crash(endpoint, error)
        else:
            if done is None or done.problem is None:
                del self._in_vain[endpoint.name]
            return done is not None and done.more
        return False

    def _show_crash(self, endpoint: Endpoint, error: Exception) -> None:
        sentence = (
            f"Kedge failed on this endpoint ({type(error).__name__}): the log says where; please report it"
        )
        now = self.clock.now()
        with writing(self.engine) as connection:
            monitor = monitors.register(connection, endpoint.name, endpoint.digest, now)
            monitors.set_problem(connection, monitor.id, sentence, now)


def _end(done: Round | None) -> str:
    if done is None:
        return "elsewhere"
    return "problem" if done.problem else "idle" if done.idle else "worked"


def open_service(
    path: Path,
    environment: dict[str, str],
    tick_seconds: float,
    lease: timedelta = LEASE,
    describe_seconds: float = DESCRIBE_SECONDS,
) -> Service:
    """The service of a kedge.yaml, its database brought up to date.

    Raises ConfigError, ClockError or StoreError, each one sentence.
    """
    file = ConfigFile(path)
    clock = clock_from_environment(environment)
    clock.now()  # a clock that can't be read now would be no clock later either
    engine = open_engine(file.config.database)
    migrate.upgrade(engine)
    return Service(file, engine, clock, CollectorRegistry(), tick_seconds, lease, describe_seconds)
