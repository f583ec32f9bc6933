"""A connection to the database: SQLite in WAL mode, or PostgreSQL, with the same transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError


class StoreError(Exception):
    """The database can't be used: one sentence that says why and what to do."""


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…` (psycopg 3).

    Raises StoreError for an address that is none, without ever printing its password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(
            "the database address is no URL: write sqlite:///kedge.db or postgresql://user@host/name"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        try:
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        except ModuleNotFoundError:
            raise StoreError("PostgreSQL needs the extra: pip install 'kedge[postgres]'") from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(f"the database {parsed.get_backend_name()!r} is not known: use sqlite or postgresql")
    engine = create_engine(parsed, connect_args={"timeout": 30})
    _teach_sqlite_transactions(engine)
    return engine


def _teach_sqlite_transactions(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver opens transactions late and only for writes; Kedge says itself when one begins.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write takes the lock at once: upgrading a read lock can't wait its turn.
        writes = connection.get_execution_options().get("kedge_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any error."""
    with (
        _told(engine),
        engine.connect().execution_options(kedge_writes=True) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees one state of the database."""
    with _told(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        where = engine.url.render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        raise StoreError(
            f"the database {where} did not answer ({reason}): check its address, or run "
            "'kedge db upgrade' if its tables are missing"
        ) from error
