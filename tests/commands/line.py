"""Running `kedge` as a user does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import structlog

from commands import main
from tests.conftest import ROOT


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of a failure: one line on standard error, and nothing on standard output."""
        assert (self.status, self.out) == (1, ""), self
        assert self.err.startswith("kedge: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err.removeprefix("kedge: ").rstrip("\n")


def kedge(*arguments: str | Path) -> Ran:
    """Run the command line in this process, from the arguments to the exit status."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    given = ["kedge", *(str(argument) for argument in arguments)]
    with patch.object(sys, "argv", given), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        finally:
            structlog.reset_defaults()  # a command sets up logs for its process, which here is the tests'
    return Ran(status, out.getvalue(), err.getvalue())


PROGRAM = (sys.executable, "-c", "from commands.once import program; program()")
"""What the `kedge` script runs."""


def kedge_process(*arguments: str | Path, cwd: Path) -> Ran:
    """Run the program in a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
