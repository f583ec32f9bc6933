"""Over which time all that was captured is counted: what came too little is told by that alone."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("counted_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("counted_until", sa.DateTime(timezone=True), nullable=True))
