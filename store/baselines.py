"""Baselines: versions of an endpoint's statistics.json and constraints.json, never overwritten."""

from __future__ import annotations

import gzip
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, func, insert, select, update

from store.records import Baseline
from store.rows import one
from store.schema import baselines, monitors

_COLUMNS = [baselines.c[name] for name in Baseline.__slots__]


@lru_cache(maxsize=8)
def _packed(text: str) -> bytes:
    """A fleet's endpoints share baselines, which come one after the other when they are first seen."""
    return gzip.compress(text.encode(), mtime=0)  # mtime 0: the same text gives the same bytes


def add(
    connection: Connection,
    monitor_id: int,
    *,
    statistics: str,
    constraints: str,
    source: str,
    source_digest: str,
    records: int,
    features: int,
    now: datetime,
) -> Baseline:
    """Store a new version, numbered from 1 on; two that come at once take numbers in turn."""
    connection.execute(select(monitors.c.id).where(monitors.c.id == monitor_id).with_for_update())
    last = select(func.coalesce(func.max(baselines.c.version), 0)).where(baselines.c.monitor_id == monitor_id)
    version = connection.execute(last).scalar_one() + 1
    connection.execute(
        insert(baselines).values(
            monitor_id=monitor_id,
            version=version,
            created_at=now,
            source=source,
            source_digest=source_digest,
            records=records,
            features=features,
            statistics=_packed(statistics),
            constraints=_packed(constraints),
        )
    )
    added = by_version(connection, monitor_id, version)
    assert added is not None  # noqa: S101 (written above, in this transaction)
    return added


def seen(connection: Connection, monitor_id: int, source_digest: str) -> str | None:
    """Remember which files the endpoint's folder holds; returns those of before, None where nobody knows."""
    mine = monitors.c.id == monitor_id
    before: str | None = connection.execute(select(monitors.c.baseline_seen).where(mine)).scalar_one()
    if before != source_digest:
        connection.execute(update(monitors).where(mine).values(baseline_seen=source_digest))
    return before


def versions(connection: Connection, monitor_id: int) -> tuple[Baseline, ...]:
    """All versions, newest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(baselines.c.monitor_id == monitor_id).order_by(baselines.c.version.desc())
    )
    return tuple(Baseline(**row) for row in rows.mappings())


def by_version(connection: Connection, monitor_id: int, version: int) -> Baseline | None:
    """One version."""
    return one(
        Baseline,
        connection.execute(
            select(*_COLUMNS).where(baselines.c.monitor_id == monitor_id, baselines.c.version == version)
        ),
    )


def by_id(connection: Connection, baseline_id: int) -> Baseline | None:
    """The version with this key."""
    return one(Baseline, connection.execute(select(*_COLUMNS).where(baselines.c.id == baseline_id)))


def with_digest(connection: Connection, baseline_id: int) -> tuple[Baseline, str]:
    """The version with this key, and the digest of the files it was made of."""
    row = connection.execute(
        select(*_COLUMNS, baselines.c.source_digest).where(baselines.c.id == baseline_id)
    ).one()
    return Baseline(**{name: row._mapping[name] for name in Baseline.__slots__}), row.source_digest


def by_digest(connection: Connection, monitor_id: int, source_digest: str) -> Baseline | None:
    """The newest version made of files with this digest: the same files are not imported twice."""
    return one(
        Baseline,
        connection.execute(
            select(*_COLUMNS)
            .where(baselines.c.monitor_id == monitor_id, baselines.c.source_digest == source_digest)
            .order_by(baselines.c.version.desc())
            .limit(1)
        ),
    )


def constraints_text(connection: Connection, baseline_id: int) -> str:
    """The text of constraints.json alone; that of statistics.json is far longer."""
    kept = select(baselines.c.constraints).where(baselines.c.id == baseline_id)
    return gzip.decompress(connection.execute(kept).scalar_one()).decode()


def texts(connection: Connection, baseline_id: int) -> tuple[str, str]:
    """The texts of statistics.json and constraints.json."""
    row = connection.execute(
        select(baselines.c.statistics, baselines.c.constraints).where(baselines.c.id == baseline_id)
    ).one()
    return gzip.decompress(row.statistics).decode(), gzip.decompress(row.constraints).decode()
