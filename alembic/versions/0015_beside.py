"""Which executions only stood beside a verdict: a replay tells them from verdicts that were superseded."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_EXECUTIONS = sa.table(
    "executions",
    sa.column("window_id", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("revision", sa.Integer),
    sa.column("baseline_id", sa.BigInteger),
    sa.column("latest", sa.Boolean),
    sa.column("published_at", sa.DateTime),
    sa.column("metrics_sent", sa.Integer),
    sa.column("beside", sa.Boolean),
)


def upgrade() -> None:
    with op.batch_alter_table("executions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("beside", sa.Boolean(), server_default=sa.false(), nullable=False))
    every, verdict = _EXECUTIONS, _EXECUTIONS.alias("verdict")
    in_force = (
        verdict.c.window_id == every.c.window_id,
        verdict.c.kind == every.c.kind,
        verdict.c.latest,
    )
    # a verdict supersedes all before it, so what is newer than the one in force stands beside it for certain;
    # of an older one by another baseline it is not known, unless it was told to somebody
    newer = verdict.c.revision < every.c.revision
    other = sa.and_(
        verdict.c.baseline_id.is_distinct_from(every.c.baseline_id),
        every.c.published_at.is_(None),
        every.c.metrics_sent == 0,
    )
    found = sa.exists().where(*in_force, sa.or_(newer, other)).correlate(every)
    op.execute(sa.update(every).where(~every.c.latest, found).values(beside=sa.true()))
