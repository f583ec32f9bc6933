"""Following a Model Monitor schedule that still runs: its files become executions of the endpoint.

What it wrote lies at `<schedule_results>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`. Its executions stand beside
Kedge's own as those of a variant that has the schedule's name, so that pages, incidents and conditions take
them like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from baselines import statistics as statistics_file
from baselines.folder import STATISTICS
from baselines.profile import codec
from baselines.profile.column import ColumnProfile
from baselines.profile.profile import Profile
from baselines.statistics import StatisticsError
from config.distance import Distance
from config.model import Endpoint
from config.schedules import FailedExecution
from monitor import executions, violations
from monitor.capture import layout, rejects
from monitor.digest import reject_counts
from monitor.explained import explained
from monitor.ingest import Found
from monitor.judge import summary
from monitor.violations import VIOLATIONS, ViolationsError
from monitor.windows import window_start
from objects import Place, PlaceError, PlaceProblem
from store import captures, metrics_outbox, windows
from store import executions as stored
from store.records import (
    CheckRow,
    ConsumedObject,
    Deployment,
    Execution,
    ExecutionKind,
    ExecutionStatus,
    FeatureResult,
    NewExecution,
    ObjectKind,
    Outcome,
    Window,
)

MISNAMED = "constraints_violations.json"
"""So AWS's documentation calls the violations in places."""
_READ = (STATISTICS, VIOLATIONS, MISNAMED)


@dataclass(frozen=True, slots=True)
class Hour:
    """The files that one execution of the schedule left, by their names, and the hour of their folder."""

    hour: datetime
    files: Mapping[str, Found]


@dataclass(frozen=True, slots=True)
class Told:
    """What the files of an hour say; `wrong` says of a file why it could not be read."""

    profile: Profile | None
    checks: tuple[CheckRow, ...]
    etags: Mapping[str, str]
    wrong: Mapping[str, str]


def list_hours(place: Place, endpoint: str, schedule: str, since: datetime) -> Iterator[Hour]:
    """Every hour from `since` on in which the schedule left a file that is read, oldest first."""
    hours: dict[datetime, dict[str, Found]] = {}
    after = layout.start_after(place.prefix, endpoint, schedule, since)
    for ref in place.objects.list(place.key(f"{endpoint}/{schedule}/"), after):
        parsed, name = layout.parse_key(ref.key, place.prefix), ref.key.rpartition("/")[2]
        if parsed is not None and name in _READ:
            hours.setdefault(parsed.hour, {})[name] = Found(ref, schedule)
    for hour in sorted(hours):
        yield Hour(hour, hours[hour])


def read(place: Place, hour: Hour) -> Told:
    """Read an hour's files; raises PlaceError where the place does not answer."""
    texts: dict[str, str] = {}
    etags: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, found in hour.files.items():
        try:
            data, etags[name] = place.objects.read_with_etag(found.ref.key)
            texts[name] = data.decode("utf-8-sig")
        except PlaceError as error:
            if error.kind is not PlaceProblem.NO_KEY:
                raise
        except UnicodeDecodeError:
            wrong[name] = "the file is not UTF-8 text"
    profile: Profile | None = None
    checks: tuple[CheckRow, ...] = ()
    for name, text in texts.items():
        try:
            if name == STATISTICS:
                profile = statistics_file.read(text, name)
            else:
                checks += violations.read(text, name)
        except (StatisticsError, ViolationsError) as error:
            wrong[name] = str(error)
    return Told(profile, checks, etags, wrong)


def record(
    connection: Connection,
    monitor_id: int,
    endpoint: Endpoint,
    eras: Sequence[Deployment],
    hour: Hour,
    told: Told,
    now: datetime,
) -> Execution | None:
    """Note the files as read, and store what they say as the next revision of their window.

    A file that can't be read is a reject, and there is no execution then: nobody could say that nothing was
    violated. Without a file of violations there were none; without statistics there is nothing to say yet.
    """
    for name, etag in told.etags.items():
        found = hour.files[name]
        why = told.wrong.get(name)
        bad = rejects.NONE if why is None else rejects.one(rejects.RejectKind.NOT_JSON, why)
        captures.replace(
            connection,
            monitor_id,
            ConsumedObject(
                ObjectKind.SCHEDULE,
                found.ref.bucket,
                found.name,
                etag,
                found.ref.size,
                variant_of(endpoint),
                0,
                bad.lost,
            ),
            rejects_given=reject_counts(bad),
            now=now,
        )
    if told.wrong or told.profile is None:
        return None
    new = _new(endpoint, told.profile, told.checks)
    window = _window(connection, monitor_id, endpoint, eras, hour.hour)
    windows.compact(connection, window.id, codec.encode(told.profile), told.profile.rows)
    ended = any(era.id == window.deployment_id and era.ended_at is not None for era in eras)
    return _done(connection, executions.settle(connection, window, new, ended, now, compared=False), now)


def record_failure(
    connection: Connection,
    monitor_id: int,
    endpoint: Endpoint,
    eras: Sequence[Deployment],
    failed: FailedExecution,
    now: datetime,
) -> Execution | None:
    """Store an execution that failed, unless its window has one already; the reason is explained."""
    end = window_start(failed.scheduled, endpoint.window)
    window = _window(connection, monitor_id, endpoint, eras, end)
    if stored.latest_of(connection, window.id, ExecutionKind.DATA_QUALITY) is not None:
        return None
    new = NewExecution(
        kind=ExecutionKind.DATA_QUALITY,
        status=ExecutionStatus.FAILED,
        baseline_id=None,
        distance_mode=Distance.COMPAT,
        records=0,
        rejected=0,
        message=f"Failed: {explained(failed.reason)}",
        config_digest=endpoint.digest,
    )
    # what failed says nothing of the data: no incident begins or ends by it
    return _done(connection, stored.record(connection, window, new, now), now)


def _done(connection: Connection, execution: Execution, now: datetime) -> Execution:
    # the schedule wrote its files and sent its metrics by itself
    stored.published(connection, execution.id, now)
    metrics_outbox.finish(connection, execution.id, now)
    windows.quality_measured(connection, execution.window_id)
    return execution


def _window(
    connection: Connection, monitor_id: int, endpoint: Endpoint, eras: Sequence[Deployment], end: datetime
) -> Window:
    """The window that ends with the hour of the folder, in the era in which it began."""
    start, variant = end - endpoint.window, variant_of(endpoint)
    era = next((each for each in reversed(eras) if each.started_at <= start), eras[0])
    windows.touch(connection, monitor_id, [(start, end, variant, era.id)])
    listed = windows.between(connection, monitor_id, start, end)
    return next(
        each
        for each in listed
        if (each.start, each.end, each.variant, each.deployment_id) == (start, end, variant, era.id)
    )


def variant_of(endpoint: Endpoint) -> str:
    """The variant that stands for the schedule."""
    return f"{windows.FOLLOWED}{endpoint.schedule}"[:63]


def _new(endpoint: Endpoint, profile: Profile, checks: tuple[CheckRow, ...]) -> NewExecution:
    violated = len(checks)
    return NewExecution(
        kind=ExecutionKind.DATA_QUALITY,
        status=ExecutionStatus.COMPLETED_WITH_VIOLATIONS if violated else ExecutionStatus.COMPLETED,
        baseline_id=None,
        distance_mode=Distance.COMPAT,
        records=profile.rows,
        rejected=0,
        message=violations.completion_message(violated),
        config_digest=endpoint.digest,
        features=tuple(_feature(name, column, checks) for name, column in profile.columns.items()),
        checks=checks,
    )


def _feature(name: str, column: ColumnProfile, checks: Iterable[CheckRow]) -> FeatureResult:
    mine = [check for check in checks if check.feature == name]
    return summary(name, column, mine, Outcome.VIOLATED if mine else Outcome.OK)
