"""A command on this machine as the target: detached from Kedge, so that it outlives Kedge's restarts.

The folder of all runs has a mark, `<folder>/.place`, which their handles carry: a replica on another machine,
with a folder of its own, knows by it that a run is not its to see to.

A run has a folder, `<folder>/<run name>/`, which is the command's working directory:

    input.json    what was handed over, exactly
    lock          held (flock) by the process that watches over the command, for as long as it lives
    started       there from when the command was about to be started; it is never started twice
    cancel        somebody wants it to end; holds the reason
    log           what the command wrote to standard output and standard error
    output.json   what the command answers
    exit.json     how it ended
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from retrain.targets import local_command, local_runner
from retrain.targets.base import (
    Cancelled,
    ElsewhereError,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    TimedOut,
    same_json,
)

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "USER")
_HAD = {b"holding", b"held"}  # what the watching process says where the run is in hands


class LocalTarget:
    """Runs are processes on this machine; their command gets KEDGE_RUN, KEDGE_INPUT and KEDGE_OUTPUT.

    It reads the JSON in the file KEDGE_INPUT, writes its own to the file KEDGE_OUTPUT, ends with status 0.
    """

    def __init__(self, command: str, folder: Path, time_limit: timedelta) -> None:
        """Take the command, split as a shell would (none runs), and the folder of the runs' folders."""
        self._command = command
        self._folder = folder.absolute()
        self._time_limit = time_limit

    def place(self) -> str:
        """See `Target.place`: the mark of the folder, made where there is none."""
        mark = self._folder / ".place"
        with _faults(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not mark.exists():
                _write_first(mark, secrets.token_hex(8))
            return mark.read_text()

    def look(self) -> str:
        """See `Target.look`: whether this machine has the command, and the script that it names."""
        return local_command.found(self._split())

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; the handle is the run's name and the folder's mark."""
        folder = self._of(name)
        with _faults(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _hand_over(folder / "input.json", input, name)
            if not (folder / "started").exists():
                self._run(folder, name)
        return f"{name}@{self.place()}"

    def _run(self, folder: Path, name: str) -> None:
        """Start the process that watches over the command, and wait until it has the run."""
        seconds = str(self._time_limit.total_seconds())
        started = subprocess.run(  # noqa: S603 - our own file
            [sys.executable, "-I", local_runner.__file__, str(folder), seconds, *self._split()],
            cwd=folder,
            env=_bare(os.environ) | _told(folder, name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        if started.stdout.strip() not in _HAD:
            message = f"the process that would watch over run {name} did not start: see the machine's memory"
            raise TargetError(message, retryable=True)

    def _split(self) -> list[str]:
        try:
            return shlex.split(self._command)
        except ValueError as error:
            message = f"the command of retrain.target.local cannot be split ({error}): close its quotes"
            raise TargetError(message, retryable=False) from error

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        folder = self._at(handle)
        with _faults(folder):
            if not (folder / "started").exists():
                message = (
                    f"no run {folder.name} was started in {self._folder}: see that the folder is the same one"
                )
                raise TargetError(message, retryable=False)
            # The lock before the exit: the runner writes the exit and then lets go.
            held = _is_held(folder / "lock")
            if (folder / "exit.json").exists():
                return _ended(folder)
        if held:
            return Running()
        return Failed("WorkerGone", f"the process that watched over the command is gone; see {folder}/log")

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`; the process that watches over the command ends it within seconds."""
        folder = self._at(handle)
        with _faults(folder):
            if folder.is_dir():
                local_runner.write(folder / "cancel", reason)

    def _at(self, handle: str) -> Path:
        """The folder of a run that was started here; a handle without a mark is an older version's."""
        name, _, place = handle.partition("@")
        if place not in ("", self.place()):
            raise ElsewhereError(f"run {name} is on another machine: its folder is not in {self._folder}")
        return self._of(name)

    def _of(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            message = f"{name!r} is no name of a run: give letters, digits, dots and hyphens"
            raise TargetError(message, retryable=False)
        return self._folder / name


def _hand_over(path: Path, input: str, name: str) -> None:
    """Write the input where there is none; a differing one is an error."""
    if not _write_first(path, input) and not same_json(path.read_text(encoding="utf-8"), input):
        message = f"{path} holds another input than run {name}'s: move that folder away"
        raise TargetError(message, retryable=False)


def _write_first(path: Path, text: str) -> bool:
    """Write a file whole where there is none; whether there was none."""
    handle, temporary = tempfile.mkstemp(prefix=f"{path.stem}.", dir=path.parent)
    part = Path(temporary)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True


def _told(folder: Path, name: str) -> dict[str, str]:
    """What a command learns of its run."""
    return {
        "KEDGE_RUN": name,
        "KEDGE_INPUT": str(folder / "input.json"),
        "KEDGE_OUTPUT": str(folder / "output.json"),
    }


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    """What of Kedge's environment a command gets: none of Kedge's own settings."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith("AWS_")}


def _is_held(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _ended(folder: Path) -> Status:
    ended = json.loads((folder / "exit.json").read_text())
    match ended["ended"]:
        case "cancelled":
            return Cancelled()
        case "timed_out":
            return TimedOut()
        case "unstartable":
            return Failed("CommandFailed", f"the command cannot be started: {ended['why']}")
        case _ if ended["code"]:
            return Failed("CommandFailed", f"the command ended with status {ended['code']}; see {folder}/log")
    return _answer(folder / "output.json")


def _answer(path: Path) -> Status:
    try:
        output = path.read_text(encoding="utf-8")
        json.loads(output)
    except FileNotFoundError:
        return Failed("BadOutput", "the command ended well but wrote no file KEDGE_OUTPUT")
    except ValueError:
        return Failed("BadOutput", f"the command's answer {path} is no JSON")
    return Succeeded(output)


@contextmanager
def _faults(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = error.strerror or type(error).__name__
        message = f"cannot use the run's folder {folder} ({what}): check the disk and its rights"
        raise TargetError(message, retryable=True) from error
