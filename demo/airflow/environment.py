"""Airflow's own virtual environment: its pins and Kedge's fight. Made once of a lock, and kept."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

USER, PASSWORD = "kedge", "local"  # the latter of Airflow 2, which the tests alone start
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER")


class Generation(IntEnum):
    """Which Airflow; each has a lock beside this module."""

    TWO = 2
    THREE = 3

    @property
    def lock(self) -> Path:
        """Names, versions and hashes of all that it is made of."""
        return Path(__file__).with_name(f"airflow{self.value}.txt")


class EnvironmentFailedError(Exception):
    """Airflow could not be installed or set up, in one sentence and the end of what was said."""


@dataclass(frozen=True, slots=True)
class AirflowEnvironment:
    """An Airflow that is installed, and a database with its tables and, of Airflow 2, its user."""

    generation: Generation
    prefix: Path

    @property
    def program(self) -> str:
        """The path of `airflow`."""
        return str(self.prefix / "bin" / "airflow")

    @property
    def database(self) -> Path:
        """An SQLite file to be copied."""
        return self.prefix / "migrated.db"

    def variables(self, home: Path) -> dict[str, str]:
        """What each of its processes needs in its environment, and nothing of Kedge's own."""
        kept = {name: value for name, value in os.environ.items() if name in _KEPT}
        path = f"{self.prefix / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return kept | {
            "PATH": path,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1,localhost",
        }


def prepared(generation: Generation, tell: Callable[[str], None]) -> AirflowEnvironment:
    """The environment, made of its lock where it is not there yet (a minute) or the lock is another.

    Raises:
        EnvironmentFailedError: where it cannot be made, for want of a network above all.
    """
    place = _place()
    place.mkdir(parents=True, exist_ok=True)
    made = AirflowEnvironment(generation, place / f"airflow{generation.value}")
    ready, lock = place / f"airflow{generation.value}.ready", generation.lock.read_bytes()
    with (place / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two may be in need of it at the same time
        if not (ready.exists() and ready.read_bytes() == lock):
            tell(f"Setting up Airflow {generation.value} in {made.prefix}: once, it takes a minute …")
            ready.unlink(missing_ok=True)
            _install(made)
            _migrate(made)
            ready.write_bytes(lock)
    return made


def _place() -> Path:
    """Beside Kedge's own virtual environment; without one, in the user's cache."""
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix).parent / ".airflow"
    return Path.home() / ".cache" / "kedge" / "airflow"


def _install(made: AirflowEnvironment) -> None:
    python = str(made.prefix / "bin" / "python")
    wanted = ["--no-deps", "--require-hashes", "-r", str(made.generation.lock)]
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    _run([sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if uv else []), str(made.prefix)])
    if uv:
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *wanted])
    else:
        _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])


def _migrate(made: AirflowEnvironment) -> None:
    home = made.prefix / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    variables = made.variables(home)
    _run([made.program, "db", "migrate"], variables)
    if made.generation is Generation.TWO:
        who = ["--username", USER, "--password", PASSWORD, "--role", "Admin", "--email", "kedge@localhost"]
        _run([made.program, "users", "create", *who, "--firstname", "K", "--lastname", "K"], variables)
    shutil.move(home / "airflow.db", made.database)


def _run(command: list[str], variables: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - our own command lines
        command, env=variables, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        end = "\n".join((done.stderr or done.stdout).splitlines()[-5:])
        raise EnvironmentFailedError(f"cannot set up Airflow, {Path(command[0]).name} failed:\n{end}")
