"""Turns that a fleet's endpoints take, what waits at each, and running totals of what was counted."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("turn_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("listing_seen", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("waiting_objects", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("counted_objects", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("counted_records", sa.BigInteger(), server_default="0", nullable=False))
    mine = "FROM objects WHERE objects.monitor_id = monitors.id AND objects.kind = 'capture'"
    op.execute(
        f"UPDATE monitors SET counted_objects = (SELECT count(*) {mine}), "  # noqa: S608 (no value of anybody's)
        f"counted_records = (SELECT coalesce(sum(objects.records), 0) {mine})"
    )
    unread = sa.text("etag = ''")
    op.create_index(
        "ix_objects_unread", "objects", ["monitor_id"], sqlite_where=unread, postgresql_where=unread
    )
    with op.batch_alter_table("executions", schema=None) as batch_op:
        name = batch_op.f("ix_executions_monitor_id_executions_id")
        batch_op.create_index(name, ["monitor_id", "id"], unique=False)
