"""`kedge watch`: an endpoint's entry for kedge.yaml, from what AWS says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.options import DEFAULT_CONFIG


def watch(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in SageMaker.")],
    config: Annotated[Path, typer.Option("--config", help="The kedge.yaml to add the entry to.")] = (
        DEFAULT_CONFIG
    ),
    region: Annotated[str | None, typer.Option(help="AWS region; default: the environment's.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="A Model Monitor schedule of the endpoint that still runs, to follow.")
    ] = None,
    only_print: Annotated[bool, typer.Option("--print", help="Print the entry, change no file.")] = False,
) -> None:
    """Look the endpoint up and add it to kedge.yaml: where it captures to, its variants, its baseline.

    Example: kedge watch abalone-prod-endpoint --print
    """
    from dataclasses import replace

    import boto3
    from botocore.exceptions import BotoCoreError

    from commands.failures import CommandError
    from config.discovery import look_up
    from config.entries import add_entry, entry_yaml
    from config.schedules import look_up_schedule

    try:
        client = boto3.Session(region_name=region).client("sagemaker")
    except BotoCoreError as error:
        raise CommandError(f"AWS can't be asked: {error}; set AWS_REGION or give --region") from None
    followed = look_up_schedule(client, schedule) if schedule is not None else None
    if followed is not None and followed.endpoint != endpoint:
        raise CommandError(
            f"monitoring schedule {schedule} is of endpoint {followed.endpoint}: "
            f"write kedge watch {followed.endpoint} --schedule {schedule}"
        )
    facts = replace(look_up(client, endpoint), schedule=followed)
    if only_print:
        typer.echo(entry_yaml(facts), nl=False)
        return
    add_entry(config, facts)
    typer.echo(f"{endpoint} is now in {config}; start the service with: kedge serve --config {config}")
