"""The parameters of AWS Systems Manager in which an owner's stack reads who the champion is."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import model_validator

from config.fields import Part, Read

_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,1011}", re.ASCII)
_RESERVED = re.compile(r"/?(aws|ssm)", re.ASCII | re.IGNORECASE)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or _RESERVED.match(text):
        raise ValueError(
            f"{text!r} is a name that Parameter Store refuses; it takes letters, digits and . - _ /, "
            "and none that begins with aws or ssm"
        )
    return text


ParameterName = Annotated[str, Read("the name of a parameter, such as ModelPackageName", _name)]


class Parameters(Part):
    """Which parameters hold the champion's model package and the address of its baseline data."""

    model_package: ParameterName | None = None
    baseline: ParameterName | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.model_package is None and self.baseline is None:
            raise ValueError("names no parameter; write model_package: NAME, baseline: NAME or both")
        if self.model_package == self.baseline:
            raise ValueError("names one parameter twice; the package and the baseline want one each")
        return self
