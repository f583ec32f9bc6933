"""Watches over one command: starts it once, ends it on time or on demand, writes down how it ended.

`python -m retrain.targets.local_runner FOLDER SECONDS COMMAND…`, started by `retrain.targets.local`. It
leaves its starter at once and imports nothing but the standard library, since every run starts one. What it
writes to standard output is `holding` (it has the run) or `held` (another has it, or it is over).
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

POLL_SECONDS = 0.1
GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL


def main() -> None:
    """Take the run if nobody has it and nobody had it; see it to its end."""
    folder, seconds, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    if os.fork():
        return  # to be nobody's child, so that nobody has to wait for it
    with (folder / "lock").open("a") as lock:
        if not _take(lock, folder / "started"):
            _say("held")
            return
        (folder / "started").touch()
        _say("holding")
        write(folder / "exit.json", json.dumps(_see_through(folder, seconds, command)))


def _take(lock: TextIO, started: Path) -> bool:
    """Whether the run is ours to start; who loses a race waits until the other has started it."""
    while not started.exists():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        else:
            return not started.exists()
    return False


def _say(word: str) -> None:
    """Tell whoever started us, and let go of the pipe."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _see_through(folder: Path, seconds: float, arguments: list[str]) -> dict[str, Any]:
    """How the command ended."""
    if (folder / "cancel").exists():
        return {"ended": "cancelled"}
    with (folder / "log").open("ab") as log:
        try:
            command = subprocess.Popen(  # noqa: S603 - the command of kedge.yaml, split, without a shell
                arguments,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        except OSError as error:
            return {"ended": "unstartable", "why": error.strerror or type(error).__name__}
    ended = _wait(command, folder / "cancel", time.monotonic() + seconds)
    _end_group(command)
    return ended


def _wait(command: subprocess.Popen[bytes], cancel: Path, deadline: float) -> dict[str, Any]:
    while (code := command.poll()) is None:
        if cancel.exists():
            return {"ended": "cancelled"}
        if time.monotonic() > deadline:
            return {"ended": "timed_out"}
        time.sleep(POLL_SECONDS)
    return {"ended": "exited", "code": code}


def _end_group(command: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the command and of what it started."""
    _signal(command.pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _signal(command.pid, 0) and time.monotonic() < deadline:
        command.poll()
        time.sleep(POLL_SECONDS)
    _signal(command.pid, signal.SIGKILL)
    command.wait()


def _signal(group: int, number: int) -> bool:
    """Whether there was anybody in the group."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    main()
