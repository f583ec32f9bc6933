"""What a model answers."""

from __future__ import annotations

from enum import StrEnum


class ProblemType(StrEnum):
    """What the model answers; it decides which metrics of quality there are."""

    REGRESSION = "regression"
    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"


def problem_of(text: str) -> ProblemType:
    """A problem type by its name here or in Model Monitor (`BinaryClassification`). Raises ValueError."""
    plain = text.replace("_", "").casefold()
    found = next((each for each in ProblemType if each.replace("_", "") == plain), None)
    if found is None:
        raise ValueError(f"{text!r} is none of {', '.join(ProblemType)}")
    return found
