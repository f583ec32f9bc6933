"""Scheduled drift reports: written when their cron expression fires, into a folder or S3, and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from config.model import Endpoint, Report
from monitor.report_schedule import due
from objects import Place
from store import monitors, reports
from store.engine import reading, writing
from store.records import Monitor

log = structlog.get_logger(__name__)

CLAIM = timedelta(minutes=15)
"""How long a report may take before another replica takes it that its writer died (wall time)."""


def write_due(
    engine: Engine, endpoint: Endpoint, open_folder: Callable[[str], Place], now: datetime
) -> str | None:
    """Write the endpoint's report if one is due and nobody else is at it; its address, or None.

    Raises PlaceError and ReportError.
    """
    if endpoint.report is None:
        return None
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint.name)
    if monitor is None or _period(engine, endpoint.report, monitor, now) is None:
        return None
    with _claimed(engine, monitor.id) as claimed:
        # another replica may have written it between the look and the claim
        period = _period(engine, endpoint.report, monitor, now) if claimed else None
        if period is None:
            return None
        return _write(engine, endpoint, endpoint.report, open_folder, monitor.id, period, now)


def _period(
    engine: Engine, report: Report, monitor: Monitor, now: datetime
) -> tuple[datetime, datetime] | None:
    """The period of the report that is due; those written by hand don't count."""
    with reading(engine) as connection:
        covered = reports.last_scheduled_end(connection, monitor.id)
    return due(report.cron, covered or monitor.created_at, now)


@contextmanager
def _claimed(engine: Engine, monitor_id: int) -> Iterator[bool]:
    wall = datetime.now(UTC)
    with writing(engine) as connection:
        claimed = monitors.claim_report(connection, monitor_id, wall, wall + CLAIM)
    try:
        yield claimed
    finally:
        if claimed:
            with writing(engine) as connection:
                monitors.release_report(connection, monitor_id)


def _write(
    engine: Engine,
    endpoint: Endpoint,
    report: Report,
    open_folder: Callable[[str], Place],
    monitor_id: int,
    period: tuple[datetime, datetime],
    now: datetime,
) -> str:
    # plotly takes a second to import, and most ticks have no report to write
    from monitor.reports.document import write_report

    start, end = period
    document = write_report(engine=engine, endpoint=endpoint, start=start, end=end, now=now)
    folder = open_folder(report.to)
    name = f"{endpoint.name}/drift-{end:%Y%m%dT%H%M}Z.html"
    folder.objects.write(folder.key(name), document.html.encode(), "text/html; charset=utf-8")
    uri = f"{report.to.rstrip('/')}/{name}"
    with writing(engine) as connection:
        reports.add(
            connection, monitor_id, start=start, end=end, uri=uri, note=document.note, now=now, scheduled=True
        )
    log.info("report_written", endpoint=endpoint.name, uri=uri)
    return uri
