"""Scheduled drift reports: written when their cron expression fires, into a folder or S3, and listed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Engine

from config.model import Endpoint, Report
from monitor.report_schedule import due
from objects import Place
from store import monitors, reports
from store.engine import reading, writing
from store.records import Monitor
from store.records import Report as WrittenReport

log = structlog.get_logger(__name__)


def write_due(
    engine: Engine, endpoint: Endpoint, open_folder: Callable[[str], Place], now: datetime
) -> str | None:
    """Write the endpoint's report if one is due; its address, or None.

    Two replicas that do so at once write the same file to the same place. Raises PlaceError and ReportError.
    """
    if endpoint.report is None:
        return None
    with reading(engine) as connection:
        monitor = monitors.by_name(connection, endpoint.name)
        if monitor is None:
            return None
        written = reports.listed(connection, monitor.id)
    period = due(endpoint.report.cron, _covered(endpoint.report, monitor, written), now)
    if period is None:
        return None
    # plotly takes a second to import, and most ticks have no report to write
    from monitor.reports.document import write_report

    start, end = period
    document = write_report(engine=engine, endpoint=endpoint, start=start, end=end, now=now)
    folder = open_folder(endpoint.report.to)
    name = f"{endpoint.name}/drift-{end:%Y%m%dT%H%M}Z.html"
    folder.objects.write(folder.key(name), document.html.encode(), "text/html; charset=utf-8")
    uri = f"{endpoint.report.to.rstrip('/')}/{name}"
    with writing(engine) as connection:
        reports.add(connection, monitor.id, start=start, end=end, uri=uri, note=document.note, now=now)
    log.info("report_written", endpoint=endpoint.name, uri=uri)
    return uri


def _covered(report: Report, monitor: Monitor, written: tuple[WrittenReport, ...]) -> datetime:
    """Up to where the schedule's own reports reach; those written by hand don't count."""
    ends = [each.end for each in written if each.uri.startswith(report.to)]
    return max(ends, default=monitor.created_at)
