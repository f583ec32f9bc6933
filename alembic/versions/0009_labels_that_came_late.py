"""Labels that came too late, apart from captures, and the entry by which both were looked for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("late_labels", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("late_label_key", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("swept_digest", sa.String(length=64), nullable=True))
