"""Values of kedge.yaml that are filled in for each run: ``"abalone-processing-{run}"``.

A dotted path in braces stands for what a run's input holds there (docs/retraining.md, "Its input"); nothing
else does, no index, no format, no call. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator


class Holds(Enum):
    """What stands at a path of a run's input."""

    TEXT = "text"
    TEXT_OR_NULL = "text or null"
    VALUE = "a list or a mapping"


_TEXTS = (
    "run", "endpoint", "variant", "reason", "output", "input", "capture", "ground_truth", "changed_at",
    "judging.start", "judging.end", "training.data", "training.manifest", "training.label", "training.format",
    "score.fresh", "score.captured", "baseline.statistics", "baseline.constraints",
)  # fmt: skip
_TEXTS_OR_NULLS = (
    "score.test", "champion.model_data", "champion.model_package",
    "window.start", "window.end", "window.statistics", "window.constraints",
    "incident.kind", "incident.opened_at", "incident.summary",
)  # fmt: skip
_VALUES = (
    "breach", "judging", "window", "baseline", "incident", "incident.features",
    "training", "training.features", "score", "champion",
)  # fmt: skip
PATHS: Mapping[str, Holds] = (
    dict.fromkeys(_TEXTS, Holds.TEXT)
    | dict.fromkeys(_TEXTS_OR_NULLS, Holds.TEXT_OR_NULL)
    | dict.fromkeys(_VALUES, Holds.VALUE)
)
"""Every path that a template may name, and what a run's input holds there."""

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value whose texts name paths of a run's input; `text` is its canonical JSON.

    A text that is one path and nothing else becomes what stands there, of whatever type; within a longer text
    null is nothing.
    """

    text: str

    @property
    def value(self) -> Any:  # noqa: ANN401 - any JSON
        """The value as kedge.yaml has it, with its paths."""
        return json.loads(self.text)

    def filled(self, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """The value for the run that has this input."""
        return _filled(self.value, document)

    @classmethod
    def of(cls, value: object) -> Template:
        """Any value that JSON has.

        Raises:
            ValueError: where JSON has no such value, or a text is no template.
        """
        for text in _texts(value):
            _check(text)
        try:
            return cls(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False))
        except (TypeError, ValueError):
            raise ValueError("holds what JSON does not have, such as a date; put it in quotes") from None

    @classmethod
    def of_texts(cls, value: object) -> Template:
        """A mapping of texts to texts, none of which may become anything but a text or null.

        Raises:
            ValueError: where it is none.
        """
        if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value.values()):
            raise ValueError("must be a mapping of names to texts; put numbers in quotes")
        template = cls.of(dict(value))
        for text in value.values():
            for path in _paths(text):
                if PATHS[path] is Holds.VALUE:
                    raise ValueError(f"names {{{path}}}, which is no text; name one of its parts")
        return template


def _texts(value: object) -> Iterator[str]:
    """The texts in a value that may be templates; a mapping's keys are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("must have texts for keys; put them in quotes")
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _paths(text: str) -> Iterator[str]:
    return (found[1] for found in _PIECE.finditer(text) if found[1] is not None)


def _check(text: str) -> None:
    for found in _PIECE.finditer(text):
        if found[0] in ("{", "}"):
            raise ValueError(f"has a brace in {text!r} that stands alone; write {{{{ or }}}} for a brace")
    whole = _PIECE.fullmatch(text)
    for path in _paths(text):
        if path not in PATHS:
            near = get_close_matches(path, PATHS, n=1)
            advice = f"did you mean {{{near[0]}}}?" if near else 'docs/retraining.md, "Its input", has them'
            raise ValueError(f"names {{{path}}}, which a run's input does not have; {advice}")
        if PATHS[path] is Holds.VALUE and whole is None:
            raise ValueError(f"names {{{path}}} within a text, and it is no text; let it stand alone")


def _filled(value: Any, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        whole = _PIECE.fullmatch(value)
        if whole is not None and whole[1] is not None:
            return _at(document, whole[1])
        return _PIECE.sub(lambda found: _piece(found, document), value)
    if isinstance(value, dict):
        return {key: _filled(each, document) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, document) for each in value]
    return value


def _piece(found: re.Match[str], document: Mapping[str, Any]) -> str:
    if found[1] is None:
        return found[0][0]
    stands = _at(document, found[1])
    return "" if stands is None else str(stands)


def _at(document: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    """What stands at a path; null where something on the way is null."""
    stands: Any = document
    for step in path.split("."):
        stands = stands.get(step) if isinstance(stands, Mapping) else None
    return stands


_AS_VALUE = PlainSerializer(lambda template: template.value)


def _mapping(value: object) -> Template:
    if isinstance(value, Template):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping; write its keys indented below it")
    return Template.of(value)


def _flat(value: object) -> Template:
    return value if isinstance(value, Template) else Template.of_texts(value)


Filled = Annotated[Template, PlainValidator(_mapping), _AS_VALUE]
"""A field that takes a mapping of whatever JSON has, filled in for each run."""
FilledTexts = Annotated[Template, PlainValidator(_flat), _AS_VALUE]
"""A field that takes a mapping of texts, filled in for each run."""
