"""Airflow's processes on loopback: what answers, what schedules and runs tasks, and what reads the DAGs."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.airflow.environment import PASSWORD, USER, AirflowEnvironment, Generation
from demo.served import ServiceFailedError, free_port

START_SECONDS = 180.0
STOP_SECONDS = 5.0
_PARTS = {
    Generation.TWO: (("webserver",), ("scheduler", "--skip-serve-logs")),
    Generation.THREE: (("api-server",), ("scheduler", "--skip-serve-logs"), ("dag-processor",)),
}


class AirflowServer:
    """A context manager: entering starts it and waits until it answers, leaving ends it.

    Its home holds the DAGs (`dags/`), the database and a log of each part.
    """

    def __init__(
        self,
        installed: AirflowEnvironment,
        home: Path,
        environment: Mapping[str, str],
        token_seconds: int = 3600,
    ) -> None:
        """Take a folder for its home, what its tasks find in their environment, how long a token is good."""
        self.home = home
        self.generation = installed.generation
        self._installed = installed
        self._port = free_port()
        # Airflow 2 keeps its users in the database, which was made once
        self._password = PASSWORD if installed.generation is Generation.TWO else secrets.token_urlsafe(16)
        self.environment = installed.variables(home) | self._settings(token_seconds) | dict(environment)
        self._processes: list[subprocess.Popen[bytes]] = []
        (home / "dags").mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)  # its password is in there
        shutil.copy(installed.database, home / "airflow.db")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def program(self) -> str:
        """The path of `airflow`; it wants `environment`."""
        return self._installed.program

    def credentials(self) -> dict[str, str]:
        """What Kedge needs in its environment to be let in."""
        return {"KEDGE_AIRFLOW_USER": USER, "KEDGE_AIRFLOW_PASSWORD": self._password}

    def _settings(self, token_seconds: int) -> dict[str, str]:
        secret = secrets.token_hex(32)
        core = {
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # what was under way when all of it was killed is taken up in a minute, not in five
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        }
        if self.generation is Generation.TWO:
            return core | {
                # it doubts that SQLite bears more than one task at a time; these few it does
                "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
                "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth",
                "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
                "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
                "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self._port),
                "AIRFLOW__WEBSERVER__WORKERS": "1",
                "AIRFLOW__WEBSERVER__SECRET_KEY": secret,
            }
        passwords = self.home / "passwords.json"
        passwords.parent.mkdir(parents=True, exist_ok=True)
        passwords.write_text(json.dumps({USER: self._password}))
        return core | {
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secret,
            "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME": str(token_seconds),
            "AIRFLOW__API_AUTH__JWT_LEEWAY": "0",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, also again after `kill` or `stop`, and wait until it answers."""
        first, *others = _PARTS[self.generation]
        try:
            self._begin(first)
            self._wait_for_answer(first[0])
            # not before: a task that finds nobody to report to has failed
            for part in others:
                self._begin(part)
        except BaseException:
            self.stop()
            raise

    def _begin(self, part: tuple[str, ...]) -> None:
        with (self.home / f"{part[0]}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(  # noqa: S603 - our own command line
                    [self.program, *part],
                    env=self.environment,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _wait_for_answer(self, part: str) -> None:
        root = "/api/v1" if self.generation is Generation.TWO else "/api/v2"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._processes[0].poll() is not None:
                raise ServiceFailedError(f"airflow {part} has ended:\n{self._tail(part)}")
            with suppress(OSError), opener.open(f"{self.url}{root}/version", timeout=5):
                return
            time.sleep(0.2)
        raise ServiceFailedError(f"Airflow did not answer within {START_SECONDS:.0f} s:\n{self._tail(part)}")

    def _tail(self, part: str) -> str:
        log = (self.home / f"{part}.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-15:])

    def kill(self) -> None:
        """SIGKILL to all of it, as a crash would."""
        self._end(signal.SIGKILL, self._below())

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what is left."""
        below = self._below()
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self._end(signal.SIGKILL, below)

    def _end(self, number: signal.Signals, below: Collection[int]) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            process.wait()
        for pid in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        self._processes.clear()

    def _below(self) -> set[int]:
        """What its processes have started, some in groups of their own; nothing where there is no /proc."""
        children = defaultdict[int, list[int]](list)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
                children[int(parent)].append(int(stat.parent.name))
        found, left = set[int](), [process.pid for process in self._processes]
        while left:
            left = [child for pid in left for child in children[pid]]
            found.update(left)
        return found
