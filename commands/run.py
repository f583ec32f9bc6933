"""`kedge run`: judge windows now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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

if TYPE_CHECKING:
    from monitor.ingest import Engine


class EngineName(StrEnum):
    """Who reads and digests what was captured."""

    LOCAL = "local"
    SPARK = "spark"


def run(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    config: ConfigPath = DEFAULT_CONFIG,
    start: Annotated[str | None, typer.Option(help="Windows from here on, such as 2026-05-01T10:00.")] = None,
    end: Annotated[str | None, typer.Option(help="Windows that end by then.")] = None,
    engine: Annotated[
        EngineName,
        typer.Option(help="Who reads captures: this process, or Spark for what outgrows a machine."),
    ] = EngineName.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Read what is new and judge the endpoint's windows into the database; a period is judged again.

    Example: kedge run abalone-prod-endpoint --start 2026-05-01 --end 2026-05-02
    """
    from dataclasses import replace

    import service
    from commands.logs import quiet
    from config.clock import clock_from_environment
    from monitor.observer import Observer
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
        raise CommandError(
            f"{endpoint} is being observed by another process right now: try again in a moment"
        )
    if done.problem:
        raise CommandError(done.problem)
    monitor = monitor_of(database, endpoint)
    with reading(database) as connection:
        found = executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY, start=first, end=last)
    _tell(found, as_json, whole=first is None and last is None)


@contextmanager
def _opened(engine: EngineName, region: str | None) -> Iterator[Engine]:
    if engine is EngineName.LOCAL:
        from monitor.ingest import HERE

        yield HERE
        return
    from monitor.spark.engine import SparkEngine
    from monitor.spark.session import spark

    with spark(os.environ) as context:
        yield SparkEngine(context, region)


def _tell(found: tuple[object, ...], as_json: bool, *, whole: bool) -> None:
    from config.plurals import counted
    from monitor.losses import fault_of_losses
    from store.records import Execution

    judged = [execution for execution in reversed(found) if isinstance(execution, Execution)]
    if as_json:
        print_json(
            [
                {
                    "execution": e.id,
                    "start": e.start,
                    "end": e.end,
                    "variant": e.variant,
                    "revision": e.revision,
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
