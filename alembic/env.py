"""Alembic's entry: the connection comes from store.migrate, or from `-x url=…` when a revision is written."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from store.columns import Number, Utc, Words
from store.engine import open_engine, rebuilding
from store.schema import metadata

_PLAIN = {Utc: "sa.DateTime(timezone=True)", Words: "sa.Text()", Number: "sa.Float()"}


def render_item(kind: str, item: Any, _context: Any) -> str | bool:  # noqa: ANN401 (Alembic's own signature)
    """Migrations stand alone: they name no type of the schema, which moves on."""
    return _PLAIN.get(type(item), False) if kind == "type" else False


def migrate(connection: Connection) -> None:
    """Run the migrations on this connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with rebuilding(open_engine(context.get_x_argument(as_dictionary=True)["url"])) as opened:
        migrate(opened)
