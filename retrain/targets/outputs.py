"""Parts of a run's answer that lie elsewhere than in it: an address, or a parameter of Systems Manager.

    outputs: {model_package_arn: "ssm:ModelPackageName"}

A parameter lives longer than a run: one that nobody has written since the run was asked for says nothing of
it. So its version is noted before the start, and must be another when the run has ended.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from retrain import parameter_store
from retrain.parameter_store import Parameter, ParameterError, SsmClient
from retrain.targets.base import TargetError

_PARAMETER = "ssm:"
_WHERE = "retrain.target.outputs"


def versions(ssm: Callable[[], SsmClient], named: Mapping[str, str]) -> dict[str, int]:
    """The version of each parameter that is named, by its name; 0 of one that is not there yet.

    Args:
        ssm: makes a client, where one is needed.
        named: where parts of the answer lie, by their path in the output.
    """
    held = {name: _read(ssm(), name) for _, name in _parameters(named)}
    return {name: parameter.version if parameter else 0 for name, parameter in held.items()}


def found(
    ssm: Callable[[], SsmClient], named: Mapping[str, str], before: Mapping[str, int]
) -> dict[str, str]:
    """What stands where the parts are said to lie, by their path in the output.

    Raises:
        TargetError: where a parameter cannot be read, is not there, or is of the same version as `before`.
    """
    parts = dict(named)
    for path, name in _parameters(named):
        parameter = _read(ssm(), name)
        if parameter is None or parameter.version == before.get(name):
            stands = "nothing stands there" if parameter is None else "what stands there is of before the run"
            message = (
                f"the target ended well and did not write the parameter {name}, which is to hold its {path}: "
                f"{stands}; check {_WHERE}"
            )
            raise TargetError(message, retryable=False)
        parts[path] = parameter.value
    return parts


def joined(answered: str | None, parts: Mapping[str, str]) -> str | None:
    """The answer with these parts in their places; None where there is neither.

    An answer that is no JSON object stays as it is: whoever reads it says so.
    """
    if not parts:
        return answered
    try:
        whole = json.loads(answered or "{}")
    except ValueError:
        return answered
    if not isinstance(whole, dict):
        return answered
    for path, text in parts.items():
        *above, last = path.split(".")
        inner = whole
        for step in above:
            if not isinstance(inner.get(step), dict):
                inner[step] = {}
            inner = inner[step]
        inner[last] = text
    return json.dumps(whole, sort_keys=True, ensure_ascii=False)


def _parameters(named: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Path and parameter of each part that lies in one."""
    for path, text in named.items():
        if text.startswith(_PARAMETER):
            yield path, text.removeprefix(_PARAMETER)


def _read(ssm: SsmClient, name: str) -> Parameter | None:
    try:
        return parameter_store.read(ssm, name)
    except ParameterError as error:
        raise TargetError(f"{error} (it is named in {_WHERE})", retryable=error.retryable) from error
