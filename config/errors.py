"""How kedge.yaml is found fault with: one sentence that says where and what to do."""

from __future__ import annotations

from config.addresses import masked


class ConfigError(Exception):
    """What is wrong with kedge.yaml, in one sentence: file, line, key, what is wrong, what to do.

    `line` counts from 1 and is None where the whole file is meant; `key` is a path such as
    ``endpoints[0].window``; `endpoint` is the name of the entry that is wrong, empty where it has none.
    The user and password of any address are masked.
    """

    def __init__(
        self, message: str, where: str, line: int | None = None, key: str = "", endpoint: str = ""
    ) -> None:
        place = [where, *([f"line {line}"] if line else []), *([key] if key else [])]
        super().__init__(masked(f"{', '.join(place)}: {message}"))
        self.where = where
        self.line = line
        self.key = masked(key)
        self.endpoint = endpoint


class MisfitError(ValueError):
    """A value that does not suit what stands elsewhere; `path` leads to it from the part that was checked."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path
