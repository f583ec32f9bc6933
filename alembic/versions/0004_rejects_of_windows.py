"""Windows keep how many records they lost; segments their columns; monitors which baseline was seen last.

What an object lost was charged to every window that it gave records: from now on to one, here the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("columns", sa.String(64), server_default="", nullable=False))
    with op.batch_alter_table("windows", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("baseline_seen", sa.String(64), nullable=True))
    op.execute(
        "UPDATE segments SET rejected = (SELECT rejected FROM objects WHERE objects.id = segments.object_id) "
        "WHERE id IN (SELECT MIN(id) FROM segments GROUP BY object_id)"
    )
    op.execute(
        "UPDATE windows SET rejected = (SELECT executions.rejected FROM executions "
        "WHERE executions.window_id = windows.id AND executions.kind = 'DataQuality' AND executions.latest) "
        "WHERE EXISTS (SELECT 1 FROM executions WHERE executions.window_id = windows.id "
        "AND executions.kind = 'DataQuality' AND executions.latest)"
    )
