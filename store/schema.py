"""The tables. A change here wants a migration in alembic/versions; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

from store.columns import Key, Number, Place, Utc, Words
from store.columns import key as _key
from store.columns import of as _of

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


monitors = Table(
    "monitors",
    metadata,
    _key(),
    Column("name", String(63), nullable=False, unique=True),
    Column("config_digest", String(64), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("watched", Boolean, nullable=False),
    Column("problem", Words),
    Column("problem_at", Utc),
    Column("last_inference_at", Utc),
    Column("swept_at", Utc),
    Column("late_objects", Integer, nullable=False, server_default="0"),
    Column("late_key", Words),
    Column("late_labels", Integer, nullable=False, server_default="0"),
    Column("late_label_key", Words),
    Column("swept_digest", String(64)),
    Column("baseline_seen", String(64)),
    Column("lease_owner", String(64)),
    Column("lease_until", Utc),
    Column("report_until", Utc),
    # wall time: when the endpoint is to be looked at next; none is at once
    Column("turn_at", Utc),
    Column("listing_seen", String(64)),
    Column("waiting_objects", Integer, nullable=False, server_default="0"),
    Column("waiting_since", Utc),
    Column("counted_objects", BigInteger, nullable=False, server_default="0"),
    Column("counted_records", BigInteger, nullable=False, server_default="0"),
    # business time: all that was captured between these two, and had come by the latter, is counted
    Column("counted_since", Utc),
    Column("counted_until", Utc),
)

baselines = Table(
    "baselines",
    metadata,
    _key(),
    _of("monitors"),
    Column("version", Integer, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("source", Words, nullable=False),
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
    Column("model_package", Words),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("mixed_until", Utc),
    _of("baselines", nullable=True, cascade=False),
    # JSON: the variants that have another model than the rest, each with its package and its baseline's key
    Column("served", Text),
    UniqueConstraint("monitor_id", "started_at"),
)

objects = Table(
    "objects",
    metadata,
    _key(),
    _of("monitors"),
    Column("kind", String(16), nullable=False),
    Column("bucket", Words, nullable=False),
    Column("key", String(1024), nullable=False),
    Column("etag", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("variant", String(63), nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("consumed_at", Utc, nullable=False),
    UniqueConstraint("monitor_id", "kind", "bucket", "key"),
)
is_unread = objects.c.etag == literal_column("''")
"""Of objects that are to be read again: few, as a rule none."""
Index("ix_objects_unread", objects.c.monitor_id, sqlite_where=is_unread, postgresql_where=is_unread)

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
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("columns", String(64), nullable=False, server_default=""),
    Column("place", Place, nullable=False, server_default=""),
    Column("share", String(32), nullable=False, server_default=""),
    Index("ix_segments_of_a_window", "monitor_id", "window_start", "variant", "deployment_id", "place"),
    Index(None, "object_id"),
    Index(None, "monitor_id", "columns"),
)

rejects = Table(
    "rejects",
    metadata,
    _key(),
    _of("objects"),
    _of("monitors"),
    Column("kind", String(32), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("examples", Words, nullable=False),
    UniqueConstraint("object_id", "kind"),
    Index(None, "monitor_id", "object_id"),
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
    Column("settled", Boolean, nullable=False, server_default=false()),
    Column("profile", LargeBinary),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("monitor_id", "start", "variant", "deployment_id"),
    Index(None, "monitor_id", "dirty", "end"),
    Index(None, "monitor_id", "quality_dirty", "end"),
)

rollups = Table(
    "rollups",
    metadata,
    _key(),
    _of("windows"),
    Column("level", Integer, nullable=False),
    Column("after", Place, nullable=False),
    Column("upto", Place, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("profile", LargeBinary, nullable=False),
    UniqueConstraint("window_id", "level", "after"),
    Index(None, "window_id", "upto"),
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
    Column("message", Words, nullable=False),
    Column("config_digest", String(64), nullable=False),
    Column("latest", Boolean, nullable=False),
    # never was a verdict: superseded ones are not latest either
    Column("beside", Boolean, nullable=False, server_default=false()),
    Column("published_at", Utc),
    Column("metrics_sent", Integer, nullable=False, server_default="0"),
    Column("metrics_sent_at", Utc),
    UniqueConstraint("window_id", "kind", "revision"),
    Index(None, "monitor_id", "kind", "latest", "published_at"),
    Index(None, "monitor_id", "metrics_sent_at"),
    Index(None, "monitor_id", "id"),
)

feature_results = Table(
    "feature_results",
    metadata,
    _key(),
    _of("executions"),
    Column("position", Integer, nullable=False),
    Column("feature", Words, nullable=False),
    Column("data_type", String(16), nullable=False),
    Column("completeness", Number),
    Column("mean", Number),
    Column("std_dev", Number),
    Column("minimum", Number),
    Column("maximum", Number),
    Column("distinct", Number),
    Column("drift", Number),
    Column("threshold", Number),
    Column("outcome", String(20), nullable=False),
    UniqueConstraint("execution_id", "position"),
)

check_results = Table(
    "check_results",
    metadata,
    _key(),
    _of("executions"),
    Column("feature", Words, nullable=False),
    Column("check", String(32), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("value", Number),
    Column("threshold", Number),
    Column("detail", Words, nullable=False),
    Index(None, "execution_id"),
)

metrics = Table(
    "metrics",
    metadata,
    _key(),
    _of("executions"),
    Column("name", String(64), nullable=False),
    Column("value", Number),
    Column("low", Number),
    Column("high", Number),
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
    Column("severity", Number, nullable=False),
    Column("features", Words, nullable=False),
    Column("summary", Words, nullable=False),
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
    Column("reason", Words, nullable=False),
    _of("executions", nullable=True),
    Index(None, "incident_id"),
    Index(None, "execution_id"),
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
    Column("prediction", Number),
    Column("answer", Words),
    Column("probability", Number),
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
    Column("label", Number),
    Column("truth", Words),
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
    Column("uri", Words, nullable=False),
    Column("note", Words, nullable=False),
    Column("scheduled", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("monitor_id", "uri"),
)

policies = Table(
    "policies",
    metadata,
    _key(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("text", Words, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    _key(),
    _of("monitors"),
    Column("at", Utc, nullable=False),
    Column("upto_execution_id", Key, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("words", Words, nullable=False),
    Column("seen", Words, nullable=False),
    Column("incident_id", Key),
    Column("run_id", Key),
    Column("config_digest", String(64), nullable=False),
    Column("variant", String(63)),
    Column("policy_id", Key),
    Column("conditions", Words),
    Column("reference", Words),
    Column("upto_object_id", Key, nullable=False, server_default="0"),
    Column("deployment_id", Key),
    UniqueConstraint("monitor_id", "upto_execution_id", "upto_object_id"),
)

data_prefixes = Table(
    "data_prefixes",
    metadata,
    _key(),
    _of("monitors"),
    Column("uri", Text, nullable=False),
    Column("looked_at", Utc, nullable=False),
    # null until what lay there before anybody looked is known
    Column("known_at", Utc),
    # when a look brought something new, until a later one brought nothing more
    Column("grown_at", Utc),
    UniqueConstraint("monitor_id", "uri"),
)

data_objects = Table(
    "data_objects",
    metadata,
    _key(),
    _of("data_prefixes", name="data_prefix_id"),
    # of the key and the ETag: what a bucket's keys tell of people stays there
    Column("digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("waits", Boolean, nullable=False),
    UniqueConstraint("data_prefix_id", "digest"),
    Index(None, "data_prefix_id", "waits"),
)

runs = Table(
    "runs",
    metadata,
    _key(),
    _of("monitors"),
    Column("name", String(80), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("told", Words, nullable=False),
    Column("incident_id", Key),
    Column("variant", String(63), nullable=False),
    Column("deployment_id", Key, nullable=False),
    Column("requested_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("deadline", Utc, nullable=False),
    Column("change_at", Utc, nullable=False),
    Column("input", Text),
    Column("handle", Text),
    Column("output", Words),
    Column("training_uri", Text),
    Column("judged_start", Utc),
    Column("judged_end", Utc),
    Column("model_package", Text),
    Column("old_endpoint_config", String(128)),
    Column("new_endpoint_config", String(128)),
    _of("baselines", name="new_baseline_id", nullable=True, cascade=False),
    Column("new_deployment_id", Key),
    Column("approval", String(16)),
    Column("helped", String(16)),
    # true while the run is under way, null once it has ended: so an endpoint has one run at a time
    Column("open", Boolean),
    Column("lease_owner", String(64)),
    Column("lease_until", Utc),
    UniqueConstraint("monitor_id", "open"),
)

run_events = Table(
    "run_events",
    metadata,
    _key(),
    _of("runs"),
    Column("at", Utc, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("told", Words, nullable=False),
    Index(None, "run_id"),
)

effects = Table(
    "effects",
    metadata,
    _key(),
    _of("runs"),
    Column("name", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("asked_at", Utc, nullable=False),
    Column("answer", Words),
    Column("answered_at", Utc),
    UniqueConstraint("run_id", "name"),
)

trials = Table(
    "trials",
    metadata,
    _key(),
    _of("runs"),
    Column("dataset", String(160), nullable=False),
    Column("metric", String(32), nullable=False),
    Column("champion", Float, nullable=False),
    Column("challenger", Float, nullable=False),
    Column("difference", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    UniqueConstraint("run_id", "dataset", "metric"),
)
