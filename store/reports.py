"""Drift reports that were written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from store.records import Report
from store.rows import one
from store.schema import reports

_COLUMNS = [reports.c[name] for name in Report.__slots__]


def add(
    connection: Connection,
    monitor_id: int,
    *,
    start: datetime,
    end: datetime,
    uri: str,
    note: str,
    now: datetime,
) -> None:
    """List a report; one written again to the same place takes the place of the first."""
    connection.execute(delete(reports).where(reports.c.monitor_id == monitor_id, reports.c.uri == uri))
    connection.execute(
        insert(reports).values(
            monitor_id=monitor_id, created_at=now, start=start, end=end, uri=uri, note=note
        )
    )


def listed(connection: Connection, monitor_id: int, limit: int = 50) -> tuple[Report, ...]:
    """The endpoint's reports, newest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(reports.c.monitor_id == monitor_id).order_by(reports.c.id.desc()).limit(limit)
    )
    return tuple(Report(**row) for row in rows.mappings())


def by_id(connection: Connection, report_id: int) -> Report | None:
    """The report with this key."""
    return one(Report, connection.execute(select(*_COLUMNS).where(reports.c.id == report_id)))
