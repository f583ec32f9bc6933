"""docs/cli.md says what the program says."""

from __future__ import annotations

import re

import pytest

from docs import reference
from docs.reference import Command, commands
from tests.commands.line import kedge
from tests.conftest import ROOT
from tests.docs.markdown import page, rows

PAGE = page("docs/cli.md")
COMMANDS = commands()


def test_the_committed_page_is_the_one_the_program_writes() -> None:
    assert reference.page() == PAGE.text, "docs/cli.md is out of date: run `make docs`"


def test_it_is_written_where_it_is_committed() -> None:
    assert ROOT / PAGE.name == reference.PAGE


@pytest.mark.parametrize("width", ["30", "300"])
def test_the_width_of_the_terminal_changes_nothing(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert reference.page() == PAGE.text


def test_there_are_no_boxes() -> None:
    assert not any(0x2500 <= ord(sign) < 0x2580 for sign in PAGE.text)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.title)
def test_every_command_has_its_purpose_and_an_example(command: Command) -> None:
    section = PAGE.sections[command.title]
    assert command.purpose
    assert f"\n{command.purpose}\n" in section
    assert command.example.startswith(f"{command.title} ")
    assert f"```\n{command.example}\n```" in section


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.title)
def test_the_options_of_the_page_are_those_of_the_help(
    monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    helped = set(re.findall(r"^│ \*? *(--[\w-]+)", kedge(*command.path, "--help").out, re.MULTILINE))
    named = {row[0].strip("`") for row in rows(PAGE.sections[command.title])}
    assert "--help" in helped
    assert {name for name in named if name.startswith("--")} == helped - {"--help"}
    assert all(name.isupper() for name in named if not name.startswith("--"))


def test_every_command_of_the_help_has_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    names = set(re.findall(r"^│ (\w+) ", kedge("--help").out.partition(" Commands ")[2], re.MULTILINE))
    assert names == {command.path[0] for command in COMMANDS}
    assert [command.title for command in COMMANDS] == list(PAGE.sections)


def test_what_is_hidden_is_not_shown() -> None:
    assert "--lease" not in PAGE.text
