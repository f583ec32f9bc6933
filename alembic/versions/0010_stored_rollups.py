"""Rollups: sums of neighbouring segments that stay, so that one more object is merged without all the others.

A segment gets its place in the order in which a window's segments add up, that of its object's key. Both are
compared byte by byte, whatever language the database speaks. It also gets the name of the share that its
profile is part of, where objects were summed on Spark.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PLACE = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place", _PLACE, server_default="", nullable=False))
        batch_op.add_column(sa.Column("share", sa.String(32), server_default="", nullable=False))
        batch_op.drop_index(
            batch_op.f("ix_segments_monitor_id_segments_window_start_segments_variant_segments_deployment_id")
        )
    op.execute(
        "UPDATE segments SET place = (SELECT substr(objects.key, 1, 480) || '|' || objects.id FROM objects "
        "WHERE objects.id = segments.object_id)"
    )
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_segments_of_a_window"),
            ["monitor_id", "window_start", "variant", "deployment_id", "place"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_segments_monitor_id_segments_columns"), ["monitor_id", "columns"], unique=False
        )
    op.create_table(
        "rollups",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("window_id", _KEY, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("after", _PLACE, nullable=False),
        sa.Column("upto", _PLACE, nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["window_id"], ["windows.id"], name=op.f("fk_rollups_window_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollups")),
        sa.UniqueConstraint("window_id", "level", "after", name=op.f("uq_rollups_window_id_level_after")),
    )
    with op.batch_alter_table("rollups", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_rollups_window_id_rollups_upto"), ["window_id", "upto"], unique=False
        )
