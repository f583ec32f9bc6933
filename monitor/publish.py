"""The result tree: what an execution found, in Model Monitor's files, for those who read it there."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from baselines import constraints as constraints_file
from baselines import statistics as statistics_file
from baselines.folder import CONSTRAINTS, STATISTICS
from baselines.profile import codec
from config.model import Endpoint
from monitor import measuring
from monitor.capture.layout import result_prefix
from monitor.violations import VIOLATIONS, write
from objects import Place
from store import executions, windows
from store.records import Execution, ExecutionKind, Outcome

_HOUR = timedelta(hours=1)


def schedule_name(
    variant: str, kind: ExecutionKind = ExecutionKind.DATA_QUALITY, endpoint: Endpoint | None = None
) -> str:
    """The name that stands where Model Monitor has its schedule's: each variant has a tree of its own.

    As there, a model's quality is another schedule's than its data's. An entry's own name stands alone where
    the entry can have one variant only.
    """
    of_data = kind is ExecutionKind.DATA_QUALITY
    own = None
    if endpoint is not None:
        own = endpoint.results_schedule if of_data else endpoint.quality_schedule
    if own is None or endpoint is None:
        return f"kedge-{variant}" if of_data else f"model-quality-{variant}"
    return own if endpoint.batch or endpoint.variant is not None else f"{own}-{variant}"


def files(connection: Connection, execution: Execution, endpoint: Endpoint | None = None) -> dict[str, str]:
    """The three files of an execution, by name; those of a model's quality want its entry."""
    if execution.kind is ExecutionKind.MODEL_QUALITY and endpoint is not None:
        return measuring.files(connection, execution, endpoint)
    violated = [row for row in executions.checks(connection, execution.id) if row.outcome is Outcome.VIOLATED]
    found = {VIOLATIONS: write(violated)}
    encoded = windows.profile(connection, execution.window_id)
    if encoded is not None:
        profile = codec.decode(encoded)
        found[STATISTICS] = statistics_file.write(profile)
        found[CONSTRAINTS] = constraints_file.write(constraints_file.suggest(profile))
    return found


def folder(
    place: Place, endpoint: str, execution: Execution, era_ended: datetime | None, schedule: str | None = None
) -> str:
    """Where an execution's files go: the hour its window ends at, and the minute where hours don't do.

    A part of a window that an era's end cut short goes to that moment, to the second: the part that the
    next era judges has the window's own folder.
    """
    cut = era_ended is not None and era_ended < execution.end
    end = era_ended if cut and era_ended is not None else execution.end
    name = schedule or schedule_name(execution.variant, execution.kind)
    path = result_prefix(place.prefix, endpoint, name, end)
    if cut:
        return f"{path}{end:%M-%S}/"
    whole_hours = (execution.end - execution.start) % _HOUR == timedelta(0)
    return path if whole_hours else f"{path}{execution.end:%M}/"


def publish(
    place: Place,
    endpoint: str,
    execution: Execution,
    era_ended: datetime | None,
    written: dict[str, str],
    schedule: str | None = None,
) -> None:
    """Write the files; doing it again writes the same. The violations go last: readers wait for them."""
    base = folder(place, endpoint, execution, era_ended, schedule)
    for name in sorted(written, key=lambda name: name == VIOLATIONS):
        place.objects.write(base + name, written[name].encode(), "application/json")
