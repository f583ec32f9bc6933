"""What keeps a model's quality from being measured."""

from __future__ import annotations

from config import problem
from config.problem import ProblemType


class QualityError(ValueError):
    """Predictions, labels or a file that no quality can be measured by, in one sentence."""


def problem_of(text: str) -> ProblemType:
    """A problem type by its name here or in Model Monitor (`BinaryClassification`). Raises QualityError."""
    try:
        return problem.problem_of(text)
    except ValueError:
        raise QualityError(f"{text!r} is no problem type: give one of {', '.join(ProblemType)}") from None
