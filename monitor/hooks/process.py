"""Starting, asking and ending the process of a hook.

The process has a bare environment, a folder of its own that is gone after it, limits, and a session whose
group is killed as one. What it answers is taken for what a stranger says: bounded, and looked at.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from monitor.hooks import frames
from monitor.hooks.script import Script

MIB = 1 << 20
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hook's process may use.

    Attributes:
        seconds: of wall time, for one answer.
        cpu_seconds: of all its life.
        memory_bytes: of address space.
        file_bytes: of a file that it writes.
        answer_bytes: of one answer.
        said_bytes: of what it prints and logs; the rest is dropped and counted.
    """

    seconds: float = 60.0
    cpu_seconds: int = 600
    memory_bytes: int = 2048 * MIB
    file_bytes: int = 64 * MIB
    answer_bytes: int = 128 * MIB
    said_bytes: int = MIB // 16


LIMITS = Limits()


class HookError(Exception):
    """A script that can't be used at all, in one sentence: its owner has to mend it."""


class HookStoppedError(Exception):
    """A process that ended or was ended in the midst of its work.

    Attributes:
        line: the captured line that it was at; None where it was at none.
    """

    def __init__(self, why: str, line: int | None) -> None:
        super().__init__(why)
        self.line = line


class HookProcess:
    """A running hook, with its script loaded; leaving the context ends whatever is left of it.

    Raises:
        HookError: on entering, where the script can't be loaded.
    """

    def __init__(self, script: Script, handler: str, limits: Limits = LIMITS) -> None:
        self._script = script
        self._handler = handler
        self._limits = limits
        self._said: list[str] = []
        self._ending = contextlib.ExitStack()

    @property
    def said(self) -> str:
        """What the script printed and logged so far; it may hold captured values."""
        return "".join(self._said)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            folder = opened.enter_context(
                tempfile.TemporaryDirectory(prefix="kedge-hook-", ignore_cleanup_errors=True)
            )
            page = opened.enter_context(tempfile.TemporaryFile())
            page.truncate(frames.PROGRESS.size)
            self._page = opened.enter_context(mmap.mmap(page.fileno(), frames.PROGRESS.size))
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-I", "-m", "monitor.hooks.child", str(page.fileno())],
                cwd=folder,
                env=_bare(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(page.fileno(),),
                start_new_session=True,
            )
            opened.callback(self._end, at_once=True)
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None  # noqa: S101 (asked for above)
                os.set_blocking(pipe.fileno(), False)
            self._load()
            self._ending = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def _load(self) -> None:
        folder = self._script.folder
        try:
            self.ask({"do": "load", "handler": self._handler, "folder": folder}, self._script.source)
        except HookStoppedError as stopped:
            raise HookError(
                f"the script {self._script.name} can't be loaded: its process {stopped}; "
                f"what it does at its top must be quick, and need little memory"
            ) from None

    def ask(self, header: Mapping[str, Any], rest: bytes = b"") -> dict[str, Any]:
        """What the process answers.

        Raises:
            HookError: the script can't be used.
            HookStoppedError: the process ended, or took too long, or answered what it may not.
        """
        told = {**header, "script": self._script.name, **asdict(self._limits)}
        frames.PROGRESS.pack_into(self._page, 0, 0)
        try:
            answer, _ = frames.decode(self._exchange(frames.encode(told, rest)))
        except ValueError:
            raise self._stopped("answered what is no answer") from None
        said = answer.get("said")
        self._said.append(said[: self._limits.said_bytes] if isinstance(said, str) else "")
        if "unusable" in answer:
            raise HookError(f"the script {self._script.name} {answer['unusable']}: mend it")
        return answer

    def _exchange(self, message: bytes) -> bytes:
        """Send and receive at once, so that neither side waits for the other for ever."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking is not None  # noqa: S101 (asked for in Popen)
        assert answering is not None  # noqa: S101
        deadline = time.monotonic() + self._limits.seconds
        left, got, wanted = memoryview(message), bytearray(), frames.LENGTH.size
        with selectors.DefaultSelector() as ready:
            ready.register(asking, selectors.EVENT_WRITE)
            ready.register(answering, selectors.EVENT_READ)
            while len(got) < wanted:
                if (remaining := deadline - time.monotonic()) <= 0:
                    raise self._stopped(f"took longer than {self._limits.seconds:g} s")
                for key, _ in ready.select(remaining):
                    if key.fileobj is asking:
                        left = left[self._written(left) :]
                        if not left:
                            ready.unregister(asking)
                        continue
                    if not (more := os.read(answering.fileno(), _READ)):
                        raise self._stopped(self._end())
                    got += more
                if wanted == frames.LENGTH.size and len(got) >= wanted:
                    wanted += frames.LENGTH.unpack_from(got)[0]
                    if wanted > self._limits.answer_bytes:
                        raise self._stopped(f"answered with more than {self._limits.answer_bytes} bytes")
        return bytes(got[frames.LENGTH.size : wanted])

    def _written(self, left: memoryview) -> int:
        assert self._process.stdin is not None  # noqa: S101 (asked for in Popen)
        try:
            return os.write(self._process.stdin.fileno(), left[:_READ])
        except BrokenPipeError:
            raise self._stopped(self._end()) from None

    def _stopped(self, why: str) -> HookStoppedError:
        (line,) = frames.PROGRESS.unpack_from(self._page)
        return HookStoppedError(why, line or None)

    def _end(self, *, at_once: bool = False) -> str:
        """Kill what is left of the process and of what it started; how it ended by itself, if it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            # who closed its pipe is about to end, and how is worth a moment
            self._process.wait(0 if at_once else 0.2)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if status == -signal.SIGXCPU:
            return f"used more than {math.ceil(self._limits.cpu_seconds)} s of processor time"
        if status < 0:
            return f"was ended by signal {-status}"
        return f"ended itself with status {status}"


def _bare(folder: str) -> dict[str, str]:
    """An environment without anything of Kedge's own: no AWS_*, no KEDGE_*, no secret by any name."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    where = {"HOME": folder, "TMPDIR": folder, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    return {**where, "LANG": "C.UTF-8", "TZ": "UTC", **one_thread}
