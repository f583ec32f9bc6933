"""Writes docs/cli.md, the reference of the command line, from the program itself: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from commands import app
from commands.serve import TOKEN_VARIABLE
from config.clock import VARIABLE as CLOCK_VARIABLE

PAGE = Path(__file__).parent / "cli.md"
HEAD = f"""\
# The command line

Every command with all its options, written from the program by `make docs`; `--help` after a command says the
same. A time such as `--start` takes is ISO 8601, in UTC unless it says otherwise.

| exit status | means |
|---|---|
| 0 | done |
| 1 | it could not be done: one sentence on standard error says what is wrong, where, and what to do |
| 2 | the arguments are wrong |
| 3 | there are violations, where `--fail-on-violations` asks for it |
| 130 | Ctrl-C |

| environment variable | for |
|---|---|
| `{TOKEN_VARIABLE}` | the secret (16 characters or more) that `kedge serve` wants of people and programs |
| `{CLOCK_VARIABLE}` | a file that holds the time to go by in place of the machine's: for rehearsals |
| `AWS_PROFILE`, `AWS_REGION`, … | AWS's ordinary chain of credentials and settings |
| `AWS_ENDPOINT_URL` | another AWS than Amazon's, such as one on loopback |
"""
_WORDS: dict[object, str] = {
    str: "text",
    list[str]: "text, once or more often",
    Path: "a path",
    int: "a whole number",
    float: "a number",
}

Parameter = TyperOption | TyperArgument


@dataclass(frozen=True, slots=True)
class Command:
    """A command as one types it, without `kedge`, and what the app knows of it."""

    path: tuple[str, ...]
    command: TyperCommand

    @property
    def title(self) -> str:
        """``kedge baseline create``."""
        return " ".join(("kedge", *self.path))

    @property
    def purpose(self) -> str:
        """What it does, in the words of its help."""
        return (self.command.help or "").partition("\n\nExample: ")[0].strip()

    @property
    def example(self) -> str:
        """A line to type."""
        return (self.command.help or "").partition("\n\nExample: ")[2].strip()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Arguments and options in order, without those that are hidden."""
        every = (one for one in self.command.params if isinstance(one, TyperOption | TyperArgument))
        return tuple(one for one in every if not one.hidden)


def commands() -> tuple[Command, ...]:
    """Every command, those of a group after each other."""
    root = typer.main.get_command(app)
    return tuple(_below(root, ()))


def _below(command: object, path: tuple[str, ...]) -> Iterator[Command]:
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _below(each, (*path, name))
    elif isinstance(command, TyperCommand):
        yield Command(path, command)


def page() -> str:
    """The page's text; how wide the terminal is doesn't matter."""
    found = commands()
    index = _table(
        ("command", "does"),
        [(f"[{one.title}](#{one.title.replace(' ', '-')})", one.purpose) for one in found],
    )
    return "\n".join((HEAD, index, *map(_section, found))).rstrip() + "\n"


def _section(one: Command) -> str:
    head = f"## {one.title}\n\n{one.purpose}\n\n```\n{one.example}\n```\n"
    if not one.parameters:
        return head
    rows = [(_name(each), _takes(each), _default(each), each.help or "") for each in one.parameters]
    return f"{head}\n{_table(('argument or option', 'takes', 'default', 'meaning'), rows)}"


def _name(one: Parameter) -> str:
    if isinstance(one, TyperArgument):
        return f"`{(one.name or '').upper()}`"
    return ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))


def _takes(one: Parameter) -> str:
    if isinstance(one, TyperOption) and one.is_flag:
        return "nothing"
    kind = one.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" for choice in kind)
    return _WORDS[kind] + _range(one.min, one.max)


def _range(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return "" if least is None else f" from {least} up"


def _default(one: Parameter) -> str:
    if one.required:
        return "required"
    if one.default is None or one.default is False:
        return "–"
    return f"`{one.default.value if isinstance(one.default, Enum) else one.default}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join((_row(head), f"|{'---|' * len(head)}\n", *map(_row, rows)))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"written: docs/{PAGE.name}\n")


if __name__ == "__main__":
    main()
