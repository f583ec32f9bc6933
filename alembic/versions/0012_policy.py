"""What a decision weighed, the policies that decided, and the training data that was seen to come."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("digest", name=op.f("uq_policies_digest")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("variant", sa.String(length=63), nullable=True))
        batch_op.add_column(sa.Column("policy_id", _KEY, nullable=True))
        batch_op.add_column(sa.Column("conditions", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("reference", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("upto_object_id", _KEY, server_default="0", nullable=False))
        batch_op.add_column(sa.Column("deployment_id", _KEY, nullable=True))
        # new data is decided on where no new window was judged
        batch_op.drop_constraint(batch_op.f("uq_decisions_monitor_id_upto_execution_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_decisions_monitor_id_upto_execution_id_upto_object_id"),
            ["monitor_id", "upto_execution_id", "upto_object_id"],
        )
    op.create_table(
        "data_prefixes",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("monitor_id", _KEY, nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grown_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["monitors.id"],
            name=op.f("fk_data_prefixes_monitor_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_prefixes")),
        sa.UniqueConstraint("monitor_id", "uri", name=op.f("uq_data_prefixes_monitor_id_uri")),
    )
    op.create_table(
        "data_objects",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("data_prefix_id", _KEY, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_prefix_id"],
            ["data_prefixes.id"],
            name=op.f("fk_data_objects_data_prefix_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_objects")),
        sa.UniqueConstraint("data_prefix_id", "digest", name=op.f("uq_data_objects_data_prefix_id_digest")),
    )
    with op.batch_alter_table("data_objects", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_data_objects_data_prefix_id_data_objects_waits"), ["data_prefix_id", "waits"]
        )
