"""The tables. A change here wants a migration in alembic/versions; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """Aware UTC times, also in SQLite, which forgets the zone. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the database: make it aware, in UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives an integer key its rowid only for INTEGER; elsewhere these tables want 64 bits.
Key = BigInteger().with_variant(Integer, "sqlite")


def _key() -> Column[int]:
    return Column("id", Key, primary_key=True, autoincrement=True)


def _of(table: str, *, name: str | None = None, nullable: bool = False, cascade: bool = True) -> Column[int]:
    rule = "CASCADE" if cascade else None
    column = name or f"{table.rstrip('s')}_id"
    return Column(column, Key, ForeignKey(f"{table}.id", ondelete=rule), nullable=nullable)


monitors = Table(
    "monitors",
    metadata,
    _key(),
    Column("name", String(63), nullable=False, unique=True),
    Column("config_digest", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("watched", Boolean, nullable=False),
    Column("problem", Text),
    Column("problem_at", Utc),
    Column("last_inference_at", Utc),
    Column("swept_at", Utc),
    Column("lease_owner", String(64)),
    Column("lease_until", Utc),
)

baselines = Table(
    "baselines",
    metadata,
    _key(),
    _of("monitors"),
    Column("version", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_digest", String(64), nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("features", Integer, nullable=False),
    Column("statistics", LargeBinary, nullable=False),
    Column("constraints", LargeBinary, nullable=False),
    UniqueConstraint("monitor_id", "version"),
)

deployments = Table(
    "deployments",
    metadata,
    _key(),
    _of("monitors"),
    Column("endpoint_config", String(128)),
    Column("model_package", Text),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("mixed_until", Utc),
    _of("baselines", nullable=True, cascade=False),
    UniqueConstraint("monitor_id", "started_at"),
)

objects = Table(
    "objects",
    metadata,
    _key(),
    _of("monitors"),
    Column("kind", String(16), nullable=False),
    Column("bucket", String(255), nullable=False),
    Column("key", String(1024), nullable=False),
    Column("etag", String(80), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("variant", String(63), nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("consumed_at", Utc, nullable=False),
    UniqueConstraint("monitor_id", "bucket", "key"),
    Index(None, "monitor_id", "kind", "key"),
)

segments = Table(
    "segments",
    metadata,
    _key(),
    _of("objects"),
    _of("monitors"),
    Column("window_start", Utc, nullable=False),
    Column("window_end", Utc, nullable=False),
    Column("variant", String(63), nullable=False),
    _of("deployments"),
    Column("records", BigInteger, nullable=False),
    Column("first_at", Utc, nullable=False),
    Column("last_at", Utc, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    Index(None, "monitor_id", "window_start", "variant", "deployment_id"),
    Index(None, "object_id"),
)

rejects = Table(
    "rejects",
    metadata,
    _key(),
    _of("objects"),
    Column("kind", String(32), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("examples", Text, nullable=False),
    UniqueConstraint("object_id", "kind"),
)

windows = Table(
    "windows",
    metadata,
    _key(),
    _of("monitors"),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("variant", String(63), nullable=False),
    _of("deployments"),
    Column("records", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("dirty", Boolean, nullable=False),
    Column("quality_dirty", Boolean, nullable=False),
    Column("profile", LargeBinary),
    UniqueConstraint("monitor_id", "start", "variant", "deployment_id"),
    Index(None, "monitor_id", "dirty", "end"),
)

executions = Table(
    "executions",
    metadata,
    _key(),
    _of("monitors"),
    _of("windows"),
    Column("kind", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    _of("baselines", nullable=True, cascade=False),
    Column("distance_mode", String(8), nullable=False),
    Column("judged_at", Utc, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("violations", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("config_digest", String(64), nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("published_at", Utc),
    UniqueConstraint("window_id", "kind", "revision"),
    Index(None, "monitor_id", "kind", "latest"),
)

feature_results = Table(
    "feature_results",
    metadata,
    _key(),
    _of("executions"),
    Column("position", Integer, nullable=False),
    Column("feature", Text, nullable=False),
    Column("data_type", String(16), nullable=False),
    Column("completeness", Float),
    Column("mean", Float),
    Column("std_dev", Float),
    Column("minimum", Float),
    Column("maximum", Float),
    Column("distinct", Float),
    Column("drift", Float),
    Column("threshold", Float),
    Column("outcome", String(20), nullable=False),
    UniqueConstraint("execution_id", "position"),
)

check_results = Table(
    "check_results",
    metadata,
    _key(),
    _of("executions"),
    Column("feature", Text, nullable=False),
    Column("check", String(32), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("value", Float),
    Column("threshold", Float),
    Column("detail", Text, nullable=False),
    Index(None, "execution_id"),
)

metrics = Table(
    "metrics",
    metadata,
    _key(),
    _of("executions"),
    Column("name", String(64), nullable=False),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("execution_id", "name"),
)

incidents = Table(
    "incidents",
    metadata,
    _key(),
    _of("monitors"),
    _of("deployments"),
    Column("variant", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("first_window", Utc, nullable=False),
    Column("last_window", Utc, nullable=False),
    Column("severity", Float, nullable=False),
    Column("features", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("breached_windows", Integer, nullable=False),
    Index(None, "monitor_id", "closed_at"),
)

incident_events = Table(
    "incident_events",
    metadata,
    _key(),
    _of("incidents"),
    Column("at", Utc, nullable=False),
    Column("change", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    _of("executions", nullable=True),
    Index(None, "incident_id"),
)

predictions = Table(
    "predictions",
    metadata,
    _key(),
    _of("objects"),
    _of("monitors"),
    Column("join_hash", String(32), nullable=False),
    Column("row", Integer, nullable=False),
    Column("window_start", Utc, nullable=False),
    Column("variant", String(63), nullable=False),
    Column("deployment_id", Key, nullable=False),
    Column("prediction", Float),
    Index(None, "monitor_id", "join_hash", "row"),
    Index(None, "monitor_id", "window_start"),
    Index(None, "object_id"),
)

labels = Table(
    "labels",
    metadata,
    _key(),
    _of("objects"),
    _of("monitors"),
    Column("join_hash", String(32), nullable=False),
    Column("row", Integer, nullable=False),
    Column("label", Float),
    Index(None, "monitor_id", "join_hash", "row"),
    Index(None, "object_id"),
)

reports = Table(
    "reports",
    metadata,
    _key(),
    _of("monitors"),
    Column("created_at", Utc, nullable=False),
    Column("start", Utc, nullable=False),
    Column("end", Utc, nullable=False),
    Column("uri", Text, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("monitor_id", "uri"),
)
