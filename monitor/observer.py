"""One round for one endpoint: ingest what is new, judge what is due, publish, let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Engine

from baselines import folder, versions
from baselines.constraints import Constraints, ConstraintsError
from baselines.folder import BaselineError
from baselines.quality import constraints as quality_constraints
from baselines.quality.constraints import QualityConstraints
from baselines.quality.problem import QualityError
from baselines.statistics import StatisticsError
from baselines.versions import LoadedBaseline
from config.clock import Clock
from config.facts import DiscoveryError
from config.model import Endpoint, ProblemType
from config.schedules import FailedExecution
from monitor import (
    cloudwatch,
    delivery,
    eras,
    executions,
    followed,
    ingest,
    late,
    measuring,
    publish,
)
from monitor.arrivals import Arrivals
from monitor.capture.schema import SchemaError, schema_of
from monitor.cloudwatch import CloudWatchError
from monitor.diagnosis import MisplacedError
from monitor.digest import Recipe
from monitor.hooks.postprocess import run_on
from monitor.hooks.process import HookError
from monitor.hooks.script import Script, read_script
from monitor.notifications.queue import QueueError
from monitor.spark.engine import SparkError
from monitor.transforms import Transforms
from objects import Place, PlaceError, S3Client, open_place
from store import deployments, incidents, monitors, retention
from store import windows as stored_windows
from store.engine import reading, writing
from store.lease import Lease, StoppingError, leased
from store.records import Deployment, Execution, Late, Monitor, ObjectKind

log = structlog.get_logger(__name__)

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

_BASELINE_LOOK = 60.0
"""Seconds of wall time between two looks at a baseline's files."""
_SWEEP = timedelta(days=1)
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

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.objects or self.judged or self.measured or self.published or self.sent)


@dataclass(slots=True)
class Observer:
    """Observes endpoints; it holds nothing but caches, everything that matters is in the database."""

    world: World
    _baselines: dict[int, LoadedBaseline] = field(default_factory=dict)
    _looked: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Endpoint → the digest of its entry, and when its baseline's files were looked at (wall time)."""
    _places: dict[tuple[str, str | None, str | None], Place] = field(default_factory=dict)
    _postprocess_failed: dict[str, str] = field(default_factory=dict)
    """Endpoint → how its script failed on the last execution; it stays told until the script succeeds."""
    _bounds: dict[str, tuple[str, float, QualityConstraints]] = field(default_factory=dict)
    """Endpoint → its entry's digest, when its quality baseline was read (wall time), and what that asks."""

    def observe(self, endpoint: Endpoint, wrong: str | None = None) -> Round | None:
        """One round for an endpoint, or None where another replica is at it.

        `wrong` with its entry is told where nothing else is. Raises StoreError alone; the rest is recorded.
        """
        now = self.world.clock.now()
        with writing(self.world.engine) as connection:
            monitor = monitors.register(connection, endpoint.name, endpoint.digest, now)
        world = self.world
        with leased(world.engine, monitors, monitor.id, world.replica, world.lease, world.stopping) as lease:
            if lease is None:
                return None
            try:
                return self._guarded(endpoint, lease, now, wrong)
            except monitors.LeaseLostError as error:
                log.warning("lease_lost", endpoint=endpoint.name, reason=str(error))
            except StoppingError:
                log.info("round_stopped", endpoint=endpoint.name)
            return Round()

    def _guarded(self, endpoint: Endpoint, lease: Lease, now: datetime, wrong: str | None) -> Round:
        done = self._round(endpoint, lease, now)
        done = replace(done, problem=done.problem or wrong)
        with lease.transaction() as connection:
            if monitors.set_problem(connection, lease.key, done.problem, now) and done.problem:
                log.warning("endpoint_problem", endpoint=endpoint.name, problem=done.problem)
        return done

    def _round(self, endpoint: Endpoint, lease: Lease, now: datetime) -> Round:
        """Every stage does what it can: a problem of one, of which the first is told, ends no other."""
        problems: list[str] = []
        counted = judged = measured = published = sent = 0
        known = self._follow_eras(endpoint, lease, now)
        self._close_outlived(lease, now)
        with _noting(problems):
            known = self._follow_baseline(endpoint, lease, known, now)
        with _noting(problems):
            counted = self._ingest(endpoint, lease, known, now)
        with _noting(problems):
            self.world.arrivals.require(endpoint)
        with _noting(problems):
            counted += self._ingest_labels(endpoint, lease, now)
        with _noting(problems):
            counted += self._follow_schedule(endpoint, lease, known, now)
        with _noting(problems):
            judged = self._judge(endpoint, lease, known, now)
        if failed := self._postprocess_failed.get(endpoint.name):
            problems.append(failed)
        with _noting(problems):
            measured = self._measure(endpoint, lease, now)
        with _noting(problems):
            published = self._publish(endpoint, lease, known, now)
        with _noting(problems):
            sent = self._send_metrics(endpoint, lease, known, now)
        self._sweep(endpoint, lease, now, problems)
        return Round(counted, judged, measured, published, sent, next(iter(problems), None))

    def _place(self, endpoint: Endpoint, uri: str, kms_key: str | None = None) -> Place:
        """The place at an address; kept, since a folder remembers the digests of its files."""
        key = (uri, endpoint.role, kms_key)
        if key not in self._places:
            self._places[key] = open_place(uri, lambda: self.world.s3(endpoint.role), kms_key=kms_key)
        return self._places[key]

    def _script(self, endpoint: Endpoint, address: str | None) -> Script | None:
        if address is None:
            return None
        folder, slash, _ = address.rpartition("/")
        return read_script(address, place=self._place(endpoint, folder + slash if slash else "."))

    def _follow_eras(self, endpoint: Endpoint, lease: Lease, now: datetime) -> tuple[Deployment, ...]:
        before = self._eras(lease)
        in_force = self.world.in_force(endpoint, before[-1].id if before else None)
        known = self._eras(lease)
        if known and (known != before or eras.change(known, in_force) is eras.Change.NONE):
            return known
        with lease.transaction() as connection:
            # a retraining run may have begun an era since AWS was asked, whose answer is older then
            found = deployments.eras(connection, lease.key)
            return found if found != known else eras.follow(connection, lease.key, in_force, now)

    def _close_outlived(self, lease: Lease, now: datetime) -> None:
        with reading(self.world.engine) as connection:
            if not incidents.outlived(connection, lease.key):
                return
        with lease.transaction() as connection:
            eras.close_outlived(connection, lease.key, now)

    def _eras(self, lease: Lease) -> tuple[Deployment, ...]:
        with reading(self.world.engine) as connection:
            return deployments.eras(connection, lease.key)

    def _follow_baseline(
        self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime
    ) -> tuple[Deployment, ...]:
        """Import the baseline's files where they changed since the last look: they judge the era in force.

        Files that are back, too; and a version imported by hand judges as long as they stay as they are.
        """
        digest, looked = self._looked.get(endpoint.name, ("", 0.0))
        fresh = digest == endpoint.digest and time.monotonic() - looked < _BASELINE_LOOK
        if endpoint.baseline is None or (known[-1].baseline_id is not None and fresh):
            return known
        files = folder.read_files(self._place(endpoint, endpoint.baseline))
        with lease.transaction() as connection:
            changed = versions.changed(connection, lease.key, files)
            version = versions.import_files(connection, lease.key, files, now)
            eras.adopt(connection, known, version.id, latest=changed)
            known = deployments.eras(connection, lease.key)
        self._looked[endpoint.name] = (endpoint.digest, time.monotonic())
        return known

    def _baseline(self, endpoint: Endpoint, era: Deployment) -> LoadedBaseline:
        if era.baseline_id is None:
            raise eras.no_baseline(endpoint)
        if era.baseline_id not in self._baselines:
            with reading(self.world.engine) as connection:
                self._baselines[era.baseline_id] = versions.load(connection, era.baseline_id)
        return self._baselines[era.baseline_id]

    def _ingest(self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime) -> int:
        schema = schema_of(endpoint, self._baseline(endpoint, known[-1]).constraints)
        labelled = endpoint.ground_truth is not None
        recipe = Recipe(
            schema,
            endpoint.window,
            known,
            endpoint.sample_rows,
            prediction=endpoint.prediction if labelled else None,
            probability=endpoint.probability if labelled else None,
            classes=endpoint.problem is not ProblemType.REGRESSION,
            preprocess=self._script(endpoint, endpoint.hooks.preprocess),
        )
        place = self._place(endpoint, endpoint.capture)
        batch = Transforms(place, lambda uri: self._place(endpoint, uri)) if endpoint.batch else None
        arrived = self.world.arrivals.look(endpoint, place, recipe.columns, now, partial(self._known, lease))
        work = ingest.Work(place, recipe, now, self.world.limit_bytes, batch, endpoint.role)

        def consume(new: tuple[ingest.Found, ...]) -> int:
            return ingest.consume_captures(
                work, new, monitor_id=lease.key, transaction=lease.transaction, engine=self.world.reads
            )

        counted = consume(self._unseen(lease, ObjectKind.CAPTURE, arrived.found))
        # records read with other columns don't add up: a column that only some have would seem to be missing
        while again := consume(self._read_otherwise(lease, recipe, arrived.found)):
            counted += again
        self.world.arrivals.settle(endpoint, arrived)
        return counted

    def _known(self, lease: Lease, listed: list[ingest.Found]) -> dict[str, str]:
        with reading(self.world.engine) as connection:
            return ingest.known(connection, lease.key, ObjectKind.CAPTURE, listed)

    def _read_otherwise(
        self, lease: Lease, recipe: Recipe, listed: list[ingest.Found]
    ) -> tuple[ingest.Found, ...]:
        with reading(self.world.engine) as connection:
            return ingest.read_otherwise(connection, lease.key, recipe.columns, listed)

    def _ingest_labels(self, endpoint: Endpoint, lease: Lease, now: datetime) -> int:
        if endpoint.ground_truth is None:
            return 0
        place = self._place(endpoint, endpoint.ground_truth)
        listed = list(ingest.list_labels(place, now - late.label_reach(endpoint)))
        return ingest.consume_labels(
            place,
            self._unseen(lease, ObjectKind.GROUND_TRUTH, listed),
            monitor_id=lease.key,
            transaction=lease.transaction,
            now=now,
            limit_bytes=self.world.limit_bytes,
            classes=endpoint.problem is not ProblemType.REGRESSION,
        )

    def _unseen(self, lease: Lease, kind: ObjectKind, listed: list[ingest.Found]) -> tuple[ingest.Found, ...]:
        with reading(self.world.engine) as connection:
            return ingest.unseen(connection, lease.key, kind, listed)

    def _follow_schedule(
        self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime
    ) -> int:
        """Take in what a Model Monitor schedule found; returns how many of its executions were new."""
        if endpoint.schedule is None or endpoint.schedule_results is None:
            return 0
        place, since = self._place(endpoint, endpoint.schedule_results), now - endpoint.lateness
        hours = list(followed.list_hours(place, endpoint.name, endpoint.schedule, since))
        listed = [found for hour in hours for found in hour.files.values()]
        new = {found.ref.key for found in self._unseen(lease, ObjectKind.SCHEDULE, listed)}
        counted = 0
        for hour in hours:
            if new.isdisjoint(found.ref.key for found in hour.files.values()):
                continue
            told = followed.read(place, hour)
            with lease.transaction() as connection:
                followed.record(connection, lease.key, endpoint, known, hour, told, now)
            counted += 1
        for failed in self.world.failed(endpoint, since):
            with lease.transaction() as connection:
                done = followed.record_failure(connection, lease.key, endpoint, known, failed, now)
            counted += done is not None
        return counted

    def _judge(self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime) -> int:
        by_id = {era.id: era for era in known}
        with reading(self.world.engine) as connection:
            due = stored_windows.due(connection, lease.key, now - endpoint.grace)
        # a window without a baseline waits for one, and no other window waits with it
        if endpoint.schedule is not None:  # its windows are judged by Model Monitor alone
            due = tuple(one for one in due if one.variant != followed.variant_of(endpoint))
        with_baseline = [one for one in due if by_id[one.deployment_id].baseline_id is not None]
        for window in with_baseline:
            era = by_id[window.deployment_id]
            bench = executions.Bench(endpoint, self._baseline(endpoint, era), era.ended_at is not None)
            with lease.transaction() as connection:
                execution = executions.judge_window(connection, window, bench, now)
            log.info(
                "judged",
                endpoint=endpoint.name,
                window=window.start.isoformat(),
                variant=window.variant,
                revision=execution.revision,
                records=execution.records,
                violations=execution.violations,
            )
            self._postprocess(endpoint, execution)
        if len(with_baseline) < len(due):
            raise eras.no_baseline(endpoint)
        return len(due)

    def _postprocess(self, endpoint: Endpoint, execution: Execution) -> None:
        """Give an execution's files to the owner's script, once: what fails is told, not tried again."""
        failed: list[str] = []
        with _noting(failed):
            script = self._script(endpoint, endpoint.hooks.postprocess)
            if script is not None:
                with reading(self.world.engine) as connection:
                    written = publish.files(connection, execution)
                done = run_on(script, written)
                log.info(
                    "postprocessed", endpoint=endpoint.name, script=script.name, characters=len(done.said)
                )
        self._postprocess_failed.pop(endpoint.name, None)
        if failed:
            self._postprocess_failed[endpoint.name] = failed[0]
            log.warning(
                "postprocess_failed",
                endpoint=endpoint.name,
                window=execution.start.isoformat(),
                reason=failed[0],
            )

    def _measure(self, endpoint: Endpoint, lease: Lease, now: datetime) -> int:
        if endpoint.ground_truth is None:
            return 0
        bounds = self._quality_bounds(endpoint)
        with reading(self.world.engine) as connection:
            due = stored_windows.due_for_quality(connection, lease.key, now - endpoint.grace)
        measured = 0
        for window in due:
            with reading(self.world.engine) as connection:
                found = measuring.labelled(connection, window)
            # seconds of work for a million labels, in which nobody has to wait for the database
            measurement = measuring.measure(found, window, endpoint, bounds)
            with lease.transaction() as connection:
                measured += measuring.record(connection, window, measurement, endpoint, now) is not None
        return measured

    def _quality_bounds(self, endpoint: Endpoint) -> QualityConstraints | None:
        """What the model's quality is held against; its file is looked at as often as a baseline's."""
        if endpoint.quality_baseline is None:
            return None
        digest, looked, bounds = self._bounds.get(endpoint.name, ("", 0.0, None))
        if bounds is None or digest != endpoint.digest or time.monotonic() - looked >= _BASELINE_LOOK:
            place = self._place(endpoint, endpoint.quality_baseline)
            text = place.objects.read(place.key(folder.CONSTRAINTS))
            bounds = quality_constraints.read(text, f"{place.uri}/{folder.CONSTRAINTS}")
            measuring.fit(bounds, endpoint)
            self._bounds[endpoint.name] = (endpoint.digest, time.monotonic(), bounds)
        return bounds

    def _publish(self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime) -> int:
        if endpoint.results is None:
            return 0
        place = self._place(endpoint, endpoint.results, endpoint.results_kms_key)
        return delivery.publish_waiting(self.world.engine, lease, place, endpoint, known, now)

    def _send_metrics(
        self, endpoint: Endpoint, lease: Lease, known: tuple[Deployment, ...], now: datetime
    ) -> int:
        by_id = {era.id: era for era in known}

        def constraints(execution: Execution) -> Constraints:
            return self._baseline(endpoint, by_id[execution.deployment_id]).constraints

        return delivery.send_waiting(
            self.world.engine, lease, self.world.cloudwatch, endpoint, constraints, now
        )

    def _sweep(self, endpoint: Endpoint, lease: Lease, now: datetime, problems: list[str]) -> None:
        """Once a day: look for what came too late to be counted, and let go of the old.

        What is too late the entry says: where it changed, that is looked for again at once.
        """
        with reading(self.world.engine) as connection:
            monitor = monitors.by_name(connection, endpoint.name)
        if monitor is None:
            return
        due = monitor.swept_at is None or now - monitor.swept_at >= _SWEEP
        if due or monitor.swept_digest != endpoint.digest:
            self._look_for_late(endpoint, lease, monitor, now, problems)
        if not due:
            return
        with lease.transaction() as connection:
            monitors.swept(connection, lease.key, now)
            retention.forget(
                connection,
                lease.key,
                segments_before=now - endpoint.lateness - _SWEEP,
                predictions_before=now - max(endpoint.label_horizon, endpoint.lateness) - _SWEEP,
                profiles_before=now - endpoint.retention.profiles,
                metrics_before=now - endpoint.retention.metrics,
            )

    def _look_for_late(
        self, endpoint: Endpoint, lease: Lease, monitor: Monitor, now: datetime, problems: list[str]
    ) -> None:
        captures = Late(monitor.late_objects, monitor.late_key)
        labels = Late(monitor.late_labels, monitor.late_label_key)
        unseen = partial(self._unseen, lease)
        with _noting(problems):
            captures = late.captures(endpoint, self._place(endpoint, endpoint.capture), unseen, now)
        with _noting(problems):
            truth = endpoint.ground_truth
            labels = late.labels(endpoint, self._place(endpoint, truth), unseen, now) if truth else Late()
        with lease.transaction() as connection:
            monitors.found_late(connection, lease.key, captures, labels, endpoint.digest)
        for event, found in (("late_objects", captures), ("late_labels", labels)):
            if found.count:
                log.warning(event, endpoint=endpoint.name, count=found.count, first_key=found.first)


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    """What an owner has to mend is noted, and the round goes on behind the block."""
    try:
        yield
    except Problem as error:
        problems.append(str(error))
