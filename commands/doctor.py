"""`kedge doctor`: what keeps an endpoint from being monitored, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.options import DEFAULT_CONFIG, AsJson, ConfigPath, endpoint_of, load_config, print_json

if TYPE_CHECKING:
    from monitor.findings import Finding


def doctor(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    config: ConfigPath = DEFAULT_CONFIG,
    write: Annotated[
        bool, typer.Option("--write", help="Write an empty object to the results' place, to see if it takes.")
    ] = False,
    fail_on_findings: Annotated[
        bool, typer.Option("--fail-on-findings", help="Exit with status 3 where something is wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at an endpoint step by step: credentials, capture, baseline, columns, labels, results.

    Example: kedge doctor abalone-prod-endpoint
    """
    from datetime import UTC, datetime

    from botocore.config import Config

    from monitor.doctor import Instruments, examine
    from monitor.findings import State
    from objects import aws_session, s3_client

    loaded = load_config(config)
    entry = endpoint_of(loaded, endpoint, config)
    quick = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})

    def client(service: str, role: str | None) -> Any:  # noqa: ANN401 - boto3 makes it at run time
        return aws_session(loaded.region, role).client(service, config=quick)

    by = Instruments(client, lambda role: s3_client(loaded.region, role), lambda: datetime.now(UTC), write)
    found = []
    for finding in examine(entry, by):
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


def _tell(finding: Finding) -> None:
    typer.echo(f"{finding.state.upper():<8} {finding.check}: {finding.said}")
    if finding.change:
        typer.echo(f"{'':<8} → {finding.change}")
