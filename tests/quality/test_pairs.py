"""Answers beside labels: what can't be paired is said, and what looks odd and is not is paired."""

from __future__ import annotations

import polars as pl
import pytest

from baselines.quality.pairs import Choices, pairs_of
from baselines.quality.problem import QualityError
from config.problem import ProblemType

SEVERAL = ProblemType.MULTICLASS_CLASSIFICATION


def paired(labels: list[str], answers: list[str]) -> Choices:
    found = pairs_of(pl.DataFrame({"label": labels, "prediction": answers}), SEVERAL)
    assert isinstance(found, Choices)
    return found


def test_probabilities_that_are_taken_for_classes_are_told() -> None:
    with pytest.raises(QualityError, match="holds probabilities, which binary_classification takes"):
        paired(["0", "1", "1"], ["0.25", "0.75", "0.5"])


@pytest.mark.parametrize(
    ("labels", "answers"),
    [
        (["a", "b"], ["b", "a"]),
        (["0.25", "0.5"], ["0.5", "0.25"]),
        (["1", "2"], ["2.5", "1.5"]),
        (["0", "1"], ["1", "0.5"]),
        ([], []),
    ],
)
def test_answers_that_may_be_classes_are_paired(labels: list[str], answers: list[str]) -> None:
    assert paired(labels, answers).size == len(labels)


def test_two_classes_spelt_otherwise_are_told_with_the_keys_that_say_which() -> None:
    frame = pl.DataFrame({"label": ["yes", "no"], "prediction": ["yes", "no"]})
    with pytest.raises(QualityError, match=r"positive_class in kedge\.yaml, --positive-class"):
        pairs_of(frame, ProblemType.BINARY_CLASSIFICATION)
    with pytest.raises(QualityError, match="may be spelt otherwise there"):
        pairs_of(frame, ProblemType.BINARY_CLASSIFICATION, positive="Yes")
