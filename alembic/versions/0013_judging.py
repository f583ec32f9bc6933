"""Names of data sets that tell of a slice: longer than those of the two there were."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("trials", schema=None) as batch_op:
        batch_op.alter_column(
            "dataset",
            existing_type=sa.String(length=16),
            type_=sa.String(length=160),
            existing_nullable=False,
        )
