"""Which columns a record has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Schema:
    """Names by position: output columns first, then input columns, as Model Monitor lays its rows out.

    Attributes:
        names: every column, in order.
        text: names of those whose baseline is text.
        outputs: the first of `names` that the endpoint answered; () when nobody said which.
        exclude: names that hold their position and are decoded, but that nothing looks at.
        domains: the values that the baseline saw, of those text columns that have few.
    """

    names: tuple[str, ...]
    text: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    domains: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse names that would make a table impossible."""
        if not self.names:
            raise ValueError("a schema needs at least one column name: take them from the baseline")
        if len(set(self.names)) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"the column {twice!r} is named twice: give each column a name of its own")
        if self.names[: len(self.outputs)] != self.outputs:
            raise ValueError(
                f"the output columns {', '.join(self.outputs)} are not the first columns: put them first, in order"
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names after the output columns."""
        return self.names[len(self.outputs) :]
