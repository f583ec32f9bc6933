"""Windows whose segments were let go say so: their merged profile is all there is of them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("windows", schema=None) as batch_op:
        batch_op.add_column(sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "UPDATE windows SET settled = true WHERE profile IS NOT NULL AND records > 0 AND NOT EXISTS ("
        "SELECT 1 FROM segments WHERE segments.monitor_id = windows.monitor_id "
        "AND segments.window_start = windows.start AND segments.variant = windows.variant "
        "AND segments.deployment_id = windows.deployment_id)"
    )
