"""What the parts of kedge.yaml are made of: frozen, strict about types, and closed to unknown keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from config import addresses, durations

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

    What is no text is left to the field's type. The canonical form of a configuration, of which the digest
    is taken, holds what `write` gives.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self._value,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self.write),
        )

    def _value(self, given: object) -> object:
        return self.read(given) if isinstance(given, str) else given


def one_of(kind: type[_E]) -> Read:
    """Annotates a field that takes one of an enum's values."""

    def read(text: str) -> _E:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{text!r} is none of {', '.join(kind)}") from None

    return Read(read)


Text = Annotated[str, Field(min_length=1)]
Names = tuple[Text, ...]
Folder = Annotated[str, Read(addresses.folder)]
AwsName = Annotated[str, Read(addresses.aws_name)]
# Whole seconds from 0 up: `spell` refuses what is built otherwise than from text.
Duration = Annotated[timedelta, Field(ge=timedelta(0)), Read(durations.parse, durations.spell)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta(0)), Read(durations.parse, durations.spell)]
