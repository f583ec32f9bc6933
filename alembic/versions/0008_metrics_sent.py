"""How many of an execution's metrics CloudWatch has, and since when it has them all."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("metrics_sent", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("metrics_sent_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_executions_monitor_id_executions_metrics_sent_at"),
            ["monitor_id", "metrics_sent_at"],
            unique=False,
        )
