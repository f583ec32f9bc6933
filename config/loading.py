"""kedge.yaml from its text: what is wrong is said in one sentence, with the file, the line and the key."""

from __future__ import annotations

from pathlib import Path

from config.model import Config


class ConfigError(Exception):
    """What is wrong with kedge.yaml, in one sentence: file, line, key, what to do."""

    def __init__(
        self, message: str, where: str, line: int | None = None, key: str = "", endpoint: str = ""
    ) -> None:
        place = ", ".join(part for part in (where, f"line {line}" if line else "", key) if part)
        super().__init__(f"{place}: {message}")
        self.where = where
        self.line = line
        self.key = key
        self.endpoint = endpoint


def load(path: Path | str) -> Config:
    """Read the file; raises `ConfigError` for the first thing that is wrong in it."""
    raise NotImplementedError


def parse(text: str, where: str) -> Config:
    """Read a text; `where` names it in errors."""
    raise NotImplementedError


def load_tolerant(path: Path | str) -> tuple[Config, tuple[ConfigError, ...]]:
    """Read the file and leave out the endpoints that are wrong, with one error for each of them."""
    raise NotImplementedError
