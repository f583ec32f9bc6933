"""pydantic's findings in the words of the person who wrote kedge.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.errors import ConfigError, MisfitError
from config.fields import Part
from config.source import Path, Source, shown

_WORDS = {
    "string_type": "must be text; put it in quotes",
    "string_too_short": "must not be empty; write a value or remove the key",
    "int_type": "must be a whole number; write it without quotes, point or unit",
    "tuple_type": "must be a list; write each item on a line of its own after a dash",
    "too_short": "must hold at least one item; add one or remove the key",
    "model_type": "must be a mapping; write its keys indented below it",
    "float_type": "must be a number such as 0.05; write it without quotes, unit or %",
    "finite_number": "must be a finite number; write one such as 12.5",
    "bool_type": "must be true or false; write one of them without quotes",
}
_BOUNDS = {
    "greater_than": ("gt", "must be above {}; write a larger number"),
    "greater_than_equal": ("ge", "must be at least {}; write a larger number"),
    "less_than_equal": ("le", "must be at most {}; write a smaller number"),
    "too_long": ("max_length", "must hold at most {} items; take some out"),
    "string_too_long": ("max_length", "must be of at most {} characters; write a shorter one"),
    "string_pattern_mismatch": ("pattern", "must match {}; leave out what does not"),
}
"""What names a bound: where pydantic has it, and the sentence."""


def first(
    error: ValidationError, source: Source, above: Path, model: type[Part], endpoint: str
) -> ConfigError:
    """The finding that stands first in the text; `above` is the path of what was validated as `model`."""
    # A key that is missing is told last: it may only be misspelt, and that is told then.
    findings = sorted(error.errors(include_url=False), key=lambda finding: finding["type"] == "missing")
    told = [_told(finding, source, above, model, endpoint) for finding in findings]
    return min(told, key=lambda each: each.line or 0)


def _told(
    finding: ErrorDetails, source: Source, above: Path, model: type[Part], endpoint: str
) -> ConfigError:
    path = (*above, *finding["loc"], *_within(finding))
    message = _message(finding, source, path, model)
    if finding["type"] != "missing":
        path = source.nearest(path)
    return ConfigError(message, source.where, source.line(path), shown(path), endpoint)


def _within(finding: ErrorDetails) -> Path:
    """Where in the part that was checked a value stands that does not suit the rest."""
    error = finding.get("ctx", {}).get("error")
    return error.path if isinstance(error, MisfitError) else ()


def _message(finding: ErrorDetails, source: Source, path: Path, model: type[Part]) -> str:
    kind = finding["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        return _unknown(str(path[-1]), _part(model, finding["loc"][:-1]))
    if _is_empty(source, path):
        return "is empty; write a value or remove the key"
    if kind == "value_error":
        return str(finding["ctx"]["error"])
    if kind in _BOUNDS:
        return _beyond(*_BOUNDS[kind], finding["ctx"])
    return _WORDS.get(kind, "has a value of the wrong type; see the example in the documentation")


def _beyond(key: str, sentence: str, bounds: Mapping[str, Any]) -> str:
    bound = bounds[key]
    if key == "gt" and isinstance(bound, str):  # a duration's, which is always nothing
        return "must be more than nothing; write a longer one"
    return sentence.format(bound if isinstance(bound, str) else f"{bound:g}")


def _is_empty(source: Source, path: Path) -> bool:
    try:
        return source.at(path) is None
    except LookupError:
        return False


def _unknown(key: str, part: type[Part] | None) -> str:
    known = [field.alias or name for name, field in part.model_fields.items()] if part else []
    near = get_close_matches(key, known, n=1)
    if near:
        return f"there is no such key; did you mean {near[0]!r}?"
    return f"there is no such key; known here are {', '.join(known)}"


def _part(model: type[Part], path: Path) -> type[Part] | None:
    """The part of the model that a path leads to."""
    found: type[Part] | None = model
    for step in path:
        if isinstance(step, int) or found is None:
            continue
        fields = {field.alias or name: field for name, field in found.model_fields.items()}
        found = next(_parts(fields[step].annotation), None) if step in fields else None
    return found


def _parts(annotation: Any) -> Iterator[type[Part]]:  # noqa: ANN401 - an annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
