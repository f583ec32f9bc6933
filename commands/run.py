"""`kedge run`: judge windows now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError
from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    endpoint_of,
    load_config,
    moment,
    monitor_of,
    open_current,
    print_json,
    require_order,
)
from config.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from config.model import Endpoint
    from monitor import ingest
    from monitor.rejudging import Past
    from store.lease import Lease
    from store.records import Execution

_PATIENCE = 15.0
"""Seconds of wall time in which the service's round over the endpoint may end."""


class EngineName(StrEnum):
    """Who reads and digests what was captured."""

    LOCAL = "local"
    SPARK = "spark"


def run(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    config: ConfigPath = DEFAULT_CONFIG,
    start: Annotated[str | None, typer.Option(help="Windows from here on, such as 2026-05-01T10:00.")] = None,
    end: Annotated[str | None, typer.Option(help="Windows that end by then.")] = None,
    baseline: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="VERSION",
            help="Hold what is stored of past windows against this version; reads no capture.",
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(help="Who reads captures: this process, or Spark for what outgrows a machine."),
    ] = EngineName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Read what is new and judge the endpoint's windows into the database; a period is judged again.

    With --baseline, past windows are judged by that stored version, beside the verdict where another rules.

    Example: kedge run abalone-prod-endpoint --start 2026-05-01 --end 2026-05-02
    """
    from dataclasses import replace

    from commands.logs import quiet
    from config.clock import clock_from_environment
    from store import executions, windows
    from store.engine import reading, writing
    from store.records import ExecutionKind

    quiet()
    first, last = moment(start), moment(end)
    require_order(first, last)
    loaded = load_config(config)
    entry = endpoint_of(loaded, endpoint, config)
    database = open_current(loaded)
    clock = clock_from_environment(dict(os.environ))
    if baseline is not None:
        if engine is not EngineName.LOCAL:
            raise CommandError(
                "--baseline reads no capture, so --engine can't help it: leave one of them out"
            )
        _judge_past(database, entry, baseline, (first, last), clock.now(), as_json)
        return
    import service
    from monitor.observer import Observer

    world = service.aws_world(database, clock, loaded.region)
    with _opened(engine, loaded.region) as reads:
        observer = Observer(replace(world, reads=reads))
        done = observer.observe(entry)
        if first or last:
            monitor = monitor_of(database, endpoint)
            with writing(database) as connection:
                windows.mark(connection, monitor.id, first, last)
            done = observer.observe(entry)
    if done is None:
        raise _busy(endpoint)
    if done.problem:
        raise CommandError(done.problem)
    monitor = monitor_of(database, endpoint)
    whole = first is None and last is None
    limit = 500 if whole else None
    with reading(database) as connection:
        found = executions.latest(
            connection, monitor.id, ExecutionKind.DATA_QUALITY, start=first, end=last, limit=limit
        )
    _tell(found[::-1], as_json, whole=whole)


@contextmanager
def _opened(engine: EngineName, region: str | None) -> Iterator[ingest.Engine]:
    if engine is EngineName.LOCAL:
        from monitor.ingest import HERE

        yield HERE
        return
    from monitor.spark.engine import SparkEngine
    from monitor.spark.session import spark

    with spark(os.environ) as context:
        yield SparkEngine(context, region)


def _judge_past(
    engine: Engine,
    entry: Endpoint,
    version: int,
    period: tuple[datetime | None, datetime | None],
    now: datetime,
    as_json: bool,
) -> None:
    """Hold what is stored of past windows against a baseline version; neither S3 nor AWS is asked."""
    from commands.progress import shown
    from monitor.rejudging import past, rejudge, silent
    from store.engine import reading

    monitor = monitor_of(engine, entry.name)

    def work(lease: Lease) -> tuple[Past, list[Execution]]:
        given = past(engine, monitor.id, entry, version, start=period[0], end=period[1], now=now)
        judged = rejudge(engine, lease.transaction, given, now)
        return given, list(shown(judged, len(given.windows), "windows"))

    given, judged = _with_lease(engine, monitor.id, entry.name, work)
    _tell(judged, as_json, whole=False)
    if as_json:
        return
    with reading(engine) as connection:
        for told in silent(connection, judged):
            typer.echo(f"{told.feature}: {told.why} ({counted(told.windows, 'window')})")
    beside = sum(not execution.latest for execution in judged)
    if beside:
        typer.echo(
            f"{counted(beside, 'window')} held against version {version} beside the verdict, which stays: "
            "another version judges their era."
        )
    if partly := sum(window.dirty for window in given.windows):
        typer.echo(
            f"{partly} of them still {'wait' if partly > 1 else 'waits'} to be judged: what is counted of "
            f"{'them' if partly > 1 else 'it'} so far was held against it."
        )
    if waiting := len(given.waiting):
        typer.echo(
            f"{counted(waiting, 'window')} still {'wait' if waiting > 1 else 'waits'} to be judged, "
            f"and got no verdict: run 'kedge run {entry.name}' first."
        )
    if given.gone:
        typer.echo(
            f"{counted(given.gone, 'window')} of that time can't be judged again: "
            "retention.profiles has let their statistics go."
        )


def _with_lease(
    engine: Engine, monitor_id: int, endpoint: str, work: Callable[[Lease], tuple[Past, list[Execution]]]
) -> tuple[Past, list[Execution]]:
    """Do the work while no service observes the endpoint: a round of one is short, and is waited for."""
    import time

    import service
    from monitor.rounds import LEASE
    from store import monitors
    from store.lease import leased

    deadline = time.monotonic() + _PATIENCE
    while True:
        replica = service.replica_name()
        with leased(engine, monitors, monitor_id, replica, LEASE, lambda: False) as lease:
            if lease is not None:
                try:
                    return work(lease)
                except monitors.LeaseLostError:
                    raise _busy(endpoint) from None
        if time.monotonic() > deadline:
            raise _busy(endpoint)
        time.sleep(0.2)


def _busy(endpoint: str) -> CommandError:
    return CommandError(f"{endpoint} is being observed by another process right now: try again in a moment")


def _tell(judged: Sequence[Execution], as_json: bool, *, whole: bool) -> None:
    from monitor.losses import fault_of_losses

    if as_json:
        print_json(
            [
                {
                    "execution": e.id,
                    "start": e.start,
                    "end": e.end,
                    "variant": e.variant,
                    "revision": e.revision,
                    "baseline": e.baseline_version,
                    "in_force": e.latest,
                    "status": e.status,
                    "records": e.records,
                    "rejected": e.rejected,
                    "violations": e.violations,
                }
                for e in judged
            ]
        )
        return
    for e in judged:
        typer.echo(
            f"{e.start:%Y-%m-%d %H:%M} – {e.end:%H:%M} UTC  {e.variant}  revision {e.revision}  "
            f"{counted(e.records, 'record')}  {e.rejected} rejected  {e.message}"
        )
        if (fault := fault_of_losses(e.records, e.rejected)) is not None:
            typer.echo(fault)
    if not judged:
        typer.echo("No window has closed yet." if whole else "No window in that time holds captures.")
