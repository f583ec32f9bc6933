"""Typed reading of a JSON document, with errors that say which field is wrong and what it must be."""

from __future__ import annotations

import codecs
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

import orjson

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")

_NO_SYNONYMS: Mapping[str, str] = MappingProxyType({})


class FieldsError(ValueError):
    """A field that is absent or not what it must be: the rest of a sentence, without the value."""


@contextmanager
def told_of(
    where: str, file: str, kind: str, error: type[ValueError], mend: str = "correct it there"
) -> Iterator[None]:
    """Turn what is wrong with one of Model Monitor's files into one sentence, an `error`.

    `where` names the file at hand, `file` what it should be, `kind` which monitor it is of.
    """
    try:
        yield
    except orjson.JSONDecodeError as wrong:
        raise error(
            f"{where} is not a {file}: line {wrong.lineno}, column {wrong.colno} is not JSON; "
            "correct it there or have it written again"
        ) from None
    except FieldsError as wrong:
        raise error(f"{where} is not a {kind} {file}: {wrong}; {mend}") from None


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and where in its document it is (`features[2].string_statistics`; empty for the root)."""

    values: Mapping[str, Any]
    path: str = ""

    @classmethod
    def root(cls, document: object) -> Fields:
        """The outermost object of a document."""
        if not isinstance(document, dict):
            raise FieldsError("it is not a JSON object")
        return cls(document)

    @classmethod
    def parsed(cls, text: str | bytes) -> Fields:
        """The outermost object of a JSON text, behind a byte order mark or none. Raises JSONDecodeError."""
        if isinstance(text, str):
            return cls.root(orjson.loads(text.removeprefix("\ufeff")))
        return cls.root(orjson.loads(text.removeprefix(codecs.BOM_UTF8)))

    def at(self, name: str) -> str:
        """Where a field of this object is."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def spelled(self, *known: str) -> Fields:
        """The same object with these keys as they are spelled here, whatever their case and underscores.

        Where one stands in several spellings, this one wins.
        """
        names = {plain(name): name for name in known}
        told = {names.get(plain(key), key): value for key, value in self.values.items()}
        return Fields(told | {name: self.values[name] for name in known if name in self.values}, self.path)

    def require_no_others(self, *known: str) -> None:
        """Refuse a key that is none of these."""
        for name in self.values:
            if name not in known and self.has(name):
                raise FieldsError(
                    f"{self.at(name)} is no setting of Model Monitor's: "
                    f"write {', '.join(known)}, or leave it out"
                )

    def optional(self, *names: str) -> Fields | None:
        """The object inside, as far down as the names go; None where one of them is absent or null."""
        fields: Fields | None = self
        for name in names:
            if fields is None or not fields.has(name):
                return None
            fields = fields.inner(name)
        return fields

    def inner(self, name: str) -> Fields:
        """The object in a field."""
        return Fields(self._typed(name, dict, "an object"), self.at(name))

    def objects(self, name: str) -> list[Fields]:
        """The objects of a list."""
        entries: list[Any] = self._typed(name, list, "a list")
        for i, each in enumerate(entries):
            if not isinstance(each, dict):
                raise FieldsError(f"{self.at(name)}[{i}] must be an object")
        return [Fields(each, f"{self.at(name)}[{i}]") for i, each in enumerate(entries)]

    def text(self, name: str) -> str:
        """A string."""
        return self._typed(name, str, "a string")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        entries: list[Any] = self._typed(name, list, "a list of strings")
        if not all(isinstance(each, str) for each in entries):
            raise FieldsError(f"{self.at(name)} must be a list of strings")
        return tuple(entries)

    def number(self, name: str) -> float:
        """A number, or a string that spells one; "NaN" and "Infinity" are spelled as strings in JSON."""
        value = self._typed(name, object, "a number")
        try:
            if isinstance(value, (int, float, str)) and not isinstance(value, bool):
                return float(value)
        except ValueError:
            pass
        raise FieldsError(f"{self.at(name)} must be a number")

    def integer(self, name: str) -> int:
        """A whole number of at least 0, however it is written (`404` or `404.0`)."""
        value = self.number(name)
        if not math.isfinite(value) or value < 0 or value != int(value):
            raise FieldsError(f"{self.at(name)} must be a whole number of at least 0")
        return int(value)

    def threshold(self, name: str) -> float:
        """A finite number of at least 0."""
        value = self.number(name)
        if not (math.isfinite(value) and value >= 0):
            raise FieldsError(f"{self.at(name)} must be a number of at least 0")
        return value

    def share(self, name: str) -> float:
        """A number from 0 to 1."""
        value = self.number(name)
        if not 0 <= value <= 1:
            raise FieldsError(f"{self.at(name)} must be a number from 0 to 1")
        return value

    def switch(self, name: str) -> bool:
        """`Enabled` or `Disabled` in any case, or a JSON boolean."""
        value = str(self._typed(name, object, "a switch")).casefold()
        if value not in ("enabled", "disabled", "true", "false"):
            raise FieldsError(f"{self.at(name)} must be Enabled or Disabled")
        return value in ("enabled", "true")

    def number_lists(self, name: str) -> list[list[float]]:
        """A list of lists of numbers."""
        lists: list[list[float]] = self._typed(name, list, "a list of lists of numbers")
        if not all(isinstance(each, list) and _are_finite(each) for each in lists):
            raise FieldsError(f"{self.at(name)} must be a list of lists of numbers")
        return lists

    def numbers(self, name: str) -> list[float]:
        """A list of numbers."""
        entries: list[float] = self._typed(name, list, "a list of numbers")
        if not _are_finite(entries):
            raise FieldsError(f"{self.at(name)} must be a list of numbers")
        return entries

    def choice(self, name: str, choices: type[Choice], synonyms: Mapping[str, str] = _NO_SYNONYMS) -> Choice:
        """One of an enum's values, or a synonym of one, in any case."""
        said = self.text(name).casefold()
        wanted = synonyms.get(said, said).casefold()
        for each in choices:
            if each.value.casefold() == wanted:
                return each
        raise FieldsError(f"{self.at(name)} must be one of {', '.join(choices)}")

    def _typed(self, name: str, kind: type[Value], what: str) -> Value:
        if not self.has(name):
            raise FieldsError(f'it has no "{self.at(name)}"')
        value = self.values[name]
        if not isinstance(value, kind):
            raise FieldsError(f"{self.at(name)} must be {what}")
        return value


def plain(name: str) -> str:
    """A key without its case and underscores."""
    return name.replace("_", "").casefold()


def _are_finite(values: list[float]) -> bool:
    """Whether all are finite numbers; true and false are none."""
    return set(map(type, values)) <= {int, float} and all(map(math.isfinite, values))
