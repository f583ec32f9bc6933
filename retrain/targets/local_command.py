"""Whether a local target's command can be started: is the program there, and the script that it runs?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from retrain.targets.base import TargetError

_INTERPRETER = re.compile(r"python[\d.]*|pypy[\d.]*|(?:ba|da|k|z)?sh|Rscript|perl|ruby|node|julia")
_SCRIPT = re.compile(r".+\.(?:py|sh|R|r|pl|rb|js|jl)")
_NO_SCRIPT = frozenset({"-c", "-m", "-e"})
"""Behind these stands code, or a module, and what follows is that one's."""


def found(command: Sequence[str]) -> str:
    """What of the command is there, in words.

    Args:
        command: the program and its arguments. It is started in the folder of its run, which is new, so a
            path that is not whole leads nowhere.

    Raises:
        TargetError: where the program or its script is not there.
    """
    if not command:
        raise TargetError("retrain.target.local names no program: write a command", retryable=False)
    program, script = command[0], _script(command)
    named = "/" in program
    path = shutil.which(program) if program.startswith("/") or not named else None
    if path is None:
        advice = (
            _advice(program) if named else "check the PATH of Kedge's environment, or write its whole path"
        )
        raise TargetError(f"there is no program {program}: {advice}", retryable=False)
    if script is None:
        return f"the program {path} is there"
    if not script.startswith("/") or not Path(script).is_file():
        raise TargetError(f"there is no script {script} for {program}: {_advice(script)}", retryable=False)
    return f"the program {path} and its script {script} are there"


def _advice(path: str) -> str:
    if path.startswith("/"):
        return "check retrain.target.local, and that this is the machine that trains"
    return "each run is started in a new folder of its own, so write its whole path"


def _script(command: Sequence[str]) -> str | None:
    """The file that an interpreter is given to run, where it can be told from its options."""
    if not _INTERPRETER.fullmatch(Path(command[0]).name):
        return None
    for argument in command[1:]:
        if argument in _NO_SCRIPT:
            return None
        if not argument.startswith("-"):
            return argument if _SCRIPT.fullmatch(argument) else None
    return None
