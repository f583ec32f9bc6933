"""`kedge retrain`: start, list, show, approve, reject and cancel retraining runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError
from commands.options import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    endpoint_of,
    load_config,
    monitor_of,
    open_current,
    print_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from store.retraining import Run
    from web.run_story import Story

app = typer.Typer(help="Retraining runs.", no_args_is_help=True)

RunName = Annotated[str, typer.Argument(help="The run's name, as 'kedge retrain list' shows it.")]


@app.command()
def start(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Ask for a run now, whatever the policy thinks; 'kedge serve' carries it out.

    Example: kedge retrain start abalone-prod-endpoint
    """
    from config.clock import clock_from_environment
    from retrain import actions
    from store.engine import writing

    loaded = load_config(config)
    entry = endpoint_of(loaded, endpoint, config)
    if entry.retrain is None:
        raise CommandError(
            f"{endpoint} has no retrain section in {config}: add one that says by what to train"
        )
    engine, now = open_current(loaded), clock_from_environment(dict(os.environ)).now()
    with writing(engine) as connection:
        run = actions.start(
            connection,
            endpoint,
            variant=entry.variant,
            time_limit=entry.retrain.training.time_limit,
            now=now,
        )
    _tell(run, as_json, f"{run.name} is requested; 'kedge serve' carries it out")


@app.command("list")
def list_(
    endpoint: Annotated[
        str | None, typer.Argument(help="One endpoint; default: all that are watched.")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """The retraining runs, newest first.

    Example: kedge retrain list abalone-prod-endpoint
    """
    from store import monitors, runs
    from store.engine import reading
    from web.api.run_answers import RunAnswer

    engine = open_current(load_config(config))
    only = None if endpoint is None else monitor_of(engine, endpoint)
    with reading(engine) as connection:
        chosen = monitors.watched(connection) if only is None else (only,)
        found = [run for monitor in chosen for run in runs.history(connection, monitor.id)]
    found.sort(key=lambda run: (run.requested_at, run.id), reverse=True)
    if as_json:
        print_json(list(map(RunAnswer.of, found)))
        return
    for run in found:
        typer.echo(f"{run.name}  {run.state}  {run.requested_at:%Y-%m-%d %H:%M} UTC  {_line(run.told)}")
    if not found:
        typer.echo("There was no retraining run yet.")


@app.command()
def show(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """One run: its steps, why it was opened, champion against challenger.

    Example: kedge retrain show kedge-abalone-prod-endpoint-1
    """
    from store import monitors, runs
    from store.engine import reading
    from web import run_story
    from web.api.run_answers import RunDetail

    with reading(open_current(load_config(config))) as connection:
        found = runs.by_name(connection, run)
        monitor = None if found is None else monitors.by_id(connection, found.monitor_id)
        if found is None or monitor is None:
            raise CommandError(
                f"there is no retraining run {run}: 'kedge retrain list' shows those there are"
            )
        story = run_story.read(connection, found, monitor)
    if as_json:
        print_json(RunDetail.of(story))
    else:
        _show(story)


def _show(story: Story) -> None:
    run = story.run
    typer.echo(f"{run.name} of {story.monitor.name}: {run.state}")
    for event in story.events:
        typer.echo(f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.state}  {_line(event.told)}")
    for trial in story.trials:
        both = f"champion {trial.champion:.4g}, challenger {trial.challenger:.4g}"
        gap = f"difference {trial.difference:.4g} ({trial.low:.4g} to {trial.high:.4g})"
        typer.echo(f"{trial.dataset} {trial.metric}: {both}, {gap} on {trial.count} records")
    if run.model_package:
        typer.echo(f"model package {_line(run.model_package)}")
    if run.new_endpoint_config:
        typer.echo(f"endpoint config {run.new_endpoint_config}, before it {run.old_endpoint_config}")
    if run.approval and not run.state.is_end:
        typer.echo(f"told to {run.approval}; 'kedge serve' acts on it")


@app.command()
def approve(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Approve the model of a run that waits for it; 'kedge serve' then rolls it out.

    Example: kedge retrain approve kedge-abalone-prod-endpoint-1
    """
    from retrain import actions

    _say(actions.approve, run, config, as_json)


@app.command()
def reject(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Decline the model of a run that waits for approval.

    Example: kedge retrain reject kedge-abalone-prod-endpoint-1
    """
    from retrain import actions

    _say(actions.reject, run, config, as_json)


@app.command()
def cancel(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Cancel a run, which is possible until its model is approved.

    Example: kedge retrain cancel kedge-abalone-prod-endpoint-1
    """
    from retrain import actions

    _say(actions.cancel, run, config, as_json)


def _say(word: Callable[[Connection, str], Run], name: str, config: Path, as_json: bool) -> None:
    from store.engine import writing

    with writing(open_current(load_config(config))) as connection:
        run = word(connection, name)
    _tell(run, as_json, f"{run.name} is told to {run.approval}; 'kedge serve' acts on it")


def _tell(run: Run, as_json: bool, sentence: str) -> None:
    from web.api.run_answers import RunAnswer

    if as_json:
        print_json(RunAnswer.of(run))
    else:
        typer.echo(sentence)


def _line(text: str) -> str:
    """A sentence that may come from outside, on one line and without what a terminal would obey."""
    from web.texts import visible

    return visible(" ".join(text.split()))
