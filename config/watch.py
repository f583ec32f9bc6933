"""How the first windows of a new model are looked at, as kedge.yaml says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_serializer, model_validator

from config.fields import Part

_Share = Annotated[float, Field(ge=0, le=1)]


class Watch(Part):
    """What sends a new model back: as a number its `windows` alone, or a mapping with the other keys.

    `windows` is how many first windows count. `predictions` is the distance, beyond chance, of a window's
    predictions to what the challenger predicted on the records of its baseline; 1 is never exceeded.
    `errors` is the share of records that can't be read, or have no answer; 1 is never exceeded. `volume` is
    the part of the emptiest window before the rollout that captures may sink to; nothing sinks below 0.
    """

    windows: Annotated[int, Field(ge=1)] = 2
    predictions: _Share = 0.2
    errors: _Share = 0.05
    volume: _Share = 0.1

    @model_validator(mode="before")
    @classmethod
    def _of_number(cls, given: object) -> object:
        if isinstance(given, int) and not isinstance(given, bool):
            return {"windows": given}
        if not isinstance(given, dict | Watch):
            raise ValueError("must be a number of windows, or a mapping such as {windows: 2, errors: 0.05}")
        return given

    @model_serializer(mode="plain")
    def _canonical(self) -> int | dict[str, object]:
        written = {name: getattr(self, name) for name in type(self).model_fields}
        return self.windows if self == type(self)(windows=self.windows) else written
