"""The observer's round over an endpoint: ingest what is new, judge what is due, publish, let go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import structlog

from baselines import folder, versions
from baselines.constraints import Constraints
from baselines.folder import BaselineFiles
from baselines.quality import constraints as quality_constraints
from baselines.quality.constraints import QualityConstraints
from baselines.shared import SharedBaselines
from baselines.versions import LoadedBaseline
from config.model import Endpoint, ProblemType
from monitor import (
    delivery,
    eras,
    executions,
    followed,
    ingest,
    late,
    measuring,
    publish,
    turns,
)
from monitor.capture.schema import schema_of
from monitor.digest import Recipe
from monitor.hooks.postprocess import run_on
from monitor.hooks.script import Script, read_script
from monitor.rounds import Problem, Round, World, noting
from monitor.sweep import SWEEP, sweep
from monitor.transforms import Transforms
from monitor.turns import TURN, Backlogs, Bound, Intake
from monitor.windows import EPOCH
from objects import Place, open_place
from store import captures, deployments, incidents, monitors
from store import turns as stored_turns
from store import windows as stored_windows
from store.engine import reading, writing
from store.lease import Lease, StoppingError, leased
from store.records import Deployment, Execution, Monitor, ObjectKind
from store.turns import Standing

log = structlog.get_logger(__name__)

_BASELINE_LOOK = 60.0
"""Seconds of wall time between two looks at a quality baseline's file."""


@dataclass(slots=True)
class Observer:
    """Observes endpoints; it holds nothing but caches, everything that matters is in the database."""

    world: World
    _shared: SharedBaselines = field(default_factory=SharedBaselines)
    _backlogs: Backlogs = field(default_factory=Backlogs)
    _followed: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Endpoint → the digests of its entry and of the baseline's files that were taken up."""
    _places: dict[tuple[str, str | None, str | None], Place] = field(default_factory=dict)
    _postprocess_failed: dict[str, str] = field(default_factory=dict)
    """Endpoint → how its script failed on the last execution; it stays told until the script succeeds."""
    _bounds: dict[str, tuple[str, float, QualityConstraints]] = field(default_factory=dict)
    """Endpoint → its entry's digest, when its quality baseline was read (wall time), and what that asks."""

    def observe(self, endpoint: Endpoint, wrong: str | None = None) -> Round | None:
        """One round for an endpoint, or None where another replica is at it.

        `wrong` with its entry is told where nothing else is. Raises StoreError alone; the rest is recorded.
        """
        with writing(self.world.engine) as connection:
            monitor = monitors.register(connection, endpoint.name, endpoint.digest, self.world.clock.now())
        return self._leased(endpoint, monitor, Intake(), wrong)

    def turn(
        self, endpoint: Endpoint, standing: Standing, wrong: str | None = None, bound: Bound = TURN
    ) -> Round | None:
        """A bounded round for an endpoint whose turn it is, and no transaction where nothing asks for one."""
        intake = Intake(bound)
        if wrong is None and self._rests(endpoint, standing, intake):
            return Round()
        return self._leased(endpoint, standing.monitor, intake, wrong)

    def forget(self) -> None:
        """Let go of what was kept by endpoint and address: kedge.yaml changed."""
        for kept in (self._followed, self._places, self._bounds):
            kept.clear()
        self.world.arrivals.forget()

    def _rests(self, endpoint: Endpoint, standing: Standing, intake: Intake) -> bool:
        """Whether all that can be listed is counted, and nothing that was counted waits to be judged."""
        now = self.world.clock.now()
        if endpoint in self._backlogs or endpoint.name in self._postprocess_failed:
            return False
        if turns.has_work(endpoint, standing, now, SWEEP):
            return False
        try:
            in_force = self.world.in_force(endpoint, standing.eras[-1].id)
            if eras.change(standing.eras, in_force) is not eras.Change.NONE:
                return False
            if (
                endpoint.baseline
                and self._files(endpoint, endpoint.baseline).digest != standing.baseline_seen
            ):
                return False
            place = self._place(endpoint, endpoint.capture)
            if not self.world.arrivals.is_quiet(endpoint, place, now, intake):
                return False
            self._listed_labels(endpoint, intake, now)
        except Problem:
            return False  # the round that follows meets it again, and tells it
        return intake.seen(endpoint, standing.eras) == standing.listing_seen

    def _leased(
        self, endpoint: Endpoint, monitor: Monitor, intake: Intake, wrong: str | None
    ) -> Round | None:
        world = self.world
        with leased(world.engine, monitors, monitor.id, world.replica, world.lease, world.stopping) as lease:
            if lease is None:
                return None
            try:
                return self._guarded(endpoint, monitor, lease, intake, wrong)
            except monitors.LeaseLostError as error:
                log.warning("lease_lost", endpoint=endpoint.name, reason=str(error))
            except StoppingError:
                log.info("round_stopped", endpoint=endpoint.name)
            return Round()

    def _guarded(
        self, endpoint: Endpoint, monitor: Monitor, lease: Lease, intake: Intake, wrong: str | None
    ) -> Round:
        now = self.world.clock.now()
        done, known = self._round(endpoint, monitor, lease, intake, now)
        # where nothing could be done, whatever is in the way is not asked again at once
        done = replace(done, problem=done.problem or wrong, more=intake.more and not done.idle)
        with lease.transaction() as connection:
            if monitors.set_problem(connection, lease.key, done.problem, now) and done.problem:
                log.warning("endpoint_problem", endpoint=endpoint.name, problem=done.problem)
            seen = intake.seen(endpoint, known) if done.problem is None else None
            counted = intake.counted(endpoint.lateness, now) if done.problem is None else None
            stored_turns.conclude(connection, lease.key, seen, *intake.waiting, counted)
        return done

    def _round(
        self, endpoint: Endpoint, monitor: Monitor, lease: Lease, intake: Intake, now: datetime
    ) -> tuple[Round, tuple[Deployment, ...]]:
        """Every stage does what it can: a problem of one, of which the first is told, ends no other."""
        problems: list[str] = []
        counted = judged = measured = published = sent = 0
        known = self._follow_eras(endpoint, lease, now)
        if any(era.ended_at is not None for era in known):
            self._close_outlived(lease, now)
        with noting(problems):
            known = self._follow_baseline(endpoint, lease, known, now)
        with noting(problems):
            counted = self._ingest(endpoint, lease, known, intake, now)
        self._hold_unread(endpoint, lease, intake, now)
        with noting(problems):
            self.world.arrivals.require(endpoint)
        with noting(problems):
            counted += self._ingest_labels(endpoint, lease, intake, now)
        with noting(problems):
            counted += self._follow_schedule(endpoint, lease, known, now)
        with noting(problems):
            judged = self._judge(endpoint, lease, known, intake, now)
        if failed := self._postprocess_failed.get(endpoint.name):
            problems.append(failed)
        with noting(problems):
            measured = self._measure(endpoint, lease, intake, now)
        with noting(problems):
            published = self._publish(endpoint, lease, known, now)
        with noting(problems):
            sent = self._send_metrics(endpoint, lease, known, now)
        unseen = partial(self._unseen, lease)
        sweep(endpoint, monitor, lease, partial(self._place, endpoint), unseen, now, problems)
        return Round(counted, judged, measured, published, sent, next(iter(problems), None)), known

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
        if endpoint.baseline is None:
            return known
        files = self._files(endpoint, endpoint.baseline)
        now_followed = (endpoint.digest, files.digest)
        if None not in known[-1].baseline_ids and self._followed.get(endpoint.name) == now_followed:
            return known
        with lease.transaction() as connection:
            changed = versions.changed(connection, lease.key, files)
            version = versions.import_files(connection, lease.key, files, now, self._shared.parse)
            eras.adopt(connection, lease.key, version.id, known[-1].id if changed else None)
            known = deployments.eras(connection, lease.key)
        self._followed[endpoint.name] = now_followed
        return known

    def _files(self, endpoint: Endpoint, address: str) -> BaselineFiles:
        return self._shared.files(self._place(endpoint, address), endpoint.role)

    def _baseline(self, endpoint: Endpoint, era: Deployment) -> LoadedBaseline:
        if era.baseline_id is None:
            raise eras.no_baseline(endpoint)
        return self._shared.load(self.world.engine, era.baseline_id)

    def _listed_labels(self, endpoint: Endpoint, intake: Intake, now: datetime) -> list[ingest.Found]:
        if endpoint.ground_truth is None:
            return []
        place, since = self._place(endpoint, endpoint.ground_truth), now - late.label_reach(endpoint)
        return intake.listed(ObjectKind.GROUND_TRUTH, lambda: ingest.list_labels(place, since))

    def _ingest(
        self,
        endpoint: Endpoint,
        lease: Lease,
        known: tuple[Deployment, ...],
        intake: Intake,
        now: datetime,
    ) -> int:
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
        work = ingest.Work(place, recipe, now, self.world.limit_bytes, batch, endpoint.role)
        backlog = self._backlogs.pop(endpoint)
        if to_find := self._is_to_be_read_again(lease, recipe):
            backlog = None
        arrived = None
        if backlog is None:
            arrived = self.world.arrivals.look(
                endpoint, place, recipe.columns, now, partial(self._known, lease), intake, to_find
            )
            listed = arrived.found
            if arrived.listed is not None:
                intake.everything = frozenset((found.ref.bucket, found.name) for found in listed)
        else:
            intake.goes_on(backlog)
            listed = list(backlog.objects)

        def consume(new: Sequence[ingest.Found]) -> int:
            return ingest.consume_captures(
                work,
                new,
                monitor_id=lease.key,
                transaction=lease.transaction,
                engine=self.world.reads,
                again=lambda apart: intake.take(ObjectKind.CAPTURE, place, apart)[0],
            )

        new, left = intake.take(ObjectKind.CAPTURE, place, self._unseen(lease, ObjectKind.CAPTURE, listed))
        counted = consume(new)
        self._backlogs.keep(endpoint, left, backlog.beyond if backlog else 0)
        if backlog is not None and not left:
            intake.hold(EPOCH)  # what came since it was listed is not known yet
        # records read with other columns don't add up: a column that only some have would seem to be missing
        while again := self._read_otherwise(lease, recipe, listed):
            new, left = intake.take(ObjectKind.CAPTURE, place, again)
            done = consume(new)
            counted += done
            if left or not done:
                break
        if intake.more or intake.everything is None:
            self._hold_if_mixed(lease, recipe, intake)
        if not intake.more and arrived is not None:
            self.world.arrivals.settle(endpoint, arrived)
        return counted

    def _hold_if_mixed(self, lease: Lease, recipe: Recipe, intake: Intake) -> None:
        with reading(self.world.engine) as connection:
            if captures.read_otherwise(connection, lease.key, recipe.columns):
                intake.hold(EPOCH)

    def _is_to_be_read_again(self, lease: Lease, recipe: Recipe) -> bool:
        """Whether captures that were counted are to be found and read again, which nothing announces."""
        with reading(self.world.engine) as connection:
            other = captures.read_otherwise(connection, lease.key, recipe.columns)
            return bool(other or captures.unread(connection, lease.key))

    def _hold_unread(self, endpoint: Endpoint, lease: Lease, intake: Intake, now: datetime) -> None:
        """Judge nothing that a capture belongs to which is still to be read again; those that are gone go."""
        with reading(self.world.engine) as connection:
            unread = captures.unread(connection, lease.key)
        if unread and intake.everything is not None and (gone := unread - intake.everything):
            with lease.transaction() as connection:
                captures.let_go(connection, lease.key, gone)
            unread -= gone
        if unread:
            intake.lacks(now - endpoint.lateness)

    def _known(self, lease: Lease, listed: list[ingest.Found]) -> dict[str, str]:
        with reading(self.world.engine) as connection:
            return ingest.known(connection, lease.key, ObjectKind.CAPTURE, listed)

    def _read_otherwise(
        self, lease: Lease, recipe: Recipe, listed: list[ingest.Found]
    ) -> tuple[ingest.Found, ...]:
        with reading(self.world.engine) as connection:
            return ingest.read_otherwise(connection, lease.key, recipe.columns, listed)

    def _ingest_labels(self, endpoint: Endpoint, lease: Lease, intake: Intake, now: datetime) -> int:
        if endpoint.ground_truth is None:
            return 0
        place, kind = self._place(endpoint, endpoint.ground_truth), ObjectKind.GROUND_TRUTH
        listed = self._listed_labels(endpoint, intake, now)
        return ingest.consume_labels(
            place,
            intake.take(kind, place, self._unseen(lease, kind, listed))[0],
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

    def _judge(
        self,
        endpoint: Endpoint,
        lease: Lease,
        known: tuple[Deployment, ...],
        intake: Intake,
        now: datetime,
    ) -> int:
        by_id = {era.id: era for era in known}
        with reading(self.world.engine) as connection:
            due = stored_windows.due(connection, lease.key, now - endpoint.grace)
        served = {one.id: by_id[one.deployment_id].of(one.variant) for one in due}
        # a window without a baseline waits for one, and no other window waits with it
        with_baseline = [one for one in due if served[one.id].baseline_id is not None]
        ripe = intake.ripe(with_baseline)
        for window in ripe:
            era = served[window.id]
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
        return len(ripe)

    def _postprocess(self, endpoint: Endpoint, execution: Execution) -> None:
        """Give an execution's files to the owner's script, once: what fails is told, not tried again."""
        failed: list[str] = []
        with noting(failed):
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

    def _measure(self, endpoint: Endpoint, lease: Lease, intake: Intake, now: datetime) -> int:
        if endpoint.ground_truth is None or intake.labels_wait:  # whose labels wait, only they tell
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
            era = by_id[execution.deployment_id].of(execution.variant)
            return self._baseline(endpoint, era).constraints

        return delivery.send_waiting(
            self.world.engine, lease, self.world.cloudwatch, endpoint, constraints, now
        )
