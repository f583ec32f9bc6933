"""`kedge retrain`: start, list, show, explain, approve, reject, cancel and continue runs; replay a policy."""

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
    moment,
    monitor_of,
    open_current,
    print_json,
    require_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from retrain.simulation import Assumed, Simulation
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
            label_horizon=entry.label_horizon,
            now=now,
        )
    aside = " (dry_run keeps back the policy's runs alone)" if entry.retrain.dry_run else ""
    _tell(run, as_json, f"{run.name} is requested; 'kedge serve' carries it out{aside}")


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
    from web.api.run_answers import RunDetail

    story = _story(run, config)
    if as_json:
        print_json(RunDetail.of(story))
    else:
        _show(story)


@app.command()
def why(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Why a run was asked for, by which numbers and which policy, and what became of it.

    Example: kedge retrain why kedge-abalone-prod-endpoint-1
    """
    from web.why import explain

    found = explain(_story(run, config))
    if as_json:
        print_json(found)
        return
    for paragraph in found:
        typer.echo(paragraph.heading)
        for sentence in paragraph.sentences:
            typer.echo(f"  {_line(sentence)}")


def _story(name: str, config: Path) -> Story:
    from store import monitors, runs
    from store.engine import reading
    from web import run_story

    with reading(open_current(load_config(config))) as connection:
        found = runs.by_name(connection, name)
        monitor = None if found is None else monitors.by_id(connection, found.monitor_id)
        if found is None or monitor is None:
            raise CommandError(
                f"there is no retraining run {name}: 'kedge retrain list' shows those there are"
            )
        return run_story.read(connection, found, monitor)


def _show(story: Story) -> None:
    run = story.run
    typer.echo(f"{run.name} of {story.monitor.name}: {run.state}")
    for event in story.events:
        typer.echo(f"{event.at:%Y-%m-%d %H:%M:%S} UTC  {event.state}  {_line(event.told)}")
    for trial in story.trials:
        both = f"champion {trial.champion:.4g}, challenger {trial.challenger:.4g}"
        ends = f" ({trial.low:.4g} to {trial.high:.4g})" if trial.count else ""
        gap = f"difference {trial.difference:.4g}{ends}"
        on = f"on {trial.count} records" if trial.count else "as each was stated, without an interval"
        typer.echo(f"{_line(trial.dataset)} {trial.metric}: {both}, {gap} {on}")
    if run.model_package:
        typer.echo(f"model package {_line(run.model_package)}")
    if run.new_endpoint_config:
        typer.echo(f"endpoint config {run.new_endpoint_config}, before it {run.old_endpoint_config}")
    if run.approval and not run.state.is_end:
        typer.echo(f"told to {run.approval}; 'kedge serve' acts on it")


Start = Annotated[str | None, typer.Option(help="From this time on (ISO 8601, UTC). Default: all.")]
End = Annotated[str | None, typer.Option(help="Up to this time.")]


@app.command()
def simulate(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's name in kedge.yaml.")],
    start: Start = None,
    end: End = None,
    config: ConfigPath = DEFAULT_CONFIG,
    takes: Annotated[str, typer.Option(help="How long a run is taken to take that never was.")] = "2h",
    wins: Annotated[bool, typer.Option("--wins", help="Take its model to win; else it loses.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay the policy of a kedge.yaml against the recorded past: when would it have asked for a run?

    Example: kedge retrain simulate abalone-prod-endpoint --start 2026-05-01 --config other.yaml
    """
    from config import durations
    from config.plurals import counted
    from retrain.simulation import Assumed
    from store.retraining import DecisionReason

    period = moment(start), moment(end)
    require_order(*period)
    try:
        assumed = Assumed(durations.parse(takes), wins)
    except durations.DurationError as error:
        raise typer.BadParameter(str(error), param_hint="--takes") from None
    found, unmeasured = _simulated(endpoint, config, period, assumed)
    if as_json:
        from commands.simulation_answer import as_answer

        print_json(as_answer(found, unmeasured))
        return
    for said in found.yeses:
        typer.echo(f"{said.at:%Y-%m-%d %H:%M} UTC  {said.verdict.reason}  {_line(said.verdict.told)}")
    asked, decided = counted(len(found.yeses), "run"), counted(len(found.decisions), "decision")
    typer.echo(f"It would have asked for {asked} in {decided}.")
    if not found.decisions:
        typer.echo("Nothing that was judged in that time is on record: there was nothing to decide on.")
    for reason, times in found.noes.items():
        typer.echo(f"  no, {reason.replace('_', ' ')}: {times}")
        if reason is DecisionReason.UNKNOWN:
            newest = found.newest(reason)
            typer.echo(f"    at {newest.at:%Y-%m-%d %H:%M} UTC: {_line(newest.verdict.told)}")
    for sentence in unmeasured:
        typer.echo(f"Never measured: {_line(sentence)}")
    for sentence in found.assumed.words:
        typer.echo(sentence)


def _simulated(
    name: str, config: Path, period: tuple[datetime | None, datetime | None], assumed: Assumed
) -> tuple[Simulation, tuple[str, ...]]:
    """The replay, and what it never measured."""
    from objects import aws_client, s3_client
    from retrain import recorded
    from retrain.reference import References
    from retrain.simulation import simulate
    from retrain.unmeasured import unmeasured
    from store.engine import reading

    loaded = load_config(config)
    entry = endpoint_of(loaded, name, config)
    if entry.retrain is None:
        raise CommandError(f"{name} has no retrain section in {config}: add one, or name another file")
    engine = open_current(loaded)
    monitor = monitor_of(engine, name)
    with reading(engine) as connection:
        past = recorded.read(connection, monitor, entry)
        never = unmeasured(connection, monitor.id, entry)
    references = References(
        engine,
        lambda: aws_client("sagemaker", loaded.region),
        lambda role: s3_client(loaded.region, role),
        lambda: aws_client("ssm", loaded.region),
    )
    replayed = simulate(
        past,
        entry,
        entry.retrain,
        lambda era: references.of(entry, era),
        start=period[0],
        end=period[1],
        assumed=assumed,
    )
    return replayed, never


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
    """Cancel a run, which is possible until its rollout begins.

    Example: kedge retrain cancel kedge-abalone-prod-endpoint-1
    """
    from retrain import actions

    _say(actions.cancel, run, config, as_json)


@app.command("continue")
def continue_(run: RunName, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Let a run that asks, since labels are too few, go on with those there are.

    Example: kedge retrain continue kedge-abalone-prod-endpoint-1
    """
    from retrain import actions

    _say(actions.go_on, run, config, as_json)


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
