"""What a model answers, which decides what its quality is measured by."""

from __future__ import annotations

from enum import StrEnum


class QualityError(ValueError):
    """Predictions, labels or a file that no quality can be measured by, in one sentence."""


class ProblemType(StrEnum):
    """What a model answers: a number, one of two classes, or one of several."""

    REGRESSION = "regression"
    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"

    @property
    def metrics_key(self) -> str:
        """Where a statistics.json has the metrics."""
        return f"{self.value}_metrics"

    @property
    def constraints_key(self) -> str:
        """Where a constraints.json has the thresholds."""
        return f"{self.value}_constraints"


def problem_of(text: str) -> ProblemType:
    """A problem type by its name here or in Model Monitor (`BinaryClassification`). Raises QualityError."""
    plain = text.replace("_", "").casefold()
    found = next((each for each in ProblemType if each.replace("_", "") == plain), None)
    if found is None:
        raise QualityError(f"{text!r} is no problem type: give one of {', '.join(ProblemType)}")
    return found
