"""Which columns a record has, and which of its cells goes into which."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar

Cell = TypeVar("Cell")


@dataclass(frozen=True, slots=True)
class Schema:
    """Names by position: output columns first, then input columns, as Model Monitor lays its rows out.

    Attributes:
        names: every column, in order.
        text: names of those whose baseline is text.
        outputs: the first of `names` that the endpoint answered; () when nobody said which.
        exclude: names that hold their position and are decoded, but that nothing looks at.
        domains: the values that the baseline saw, of those text columns that have few.
        paths: of columns that lie in a JSON payload at a declared place, the JMESPath expression: of an
            output column in the output, of any other in the input.
    """

    names: tuple[str, ...]
    text: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    domains: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    paths: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse names that would make a table impossible."""
        if not self.names:
            raise ValueError("a schema needs at least one column name: take them from the baseline")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"the column {twice!r} is named twice: give each column a name of its own")
        if reserved := [name for name in self.names if name.startswith("@")]:
            raise ValueError(
                f"the column {reserved[0]!r} begins with @: such names are Kedge's own, rename it"
            )
        if self.names[: len(self.outputs)] != self.outputs:
            outputs = ", ".join(self.outputs)
            raise ValueError(
                f"the output columns {outputs} are not the first columns: put them first, in order"
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names after the output columns."""
        return self.names[len(self.outputs) :]

    @property
    def output_paths(self) -> Mapping[str, str]:
        """The paths into the output."""
        return {name: self.paths[name] for name in self.outputs if name in self.paths}

    @property
    def input_paths(self) -> Mapping[str, str]:
        """The paths into the input."""
        return {name: self.paths[name] for name in self.inputs if name in self.paths}

    @property
    def digest(self) -> str:
        """Tells this schema from any that would make other profiles of the same records."""
        sets = (self.text, self.exclude, *self.domains.values())
        told: tuple[object, ...] = (
            self.names,
            self.outputs,
            tuple(self.domains),
            [sorted(values) for values in sets],
        )
        if self.paths:
            told = (*told, sorted(self.paths.items()))
        return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Row(Generic[Cell]):
    """The cells of one side (input or output) of one record; `names` is None where they have none (CSV)."""

    cells: Sequence[Cell]
    names: tuple[str, ...] | None = None


def arrange(
    schema: Schema, answered: Row[Cell] | None, asked: Row[Cell] | None
) -> Sequence[Cell | None] | int:
    """The cells of a record in the order of `schema.names`, or how many columns it has where they don't fit.

    A side whose keys the schema knows goes by name: absent keys are missing, unknown ones are columns too
    many. Any other side goes by position, output first. A side that was not captured leaves its columns
    missing, as long as the schema says which are outputs.
    """
    by_place = [row is not None and not _named(schema, row) for row in (answered, asked)]
    if answered is not None and asked is not None and all(by_place):
        cells = [*answered.cells, *asked.cells]
        return cells if len(cells) == len(schema.names) else len(cells)
    placed: dict[str, Cell] = {}
    surplus = 0
    for row, position, targets in (
        (answered, by_place[0], _answer_names(schema, answered, asked)),
        (asked, by_place[1], _question_names(schema, answered, asked)),
    ):
        if row is None:
            continue
        if position and len(row.cells) != len(targets):
            return len(schema.names) - len(targets) + len(row.cells)
        for name, cell in zip(targets if position else row.names or (), row.cells, strict=True):
            if name in placed or name not in schema.names:
                surplus += 1
            else:
                placed[name] = cell
    return len(schema.names) + surplus if surplus else [placed.get(name) for name in schema.names]


def _named(schema: Schema, row: Row[Cell]) -> bool:
    return row.names is not None and not set(row.names).isdisjoint(schema.names)


def _answer_names(schema: Schema, answered: Row[Cell] | None, asked: Row[Cell] | None) -> tuple[str, ...]:
    """The names that an output without names fills, when the input does not go by position too."""
    if schema.outputs or answered is None or asked is None:
        return schema.outputs or schema.names
    return schema.names[: len(answered.cells)]


def _question_names(schema: Schema, answered: Row[Cell] | None, asked: Row[Cell] | None) -> tuple[str, ...]:
    """The names that an input without names fills, when the output does not go by position too."""
    if schema.outputs or answered is None or asked is None:
        return schema.inputs
    return schema.names[max(0, len(schema.names) - len(asked.cells)) :]
