"""`kedge db`: the database's tables."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.failures import CommandError
from commands.options import DEFAULT_CONFIG, ConfigPath, load_config

app = typer.Typer(help="The database's tables.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The database's tables."""


@app.command()
def upgrade(
    config: ConfigPath = DEFAULT_CONFIG,
    database: Annotated[
        str | None, typer.Option(help="The database's URL, in place of the one in kedge.yaml.")
    ] = None,
) -> None:
    """Bring the tables to what this version wants; safe to repeat.

    Example: kedge db upgrade --database sqlite:///kedge.db
    """
    from store import migrate
    from store.engine import open_engine

    engine = open_engine(database or load_config(config).database)
    before = migrate.current(engine)
    if before is not None and before not in migrate.revisions():
        raise CommandError(
            f"the database is at revision {before}, which this version does not know: install the newer Kedge"
        )
    migrate.upgrade(engine)
    after = migrate.current(engine)
    typer.echo(
        f"at revision {after}" if before == after else f"from {before or 'nothing'} to revision {after}"
    )
