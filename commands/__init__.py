"""The `kedge` command line, one file a command. Heavy imports wait until their command runs."""

from __future__ import annotations

import os
import sys

os.environ.setdefault(
    "PYDANTIC_DISABLE_PLUGINS", "__all__"
)  # looking for them reads every package's metadata

import typer

from commands import analyze, baseline, check, db, demo, doctor, report, retrain, run, serve, watch
from commands.failures import sentence_of

app = typer.Typer(
    name="kedge",
    help="Monitoring and continuous training for models behind Amazon SageMaker endpoints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("watch")(watch.watch)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.command("run")(run.run)
app.command("analyze")(analyze.analyze)
app.command("report")(report.report)
app.add_typer(baseline.app, name="baseline")
app.add_typer(retrain.app, name="retrain")
app.add_typer(db.app, name="db")


def main() -> None:
    """Run the command line. A failure is one sentence on standard error, and exit status 1."""
    try:
        app(prog_name="kedge")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        if isinstance(error, OSError):
            _drop_output()
        sys.stderr.write(f"kedge: {sentence}\n")
        sys.exit(1)


def _drop_output() -> None:
    """Let go of what standard output did not take: Python would try again at the end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
