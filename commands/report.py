"""`kedge report`: a drift report to read."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from commands.failures import CommandError
from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    endpoint_of,
    load_config,
    local_path,
    moment,
    monitor_of,
    open_current,
    print_json,
    require_order,
)

_DEFAULT_PERIOD = timedelta(days=7)
_FIRST = datetime.min.replace(tzinfo=UTC)


def report(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    output: Annotated[Path, typer.Option(help="The HTML file to write.", callback=local_path)],
    start: Annotated[
        str | None, typer.Option(help="Windows from here on; default: a week before END.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Windows that end by then; default: now.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write an HTML report of a period against the baseline.

    Example: kedge report abalone-prod-endpoint --start 2026-05-01 --end 2026-05-03 --output report.html
    """
    from config.clock import clock_from_environment
    from monitor.reports.document import write_report
    from store import executions, reports
    from store.engine import reading, writing
    from store.records import ExecutionKind

    loaded = load_config(config)
    entry, engine = endpoint_of(loaded, endpoint, config), open_current(loaded)
    monitor = monitor_of(engine, endpoint)
    now = clock_from_environment(dict(os.environ)).now()
    last = moment(end) or now
    first = moment(start) or last - min(_DEFAULT_PERIOD, last - _FIRST)
    require_order(first, last)
    with reading(engine) as connection:
        kind = ExecutionKind.DATA_QUALITY
        judged = executions.latest(connection, monitor.id, kind, start=first, end=last, limit=1)
    if not judged:
        raise CommandError(
            f"no judged window of {endpoint} lies between {first:%Y-%m-%d %H:%M} and "
            f"{last:%Y-%m-%d %H:%M} UTC, so nothing is written: give another --start and --end"
        )
    document = write_report(engine=engine, endpoint=entry, start=first, end=last, now=now)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(document.html, encoding="utf-8")
    with writing(engine) as connection:
        reports.add(
            connection,
            monitor.id,
            start=first,
            end=last,
            uri=output.resolve().as_uri(),
            note=document.note,
            now=now,
        )
    if as_json:
        print_json({"output": str(output), "start": first, "end": last, "note": document.note})
    else:
        typer.echo(f"written to {output}: {document.note}")
