"""Objects that came too late, rejects that know their monitor, and an index for each tick's questions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("late_objects", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("late_key", sa.Text(), nullable=True))

    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_executions_monitor_id_executions_kind_executions_latest"))
        batch_op.create_index(
            batch_op.f("ix_executions_monitor_id_executions_kind_executions_latest_executions_published_at"),
            ["monitor_id", "kind", "latest", "published_at"],
            unique=False,
        )

    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("rejects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("monitor_id", key, nullable=True))
    op.execute("UPDATE rejects SET monitor_id = (SELECT monitor_id FROM objects WHERE id = object_id)")
    with op.batch_alter_table("rejects", schema=None) as batch_op:
        batch_op.alter_column("monitor_id", existing_type=key, nullable=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_rejects_monitor_id"), "monitors", ["monitor_id"], ["id"], ondelete="CASCADE"
        )
        batch_op.create_index(
            batch_op.f("ix_rejects_monitor_id_rejects_object_id"), ["monitor_id", "object_id"], unique=False
        )

    with op.batch_alter_table("incident_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incident_events_execution_id"), ["execution_id"], unique=False)

    with op.batch_alter_table("windows", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_windows_monitor_id_windows_quality_dirty_windows_end"),
            ["monitor_id", "quality_dirty", "end"],
            unique=False,
        )
