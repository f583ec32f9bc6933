"""The parts of an endpoint's records on which a new model must not lose: `slices` of kedge.yaml."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from config.fields import Part, Text, one_of


class SlicedBy(StrEnum):
    """How a feature's values make slices."""

    QUANTILES = "quantiles"
    VALUES = "values"


class Slice(Part):
    """One feature whose values cut the judging window into slices.

    `by` is found from the training set where it is not given. Quantiles are `parts` of about equal size
    there. A slice of fewer than `minimum` labelled records decides nothing. The challenger may be worse by
    `margin`, a share of the champion's metric on the slice.
    """

    feature: Text
    by: Annotated[SlicedBy, one_of(SlicedBy)] | None = None
    parts: Annotated[int, Field(ge=2, le=20)] = 4
    margin: Annotated[float, Field(ge=0)] = 0.0
    minimum: Annotated[int, Field(ge=2)] = 30


def _named(given: object) -> object:
    """A bare name is a feature with every default."""
    return {"feature": given} if isinstance(given, str) else given


Slices = tuple[Annotated[Slice, BeforeValidator(_named)], ...]
