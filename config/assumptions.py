"""What no public source says about Model Monitor: each a switch, its default the conservative reading."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ValidationError

from config.fields import Part, one_of


class ChiSquaredReading(StrEnum):
    """Which number of a chi-squared test is held against the threshold, and which side of it violates."""

    P_VALUE_BELOW = "p_value_below"
    VALUE_ABOVE = "value_above"


class Assume(Part):
    """How the checks read constraints where Model Monitor's own reading is not public.

    `integral_is_fractional`: whole numbers satisfy a constraint of type Fractional.
    `string_takes_all`: any value satisfies a constraint of type String.
    `columns_alone`: a wrong number of columns is the only violation, the other checks are left out.
    `non_negative`: `is_non_negative` of constraints.json is checked.
    `chi_squared`: a p-value below the threshold violates; or whatever deequ returns (with Robust the p-value,
    with Simple the statistic) violates above it, as with the other distances.
    """

    integral_is_fractional: bool = True
    string_takes_all: bool = True
    columns_alone: bool = True
    non_negative: bool = False
    chi_squared: Annotated[ChiSquaredReading, one_of(ChiSquaredReading)] = ChiSquaredReading.P_VALUE_BELOW

    @classmethod
    def spelled(cls, settings: tuple[str, ...] | list[str]) -> Self:
        """From texts such as `non_negative=true`, later ones winning.

        Raises ValueError in one sentence where a text is no setting.
        """
        given: dict[str, object] = {}
        for text in settings:
            name, equals, value = text.partition("=")
            if not equals or name not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                raise ValueError(f"{text!r} is no assumption: write NAME=VALUE, NAME one of {known}")
            given[name] = _value(name, value)
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ValueError(f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}") from None


def _value(name: str, text: str) -> object:
    """A value as YAML would read it in kedge.yaml. Raises ValueError where it is none."""
    import yaml  # every check reads this module, and few are told a value

    field = Assume.model_fields[name]
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = None
    if field.annotation is bool and not isinstance(value, bool):
        raise ValueError(f"{name} is {text!r}: write true or false")
    return value


CONSERVATIVE = Assume()
"""What is assumed where nobody says otherwise."""
