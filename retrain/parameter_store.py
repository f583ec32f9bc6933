"""Parameters of AWS Systems Manager: read, set, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError

from retrain.aws_calls import CallError, calling, code_of

SsmClient: TypeAlias = Any
"""boto3 makes its clients at run time."""
_SERVICE: Final = "ssm"
_UNKNOWN: Final = "ParameterNotFound"


class ParameterError(CallError):
    """A parameter can't be read or written: one sentence, and whether trying again may help."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a parameter holds; its version grows with each writing, from 1."""

    value: str
    version: int


def read(ssm: SsmClient, name: str) -> Parameter | None:
    """What a parameter holds now; None where there is none of this name.

    Raises:
        ParameterError: where AWS refuses, or does not answer.
    """
    with calling("GetParameter", f"parameter {name}", ParameterError, _SERVICE):
        try:
            found = ssm.get_parameter(Name=name)["Parameter"]
        except ClientError as error:
            if code_of(error) != _UNKNOWN:
                raise
            return None
        return Parameter(str(found["Value"]), int(found["Version"]))


def write(ssm: SsmClient, name: str, value: str | None) -> None:
    """Let a parameter hold a value; None deletes it.

    Raises:
        ParameterError: where AWS refuses, or does not answer.
    """
    if value is None:
        with calling("DeleteParameter", f"parameter {name}", ParameterError, _SERVICE):
            ssm.delete_parameter(Name=name)
        return
    with calling("PutParameter", f"parameter {name}", ParameterError, _SERVICE):
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
