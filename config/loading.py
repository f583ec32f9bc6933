"""kedge.yaml from its text: what is wrong is said in one sentence, with the file, the line and the key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from config import complaints, source
from config.errors import ConfigError
from config.fields import Part
from config.model import Config, Endpoint
from config.source import Plain, Source

__all__ = ["ConfigError", "load", "load_tolerant", "parse", "parse_tolerant", "text_of"]

_P = TypeVar("_P", bound=Part)


def load(path: Path | str) -> Config:
    """Read the file.

    Raises:
        ConfigError: for the first thing that is wrong with it, or where it can't be read.
    """
    return parse(text_of(path), str(path))


def load_tolerant(path: Path | str) -> tuple[Config, tuple[ConfigError, ...]]:
    """Read the file and leave out the endpoints that are wrong, with one error for each of them.

    Raises:
        ConfigError: where the file can't be read, is no YAML, or is wrong outside of its endpoints.
    """
    return parse_tolerant(text_of(path), str(path))


def parse(text: str, where: str) -> Config:
    """Read a text; `where` names it in errors.

    Raises:
        ConfigError: for the first thing that is wrong with it.
    """
    config, errors = parse_tolerant(text, where)
    if errors:
        raise errors[0]
    return config


def parse_tolerant(text: str, where: str) -> tuple[Config, tuple[ConfigError, ...]]:
    """Read a text as `load_tolerant` reads a file."""
    found = source.read(text, where)
    _raise_fault(found)
    top = {} if found.value is None else found.value
    if not isinstance(top, Mapping):
        raise ConfigError("must be a mapping; write keys such as endpoints: at its beginning", where, 1)
    config = _valid(Config, {key: top[key] for key in top if key != "endpoints"}, found, ())
    endpoints, errors = _endpoints(found, top.get("endpoints") or ())
    if config.polling is not None:  # which has to suit them all
        _valid(Config, {"polling": top["polling"], "endpoints": endpoints}, found, ())
    return config.model_copy(update={"endpoints": endpoints}), errors


def text_of(path: Path | str) -> str:
    """The file's text, with its line ends as they are.

    Raises:
        ConfigError: where it can't be read or is not UTF-8.
    """
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("there is no such file; `kedge watch ENDPOINT` writes one", str(path)) from None
    except OSError as error:
        raise ConfigError(f"can't be read ({error.strerror}); check its permissions", str(path)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("holds bytes that are not UTF-8; save it as UTF-8", str(path), line) from None


def _raise_fault(found: Source) -> None:
    """The first fault that lies outside of the entries."""
    for path, fault in found.faults.items():
        if path[:1] != ("endpoints",) or len(path) < 2:
            raise fault


def _fault_in(found: Source, entry: source.Path) -> ConfigError | None:
    return next((fault for path, fault in found.faults.items() if path[:2] == entry), None)


def _endpoints(found: Source, entries: Plain) -> tuple[tuple[Endpoint, ...], tuple[ConfigError, ...]]:
    if not isinstance(entries, tuple):
        line = found.line(("endpoints",))
        raise ConfigError("must be a list; begin each endpoint with - name:", found.where, line, "endpoints")
    good: dict[str, tuple[Endpoint, int]] = {}
    errors: list[ConfigError] = []
    for index, entry in enumerate(entries):
        try:
            endpoint = _valid(Endpoint, entry, found, ("endpoints", index))
            _check_new(endpoint, index, good, found)
        except ConfigError as error:
            errors.append(error)
        else:
            good[endpoint.name] = (endpoint, index)
    return tuple(endpoint for endpoint, _ in good.values()), tuple(errors)


def _check_new(
    endpoint: Endpoint, index: int, good: Mapping[str, tuple[Endpoint, int]], found: Source
) -> None:
    if endpoint.name not in good:
        return
    other = found.line(("endpoints", good[endpoint.name][1], "name"))
    path = ("endpoints", index, "name")
    message = f"{endpoint.name} has an entry on line {other} already; keep one of the two"
    raise ConfigError(message, found.where, found.line(path), source.shown(path), endpoint.name)


def _valid(model: type[_P], value: Plain, found: Source, path: source.Path) -> _P:
    name = value.get("name") if isinstance(value, Mapping) else None
    fault = _fault_in(found, path)
    if fault is not None:
        raise fault
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        endpoint = name if isinstance(name, str) else ""
        raise complaints.first(error, found, path, model, endpoint) from None
