"""Drift reports that were written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

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
    scheduled: bool = False,
) -> None:
    """List a report; one written again to the same place takes the place of the first."""
    connection.execute(delete(reports).where(reports.c.monitor_id == monitor_id, reports.c.uri == uri))
    connection.execute(
        insert(reports).values(
            monitor_id=monitor_id,
            created_at=now,
            start=start,
            end=end,
            uri=uri,
            note=note,
            scheduled=scheduled,
        )
    )


def last_scheduled_end(connection: Connection, monitor_id: int) -> datetime | None:
    """Up to when the reports reach that the endpoint's schedule wrote, or None before the first."""
    mine = (reports.c.monitor_id == monitor_id, reports.c.scheduled)
    end: datetime | None = connection.execute(select(func.max(reports.c.end)).where(*mine)).scalar_one()
    return end


def listed(connection: Connection, monitor_id: int, limit: int = 50) -> tuple[Report, ...]:
    """The endpoint's reports, newest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(reports.c.monitor_id == monitor_id).order_by(reports.c.id.desc()).limit(limit)
    )
    return tuple(Report(**row) for row in rows.mappings())


def by_id(connection: Connection, report_id: int) -> Report | None:
    """The report with this key."""
    return one(Report, connection.execute(select(*_COLUMNS).where(reports.c.id == report_id)))
