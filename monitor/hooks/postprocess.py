"""Model Monitor's `postprocess_handler`: called with nothing, when the results are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.hooks.process import LIMITS, HookError, HookProcess, HookStoppedError, Limits
from monitor.hooks.script import Script

HANDLER = "postprocess_handler"
SEEN_AS = "/opt/ml/processing/output"
"""Where scripts look for constraint_violations.json."""


@dataclass(frozen=True, slots=True)
class Postprocessed:
    """What the script printed; it may hold captured values."""

    said: str


def run_postprocess(script: Script, folder: Path, limits: Limits = LIMITS) -> Postprocessed:
    """Call the script's handler; it finds `folder` under the path that Model Monitor's container has.

    Raises:
        HookError: the script can't be loaded, or failed, or was stopped.
    """
    with HookProcess(script, HANDLER, limits) as process:
        try:
            answer = process.ask({"do": "postprocess", "seen_as": SEEN_AS, "folder": str(folder.resolve())})
        except HookStoppedError as stopped:
            raise HookError(
                f"the process of the postprocess script {script.name} {stopped}: mend it"
            ) from None
        if "failed" in answer:
            raise HookError(f"the postprocess script {script.name} failed {answer['failed']}: mend it")
        return Postprocessed(process.said)


def run_on(script: Script, written: Mapping[str, str], limits: Limits = LIMITS) -> Postprocessed:
    """The same with files that lie in no folder, by name; what the script makes of them is not read again.

    Raises:
        HookError: as `run_postprocess`.
    """
    with TemporaryDirectory(prefix="kedge-results-") as folder:
        for name, text in written.items():
            (Path(folder) / name).write_text(text, encoding="utf-8", newline="")
        return run_postprocess(script, Path(folder), limits)
