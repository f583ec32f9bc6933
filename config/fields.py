"""What the parts of kedge.yaml are made of: frozen, strict about types, and closed to unknown keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from config import addresses, durations

_PLAIN = (bool, int, float, date, tuple, dict)  # what YAML knows besides text
_E = TypeVar("_E", bound=StrEnum)


class Part(BaseModel):
    """A mapping of kedge.yaml. No type is coerced (``"3"`` is no number); errors don't show the input."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )


@dataclass(frozen=True, slots=True)
class Read:
    """Annotates a field whose value `read` makes of a text, and `write` makes a text again.

    Plain YAML that is no text is refused, by naming `wanted`; a value of the field's own type passes. The
    canonical form of a configuration, of which the digest is taken, holds what `write` gives.
    """

    wanted: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self._value,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self.write),
        )

    def _value(self, given: object) -> object:
        if isinstance(given, str):
            return self.read(given)
        if given is not None and isinstance(given, _PLAIN):
            raise ValueError(f"must be {self.wanted}")
        return given


def one_of(kind: type[_E]) -> Read:
    """Annotates a field that takes one of an enum's values."""

    def read(text: str) -> _E:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{text!r} is none of {', '.join(kind)}") from None

    return Read(f"one of {', '.join(kind)}", read)


_DURATION = Read("a duration such as 15m", durations.parse, durations.spell)

Text = Annotated[str, Field(min_length=1)]
Names = tuple[Text, ...]
Folder = Annotated[str, Read("an address such as s3://bucket/prefix", addresses.folder)]
AwsName = Annotated[str, Read("a name; put it in quotes", addresses.aws_name)]
# Whole seconds from 0 up: `spell` refuses what is built otherwise than from text.
Duration = Annotated[timedelta, Field(ge=timedelta(0)), _DURATION]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta(0)), _DURATION]
