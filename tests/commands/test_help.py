"""Every command says what it does, and shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.models import CommandInfo

from commands import app
from tests.commands.line import kedge, kedge_process
from tests.conftest import ROOT

COMMANDS = [
    ("analyze",),
    ("baseline", "create"),
    ("baseline", "import"),
    ("baseline", "list"),
    ("baseline", "show"),
    ("baseline", "diff"),
    ("baseline", "export"),
    ("check",),
    ("db", "upgrade"),
    ("demo",),
    ("doctor",),
    ("report",),
    ("retrain", "start"),
    ("retrain", "list"),
    ("retrain", "show"),
    ("retrain", "approve"),
    ("retrain", "reject"),
    ("retrain", "cancel"),
    ("retrain", "continue"),
    ("retrain", "simulate"),
    ("retrain", "why"),
    ("run",),
    ("serve",),
    ("watch",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_commands_help_shows_an_example_of_itself(folder: Path, command: tuple[str, ...]) -> None:
    ran = kedge(*command, "--help")
    assert ran.status == 0
    assert f"Example: kedge {' '.join(command)} " in ran.out
    assert f"Usage: kedge {' '.join(command)} " in ran.out


def _name(command: CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__


def test_these_are_all_commands() -> None:
    alone = {(_name(one),) for one in app.registered_commands}
    grouped = {
        (str(group.name), _name(one))
        for group in app.registered_groups
        if group.typer_instance is not None
        for one in group.typer_instance.registered_commands
    }
    assert set(COMMANDS) == alone | grouped


def test_the_help_lists_every_command(folder: Path) -> None:
    ran = kedge_process("--help", cwd=folder)
    assert ran.status == 0
    listed = set(re.findall(r"(?m)^\W*([a-z]+) {2,}\w", ran.out.partition("Commands")[2]))
    assert listed == {command[0] for command in COMMANDS}
    assert ran.out == kedge_process("-h", cwd=folder).out


@pytest.mark.parametrize("arguments", [(), ("baseline",), ("db",), ("retrain",)])
def test_without_a_command_the_help_is_shown_and_nothing_is_done(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    ran = kedge(*arguments)
    assert ran.status == 2
    assert "Usage: kedge" in ran.out + ran.err


def test_a_start_waits_for_nothing_that_the_command_does_not_use() -> None:
    heavy = ("polars", "numpy", "scipy", "sqlalchemy", "alembic", "boto3", "fastapi", "plotly")
    code = f"import sys, commands; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("chekc",),
        ("check",),
        ("check", "--capture", "x"),
        ("check", "--capture", "x", "--baseline", "y", "--distance", "wrong"),
        ("check", "--capture", "x", "--baseline", "y", "--start", "yesterday"),
        ("check", "--nonsense"),
        ("baseline", "show", "abalone-prod", "--version", "0"),
        ("serve", "--port", "70000"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_status_2(folder: Path, arguments: tuple[str, ...]) -> None:
    ran = kedge(*arguments)
    assert ran.status == 2
    assert "Traceback" not in ran.err
    assert "Error" in ran.err
