"""A real PostgreSQL server on loopback, for the length of a test session."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import URL, create_engine

from store.engine import open_engine
from store.migrate import upgrade

_NUMBERS = count(1)
_TEMPLATE = "migrated"


class NoPostgresError(Exception):
    """PostgreSQL can't run here: why, in one sentence."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `url(name)` addresses one of its databases."""

    port: int
    password: str

    def url(self, database: str) -> str:
        """Where a database is, with the password in it."""
        return self._address(database).render_as_string(hide_password=False)

    def _address(self, database: str) -> URL:
        return URL.create(
            "postgresql+psycopg", "postgres", self.password, "127.0.0.1", self.port, database=database
        )

    def empty_database(self, template: str = "template0") -> str:
        """Make a database and give its address; without `template` it has no tables."""
        name = f"test_{next(_NUMBERS)}"
        self._say(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def migrated_database(self) -> str:
        """Make a database with today's tables and no rows, and give its address."""
        return self.empty_database(_TEMPLATE)

    def make_template(self) -> None:
        """Migrate once; every database after it is a copy."""
        self._say(f'CREATE DATABASE "{_TEMPLATE}"')
        engine = open_engine(self.url(_TEMPLATE))
        upgrade(engine)
        engine.dispose()

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._say(f'DROP DATABASE IF EXISTS "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def _say(self, statement: str) -> None:
        engine = create_engine(self._address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server with a data folder of its own, and take both away at the end.

    The folder lies in the system's place for temporary files and not in pytest's: pytest keeps its folders
    to the user who runs the tests, and the server refuses to run as root.
    """
    programs, user = _programs(), _user()
    folder = Path(mkdtemp(prefix="kedge-postgres-"))
    try:
        if user is not None:
            shutil.chown(folder, user["user"], user["group"])
        with _started(programs, folder, user or {}) as server:
            server.make_template()
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(programs: Path, folder: Path, user: dict[str, Any]) -> Iterator[PostgresServer]:
    def run(*command: str | Path) -> None:
        # Files, not pipes: the server inherits them, and a pipe would never end.
        with (folder.parent / f"{folder.name}.out").open("w+") as out:
            done = subprocess.run(command, cwd=folder, stdout=out, stderr=out, check=False, **user)
            out.seek(0)
            said = out.read()
        (folder.parent / f"{folder.name}.out").unlink()
        if done.returncode:
            raise NoPostgresError(f"{Path(command[0]).name} failed: {said.strip()}")

    data, port, password = folder / "data", _free_port(), secrets.token_urlsafe(16)
    secret = folder / "password"
    secret.write_text(password)
    if user:
        shutil.chown(secret, user["user"])
    run(
        programs / "initdb", "--pgdata", data, "--username=postgres", "--encoding=UTF8", "--locale=C",
        "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
    )  # fmt: skip
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off "
        "-c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c timezone=Asia/Kolkata"
    )
    control = programs / "pg_ctl"
    run(control, "start", "-w", "--pgdata", data, "--log", folder / "log", "-o", options)
    try:
        yield PostgresServer(port, password)
    finally:
        run(control, "stop", "--mode=immediate", "--pgdata", data)


def _programs() -> Path:
    newest_first = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name), reverse=True
    )
    on_path = shutil.which("initdb")
    for place in [*newest_first, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    raise NoPostgresError("no server programs: install PostgreSQL (Debian: apt-get install postgresql)")


def _user() -> dict[str, Any] | None:
    """As whom to run: the server refuses root, so root lends it to the user postgres."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgresError("PostgreSQL does not run as root, and there is no user postgres") from None
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
