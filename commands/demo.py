"""`kedge demo`: the whole story on this machine."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.failures import CommandError
from demo.through import Through

if TYPE_CHECKING:
    from demo.summary import Summary


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play to the end, print a summary, exit.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The dashboard's port; 0: a free one.")] = 8080,
    data: Annotated[
        Path | None, typer.Option(help="The abalone survey's CSV, in place of a synthetic one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    shift: Annotated[
        float, typer.Option(min=0, help="How far the world moves, in standard deviations; 0: not at all.")
    ] = 1.0,
    no_shift: Annotated[
        bool, typer.Option("--no-shift", help="The world stays as it is, as with --shift 0: no retraining.")
    ] = False,
    bad_data: Annotated[
        bool, typer.Option("--bad-data", help="The trainer gets shuffled labels: its model must not win.")
    ] = False,
    fault: Annotated[
        bool,
        typer.Option("--fault", help="In place of a shift, one measurement comes in another unit."),
    ] = False,
    skew: Annotated[
        bool,
        typer.Option(
            "--skew", help="In place of a shift, the model is served other inputs than it was trained on."
        ),
    ] = False,
    target: Annotated[
        Through,
        typer.Option(help="What trains; airflow is set up in an environment of its own at first use."),
    ] = Through.STEP_FUNCTIONS,
    export: Annotated[
        Path | None, typer.Option(help="Leave training data, captures, labels and baseline in this folder.")
    ] = None,
    windows: Annotated[int, typer.Option(min=1, hidden=True, help="Hours before the shift.")] = 24,
    shifted: Annotated[int, typer.Option(min=0, hidden=True, help="Hours after it.")] = 16,
    rows: Annotated[int, typer.Option(min=1, hidden=True, help="Records an hour.")] = 240,
) -> None:
    """Play a model's life on this machine: an AWS on loopback, traffic, drift, retraining, the dashboard.

    Example: kedge demo --once --seed 3
    """
    from commands.serve import listening
    from demo import story
    from demo.script import Plot
    from demo.served import ServiceFailedError, free_port

    if data is not None and not data.is_file():
        raise CommandError(f"there is no file {data}: give the abalone survey's CSV")
    moved = 0.0 if no_shift or fault or skew else shift
    plot = Plot(
        seed=seed,
        shift=moved,
        quiet_windows=windows,
        shifted_windows=shifted,
        rows=rows,
        data=data,
        fault=fault,
        bad_data=bad_data,
        skew=skew,
    )
    chosen = free_port() if once and port == 8080 else port or free_port()
    with listening("127.0.0.1", chosen):
        pass  # the service takes it later: what keeps it from that is told before the training, not after
    with _ended_by_sigterm(), tempfile.TemporaryDirectory(prefix="kedge-demo-") as folder:
        try:
            with story.telling(plot, Path(folder), chosen, _tell, target) as told:
                with _progress(plot.quiet_windows + plot.shifted_windows + 3) as advance:
                    story.tell_hours(told, advance)
                found = story.result(told)
                if export is not None:
                    story.export(told, export)
                    _tell(f"Training data, captures, labels and baseline are in {export}.")
                _tell_summary(found)
                if not once:
                    _tell(f"The dashboard stays at {told.served.url} until you press Ctrl-C.")
                    told.served.wait()
        except (ServiceFailedError, ValueError) as error:
            raise CommandError(str(error)) from error
    if once:
        from commands.options import print_json

        print_json(found.as_dict())


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends what was started, and clears the folder, as Ctrl-C does."""

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()


@contextmanager
def _progress(hours: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; in a pipe nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Hours of traffic", total=hours)
        yield lambda at: bar.update(task, completed=at)


def _tell_summary(found: Summary) -> None:
    from config.plurals import counted

    if found.skew:
        _tell(
            f"Train/serve skew, found in window {found.windows_to_detect}: "
            f"{', '.join(found.drifted_features)}. Nothing is retrained on it."
        )
    else:
        _tell_shift(found)
    if found.data_faults:
        _tell(f"{counted(found.data_faults, 'incident')} of a data fault, which nothing is retrained on.")
    _tell(
        f"The champion's error: {_rings(found.champion_rmse_before)} before, "
        f"{_rings(found.champion_rmse_after)} after."
    )
    _tell_retraining(found)


def _tell_shift(found: Summary) -> None:
    before = found.quiet_windows_before_drift + found.false_alarms
    _tell(
        f"{before} windows before the shift of {found.shift_sd} standard deviations: "
        f"{found.false_alarms} false alarms."
    )
    if found.windows_to_detect is None:
        _tell(f"No drift in {found.windows - before} windows after it.")
    else:
        _tell(
            f"Drift found in window {found.windows_to_detect} after it: {', '.join(found.drifted_features)}."
        )


def _tell_retraining(found: Summary) -> None:
    from config.plurals import counted

    if found.outcome is None:
        _tell("No retraining.")
        return
    _tell(f"{counted(found.retraining_runs, 'retraining run')}, {found.outcome}. {found.reason}")
    _tell(f"The challenger's error: {_rings(found.challenger_rmse)}.")
    if found.endpoint_config != found.endpoint_config_before:
        quiet = "quiet" if found.quiet_after else "not quiet"
        _tell(
            f"The endpoint is on {found.endpoint_config}, judged by baseline version "
            f"{found.baseline_version}, and {quiet}."
        )


def _rings(error: float | None) -> str:
    return "unknown" if error is None else f"{error:.2f} rings"
