"""A command on this machine as the target: detached from Kedge, so that it outlives Kedge's restarts.

A run has a folder, `<folder>/<run name>/`:

    input.json    what was handed over, exactly
    lock          held (flock) by the process that watches over the command, for as long as it lives
    started       there from when the command was about to be started; it is never started twice
    cancel        somebody wants it to end; holds the reason
    log           what the command wrote to standard output and standard error
    output.json   what the command answers
    exit.json     how it ended
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from retrain.targets.base import Status


class LocalTarget:
    """Runs are processes on this machine; their command gets KEDGE_RUN, KEDGE_INPUT and KEDGE_OUTPUT."""

    def __init__(self, command: str, folder: Path, time_limit: timedelta) -> None:
        """Take the command, split as a shell would (none runs), and the folder of the runs' folders."""

    def start(self, name: str, input: str) -> str:
        """See `Target.start`; the handle is the run's name."""
        raise NotImplementedError

    def status(self, handle: str) -> Status:
        """See `Target.status`."""
        raise NotImplementedError

    def cancel(self, handle: str, reason: str) -> None:
        """See `Target.cancel`; the command is ended by the process that watches over it."""
        raise NotImplementedError
