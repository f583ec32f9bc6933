"""A YAML text as plain values with the line of each, found by PyYAML's composer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from config.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
Plain: TypeAlias = Any  # a mapping with text keys, a tuple, or a scalar: what of these, the text decides

_MOST_NODES: Final = 200_000
"""Aliases of aliases grow without end. A text without them has no more values than characters, and may."""


@dataclass(frozen=True, slots=True)
class Source:
    """The plain value, and the line, from 1, of each path into it: of its key where it has one.

    `faults` are places that hold no value (a key twice, a key that is no text, an impossible number), in the
    order of the text; where they lie in one endpoint's entry, the others are none the worse for them.
    `root` is the composed node, for whoever edits the text.
    """

    value: Plain
    lines: Mapping[Path, int]
    faults: Mapping[Path, ConfigError]
    where: str
    root: yaml.Node | None

    def line(self, path: Path) -> int | None:
        """The line of the path, or of the nearest thing around it."""
        return self.lines.get(self.nearest(path))

    def nearest(self, path: Path) -> Path:
        """The longest beginning of the path that stands in the text."""
        while path and path not in self.lines:
            path = path[:-1]
        return path

    def at(self, path: Path) -> Plain:
        """The plain value there.

        Raises:
            LookupError: where nothing is.
        """
        value: Plain = self.value
        for step in path:
            match value, step:
                case (dict(), str()) | (tuple(), int()):
                    value = value[step]
                case _:  # a place in a text or in a number is no value
                    raise LookupError(step)
        return value


def shown(path: Path) -> str:
    """A path as people write it: ``endpoints[0].window``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read(text: str, where: str) -> Source:
    """Compose a YAML text; an empty one has the value None.

    Raises:
        ConfigError: where it is no YAML, or unfolds or is nested without end.
    """
    try:
        loader = yaml.SafeLoader(text)
        reader = _Reader(loader, where, max(_MOST_NODES, len(text)))
        root = loader.get_single_node()
        value = None if root is None else reader.value(root, ())
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, where) from None
    except RecursionError:
        raise ConfigError("is nested too deeply; write it flatter", where) from None
    return Source(value, reader.lines, reader.faults, where, root)


class _Reader:
    """Walks the nodes, once per place (an alias is walked wherever it stands)."""

    def __init__(self, loader: yaml.SafeLoader, where: str, most: int) -> None:
        self.lines: dict[Path, int] = {}
        self.faults: dict[Path, ConfigError] = {}
        self._loader = loader
        self._where = where
        self._most = most
        self._open: set[int] = set()
        self._flat: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Plain:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > self._most:
            raise self._error("its aliases unfold into too much; write the values out", node, path)
        if id(node) in self._open:
            raise self._error("holds an alias of itself; write the values out", node, path)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            return self._collection(node, path)
        finally:
            self._open.remove(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Plain:
        try:
            return self._loader.construct_object(node)
        except (ValueError, yaml.constructor.ConstructorError):
            self._fault("is not what it looks like; put it in quotes if it is text", node, path)
            return None

    def _collection(self, node: yaml.Node, path: Path) -> Plain:
        if not isinstance(node, yaml.MappingNode):
            return tuple(self.value(item, (*path, index)) for index, item in enumerate(node.value))
        self._flatten(node, path)
        mapping = {}
        for key, value in node.value:
            name = self._scalar(key, path) if isinstance(key, yaml.ScalarNode) else None
            if isinstance(name, str):
                self.lines[(*path, name)] = key.start_mark.line + 1
                mapping[name] = self.value(value, (*path, name))
            else:
                self._fault("a key here is no text; put it in quotes", key, path)
        return mapping

    def _flatten(self, node: yaml.MappingNode, path: Path) -> None:
        """Put the mappings that `<<` names in place; what the node itself says comes after them and wins."""
        if id(node) in self._flat:
            return
        self._flat.add(id(node))
        lines: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in lines:
                message = f"the key stands on line {lines[key.value]} already; keep one of the two"
                self._fault(message, key, (*path, key.value))
            lines[key.value] = key.start_mark.line + 1
        self._loader.flatten_mapping(node)

    def _fault(self, message: str, node: yaml.Node, path: Path) -> None:
        self.faults.setdefault(path, self._error(message, node, path))

    def _error(self, message: str, node: yaml.Node, path: Path) -> ConfigError:
        return ConfigError(message, self._where, node.start_mark.line + 1, shown(path))


def _syntax_error(error: yaml.YAMLError, text: str, where: str) -> ConfigError:
    """PyYAML's own words without the excerpt of the file, which may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        told = ", ".join(part for part in (error.context, error.problem) if part)
        problem = f"{told} at column {mark.column + 1}"
        return ConfigError(f"this is no YAML ({problem}); correct it", where, mark.line + 1)
    position = getattr(error, "position", 0)
    line = text.count("\n", 0, position) + 1
    return ConfigError("holds a character that YAML does not allow; remove it", where, line)
