"""Objects are known by kind and place, keys and ETags may be long, reports know who ordered them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("objects", schema=None) as batch_op:
        batch_op.alter_column(
            "bucket", existing_type=sa.String(255), type_=sa.Text(), existing_nullable=False
        )
        batch_op.alter_column("etag", existing_type=sa.String(80), type_=sa.Text(), existing_nullable=False)
        batch_op.drop_constraint("uq_objects_monitor_id_bucket_key", type_="unique")
        batch_op.create_unique_constraint(
            "uq_objects_monitor_id_kind_bucket_key", ["monitor_id", "kind", "bucket", "key"]
        )
        batch_op.drop_index("ix_objects_monitor_id_objects_kind_objects_key")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scheduled", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("monitors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("report_until", sa.DateTime(timezone=True), nullable=True))
