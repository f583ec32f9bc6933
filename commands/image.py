"""The container image's program: Model Monitor's job where the platform asks for one, else the service."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

USER = "kedge"
SERVE = ("serve", "--config", "/data/kedge.yaml", "--host", "0.0.0.0", "--port", "8080")  # noqa: S104


def arguments(given: Sequence[str], environ: Mapping[str, str], root: Path = Path("/")) -> tuple[str, ...]:
    """What `kedge` is told: what was given, or else what the surroundings ask for."""
    from monitor.analysis.contract import is_told

    return tuple(given) or (("analyze",) if is_told(environ, root) else SERVE)


def main() -> None:
    """Run `kedge`; all but the platform's job, whose folders are root's, as a user without rights."""
    from commands.once import program

    told = arguments(sys.argv[1:], os.environ)
    if os.geteuid() == 0 and told[0] != "analyze":
        _step_down()
    sys.argv = ["kedge", *told]
    program()


def _step_down() -> None:
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return  # this is not the image
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
