"""A connection to the database: SQLite in WAL mode, or PostgreSQL, with the same transactions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

_MIGRATING = 0x6B65646765  # the advisory lock's number: "kedge"
_LAST_USED = "kedge_last_used"
_PING_AFTER = 2.0
"""Seconds for which a connection that answered is taken to be alive."""
_UNANSWERED = (DatabaseError, InterfaceError, OperationalError, ProgrammingError)


class StoreError(Exception):
    """The database can't be used: one sentence that says why and what to do."""


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…` (psycopg 3).

    Raises StoreError for an address that is none, without ever printing its password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is no number, as after a "/" in the password
        raise StoreError(
            "the database address is no URL: write sqlite:///kedge.db or postgresql://user@host/name "
            "(in a user or password, write @ / : as %40 %2F %3A)"
        ) from None
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(f"the database {parsed.get_backend_name()!r} is not known: use sqlite or postgresql")
    # hide_parameters: what is bound may have been captured, and errors are logged
    engine = create_engine(parsed, connect_args={"timeout": 30}, hide_parameters=True)
    _teach_sqlite_transactions(engine)
    return engine


def _open_postgresql(url: URL) -> Engine:
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": 10}
    try:
        psycopg = url.set(drivername="postgresql+psycopg")
        engine = create_engine(psycopg, connect_args=patience, pool_size=10, hide_parameters=True)
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs the extra: pip install 'kedge[postgres]'") from None
    _ping_what_lay_idle(engine)
    return engine


def _ping_what_lay_idle(engine: Engine) -> None:
    """Ask a pooled connection whether it still lives, unless it did a moment ago: else each use asks."""

    @event.listens_for(engine, "checkin")
    def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_LAST_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(
        connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        last = record.info.get(_LAST_USED)
        if last is None or time.monotonic() - last < _PING_AFTER:
            return
        try:
            alive = engine.dialect.do_ping(connection)
        except Exception:  # whatever it says, it is not alive
            alive = False
        if not alive:
            raise DisconnectionError


def _teach_sqlite_transactions(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver opens transactions late and only for writes; Kedge says itself when one begins.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        # SQLite changes a table by making it anew and dropping the old one, which would cascade.
        connection.exec_driver_sql(f"PRAGMA foreign_keys={'OFF' if options.get('kedge_rebuilds') else 'ON'}")
        # A transaction that will write takes the lock at once: upgrading a read lock can't wait its turn.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("kedge_writes") else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: committed at the end, rolled back on any error."""
    with _transaction(engine, kedge_writes=True) as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees one state of the database."""
    one_state: dict[str, str | bool] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _transaction(engine, **(one_state if _is_postgresql(engine) else {})) as connection:
        yield connection


def ping(engine: Engine) -> None:
    """Raise StoreError where the database does not answer at all."""
    with reading(engine) as connection:
        connection.execute(select(1))


@contextmanager
def rebuilding(engine: Engine) -> Iterator[Connection]:
    """One transaction that changes tables, of which there is one at a time."""
    with _transaction(engine, kedge_writes=True, kedge_rebuilds=True) as connection:
        if _is_postgresql(engine):
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        yield connection


def _is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


@contextmanager
def _transaction(engine: Engine, **options: str | bool) -> Iterator[Connection]:
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        if type(error) not in _UNANSWERED:
            raise  # a mistake of ours: a row that the tables refuse
        # The query goes too: a password can stand in it.
        where = engine.url.set(query={}).render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
        raise StoreError(
            f"the database {where} did not answer ({reason}): check its address, or run "
            "'kedge db upgrade' if its tables are missing"
        ) from error
