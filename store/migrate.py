"""Bringing a database to today's tables, with Alembic."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from store.engine import StoreError, reading, rebuilding


def alembic_ini() -> Path:
    """alembic.ini beside the packages in a checkout, or where the wheel put it."""
    places = (Path(__file__).resolve().parent.parent, Path(sys.prefix) / "share" / "kedge")
    for place in places:
        if (place / "alembic.ini").exists():
            return place / "alembic.ini"
    raise StoreError(f"alembic.ini is at neither {places[0]} nor {places[1]}: install Kedge again")


def _config() -> Config:
    config = Config(str(alembic_ini()))
    config.set_main_option("script_location", str(alembic_ini().parent / "alembic"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations up to `revision`, all of them in one transaction; replicas wait for each other."""
    config = _config()
    with rebuilding(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revisions() -> tuple[str, ...]:
    """Every revision there is, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return tuple(reversed([script.revision for script in scripts.walk_revisions()]))


def current(engine: Engine) -> str | None:
    """The revision the database is at, or None where no migration ever ran."""
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(engine: Engine) -> None:
    """Raise StoreError unless the tables are today's."""
    found, wanted = current(engine), revisions()[-1]
    if found != wanted:
        state = f"is at revision {found}" if found else "has no tables yet"
        raise StoreError(f"the database {state}, this version wants {wanted}: run 'kedge db upgrade'")
