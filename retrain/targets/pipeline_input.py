"""What pipelines are started with: texts by name, which the two services call parameters and variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from retrain.targets.base import TargetError


@dataclass(frozen=True, slots=True)
class Texts:
    """What a run's texts are called by a service, and how many characters one may have there."""

    service: str
    noun: str
    most: int

    def read(self, name: str, input: str) -> dict[str, str]:
        """The texts of the run called `name`; raises TargetError where one is longer than may be."""
        texts: dict[str, str] = json.loads(input)
        for key, text in texts.items():
            if len(text) > self.most:
                message = (
                    f"the {self.noun} {key} of run {name} has {len(text)} characters and {self.service} "
                    f"takes {self.most}: hand over {{input}}, where the whole of it lies"
                )
                raise TargetError(message, retryable=False)
        return texts

    def require_same(self, handle: str, name: str, wanted: Mapping[str, str], had: Mapping[str, str]) -> None:
        """Raise TargetError where an execution that was found was started with other texts than the run's.

        One that AWS does not tell of, as it may be of a new execution, is no other.
        """
        if any(had.get(key, text) != text for key, text in wanted.items()):
            message = (
                f"there is an execution {handle} with other {self.noun}s than run {name}'s: "
                "somebody else uses that name, or the database was set back; start another run"
            )
            raise TargetError(message, retryable=False)
