"""What an address names, or the sentence that says it is not there."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from sqlalchemy import Connection

from store import executions, incidents, monitors, reports, runs
from store.records import Execution, Incident, Monitor, Report
from store.retraining import Run
from web.errors import NotThereError

# The largest key that a database of 64-bit integers can hold.
Key = Annotated[int, Path(ge=1, le=2**63 - 1)]
Name = Annotated[str, Path(max_length=200)]


def endpoint(connection: Connection, name: str) -> Monitor:
    """The endpoint of this name, watched or no longer."""
    found = None if "\x00" in name else monitors.by_name(connection, name)
    if found is None:
        raise NotThereError(
            f"No endpoint called {name} was ever watched here: see the fleet for those that are."
        )
    return found


def owner(connection: Connection, monitor_id: int) -> Monitor:
    """The endpoint that a stored row belongs to."""
    found = monitors.by_id(connection, monitor_id)
    if found is None:
        raise NotThereError(
            "The endpoint that this belonged to is gone: see the fleet for those that are there."
        )
    return found


def execution(connection: Connection, key: int) -> tuple[Execution, Monitor]:
    """The execution and its endpoint."""
    found = executions.by_id(connection, key)
    if found is None:
        raise NotThereError(f"There is no execution {key}: its metrics may have outlived their retention.")
    return found, owner(connection, found.monitor_id)


def incident(connection: Connection, key: int) -> tuple[Incident, Monitor]:
    """The incident and its endpoint."""
    found = incidents.by_id(connection, key)
    if found is None:
        raise NotThereError(f"There is no incident {key}: see the endpoint's page for those that there are.")
    return found, owner(connection, found.monitor_id)


def run(connection: Connection, name: str) -> tuple[Run, Monitor]:
    """The retraining run of this name and its endpoint."""
    found = None if "\x00" in name else runs.by_name(connection, name)
    if found is None:
        raise NotThereError(
            f"There is no retraining run {name}: see the endpoint's page for those that there are."
        )
    return found, owner(connection, found.monitor_id)


def report(connection: Connection, key: int) -> Report:
    """The report as it is listed."""
    found = reports.by_id(connection, key)
    if found is None:
        raise NotThereError(f"There is no report {key}: see the endpoint's page for those that there are.")
    return found
