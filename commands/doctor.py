"""`kedge doctor`: what keeps an endpoint from being monitored, and what to change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import DEFAULT_CONFIG, AsJson, ConfigPath, endpoint_of, load_config, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.findings import Finding
    from config.model import Config, Endpoint
    from monitor.doctor import Instruments
    from objects import AwsClient


def doctor(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    config: ConfigPath = DEFAULT_CONFIG,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Write an empty object to the places of results and of training, to see if they take.",
        ),
    ] = False,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="Exit with status 3 where something is wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at an endpoint step by step: credentials, capture, baseline, columns, labels, results, retraining.

    Example: kedge doctor abalone-prod-endpoint
    """
    import os
    from itertools import chain

    from botocore.config import Config

    from config.clock import clock_from_environment
    from config.findings import State
    from monitor.doctor import Instruments, examine
    from monitor.notifications.queue import sqs_client
    from objects import aws_client, s3_client

    loaded = load_config(config)
    entry = endpoint_of(loaded, endpoint, config)
    clock = clock_from_environment(dict(os.environ))
    quick = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})

    def client(service: str, role: str | None) -> AwsClient:
        return aws_client(service, loaded.region, role, quick)

    by = Instruments(
        client,
        lambda role: s3_client(loaded.region, role),
        lambda url, role: sqs_client(url, loaded.region, role),
        clock.now,
        write,
    )
    found: list[Finding] = []
    for finding in chain(
        examine(entry, by),
        _of_its_retraining(entry, by, config, found),
        _of_its_workflow(loaded, endpoint),
    ):
        found.append(finding)
        if not as_json:
            _tell(finding)
    bad = sum(finding.state is State.WRONG for finding in found)
    if as_json:
        checks = [
            {"check": each.check, "state": each.state, "said": each.said, "change": each.change}
            for each in found
        ]
        print_json({"endpoint": endpoint, "wrong": bad, "checks": checks})
    else:
        typer.echo(f"{bad} of {len(found)} checks found something wrong." if bad else "Nothing is wrong.")
    if fail_on_findings and bad:
        raise typer.Exit(3)


def _of_its_retraining(
    entry: Endpoint, by: Instruments, config: Path, before: Sequence[Finding]
) -> Iterator[Finding]:
    """What its retraining rests on, unless what was found `before` says that nobody can be asked."""
    from config.findings import skipped
    from monitor.doctor import is_nobody
    from retrain import doctor
    from retrain.targets import open_target, runs_folder

    if entry.retrain is None:
        return
    if any(map(is_nobody, before)):
        yield skipped("retraining", "wants credentials")
        return

    def client(service: str) -> AwsClient:
        return by.client(service, None)

    runs = runs_folder(config)
    yield from doctor.examine(
        entry,
        doctor.Instruments(client, by.s3, lambda named: open_target(named, client, runs), by.write),
    )


def _of_its_workflow(loaded: Config, endpoint: str) -> list[Finding]:
    """What the last run that a workflow answered showed to be wrong with it; nothing without a database."""
    from sqlalchemy import make_url

    from commands.options import open_current
    from config.findings import wrong
    from store import monitors, runs
    from store.engine import StoreError, reading
    from store.retraining import RunReason

    url = make_url(loaded.database)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return []
    try:
        engine = open_current(loaded)
    except StoreError:
        return []
    try:
        with reading(engine) as connection:
            monitor = monitors.by_name(connection, endpoint)
            history = runs.history(connection, monitor.id) if monitor else ()
            run = next((each for each in history if each.output is not None), None)
            events = runs.events(connection, run.id) if run else ()
    finally:
        engine.dispose()
    change = f"'kedge retrain show {run.name}' has the numbers." if run else ""
    return [wrong("workflow", each.told, change) for each in events if each.reason is RunReason.DEFECT]


def _tell(finding: Finding) -> None:
    typer.echo(f"{finding.state.upper():<8} {finding.check}: {finding.said}")
    if finding.change:
        typer.echo(f"{'':<8} → {finding.change}")
