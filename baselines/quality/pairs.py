"""Predictions beside their labels, as arrays that metrics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.quality import classes
from baselines.quality.problem import QualityError
from config.problem import ProblemType

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

PREDICTION: Final = "prediction"
PROBABILITY: Final = "probability"
LABEL: Final = "label"
MOST_CLASSES: Final = 1000
"""Classes that are told apart: strangers may send as many texts as records, and a matrix has their square."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A regression's answers and labels, shape (records,), all finite; `left_out` records lacked a side."""

    predictions: Floats
    labels: Floats
    left_out: int = 0

    @property
    def size(self) -> int:
        """How many records are compared."""
        return int(self.labels.size)

    def at(self, positions: Codes) -> Numbers:
        """Those at these positions."""
        return Numbers(self.predictions[positions], self.labels[positions])


@dataclass(frozen=True, slots=True)
class Choices:
    """A classifier's answers and labels as positions in `names`, shape (records,).

    `scores`, of the same shape and finite, are the probabilities of the class at `positive`; None where there
    are none. Of two classes `names` is the negative and the positive one; of several they are in order,
    numbers by value before texts.
    """

    names: tuple[str, ...]
    predictions: Codes
    labels: Codes
    scores: Floats | None = None
    positive: int | None = None
    left_out: int = 0

    @property
    def size(self) -> int:
        """How many records are compared."""
        return int(self.labels.size)

    def at(self, positions: Codes) -> Choices:
        """Those at these positions."""
        scores = None if self.scores is None else self.scores[positions]
        return Choices(self.names, self.predictions[positions], self.labels[positions], scores, self.positive)


Pairs = Numbers | Choices


def is_read(side: str, problem: ProblemType) -> pl.Expr:
    """Whether a column that is one side of a record ("label", "prediction", "probability") can be read."""
    is_number = problem is ProblemType.REGRESSION or side == PROBABILITY
    return (classes.number if is_number else classes.name)(pl.col(side)).is_not_null()


def pairs_of(
    frame: pl.DataFrame, problem: ProblemType, *, threshold: float = 0.5, positive: str | None = None
) -> Pairs:
    """Pair what a frame holds, leaving out the records that lack a side.

    Args:
        frame: the columns "label" and "prediction", for two classes also or instead "probability", of any
            type. Where there is no "prediction" the class is told by a probability above `threshold`.
        problem: what the model answers.
        threshold: the probability above which a record counts as positive.
        positive: the name of the positive one of two classes; without it, 1 (or true) of 0 and 1.

    Raises:
        QualityError: where a column is missing, or two classes are more or none is known as positive.
    """
    _wanted(frame, problem)
    match problem:
        case ProblemType.REGRESSION:
            return _numbers(frame)
        case ProblemType.BINARY_CLASSIFICATION:
            return _two_classes(frame, threshold, positive)
        case ProblemType.MULTICLASS_CLASSIFICATION:
            return _classes(frame)


def _wanted(frame: pl.DataFrame, problem: ProblemType) -> None:
    if LABEL not in frame.columns:
        raise QualityError("there is no ground truth: name the column of the labels")
    if PREDICTION in frame.columns:
        return
    if problem is not ProblemType.BINARY_CLASSIFICATION:
        raise QualityError("there is no prediction: name the column of the model's answers")
    if PROBABILITY not in frame.columns:
        raise QualityError("there is neither a prediction nor a probability: name the column of one of them")


def _numbers(frame: pl.DataFrame) -> Numbers:
    sides = frame.select(classes.number(pl.col(name)).alias(name) for name in (PREDICTION, LABEL))
    known = sides.drop_nulls()
    return Numbers(known[PREDICTION].to_numpy(), known[LABEL].to_numpy(), frame.height - known.height)


def _two_classes(frame: pl.DataFrame, threshold: float, positive: str | None) -> Choices:
    found = frame.select(
        classes.binary_name(pl.col(LABEL)).alias(LABEL),
        *([classes.binary_name(pl.col(PREDICTION)).alias(PREDICTION)] if PREDICTION in frame.columns else []),
        *([classes.number(pl.col(PROBABILITY)).alias(PROBABILITY)] if PROBABILITY in frame.columns else []),
    ).drop_nulls()
    told = [name for name in (LABEL, PREDICTION) if name in found.columns]
    occurring = pl.concat([found[name].rename("name") for name in told]).unique().to_list()
    names = _two_names(occurring, positive)
    above = None if PROBABILITY not in found.columns else found[PROBABILITY].to_numpy()
    labels = (found[LABEL] == names[1]).to_numpy().astype(np.intp)
    if PREDICTION in found.columns:
        predictions = (found[PREDICTION] == names[1]).to_numpy().astype(np.intp)
    else:
        assert above is not None  # noqa: S101 (a probability was wanted where there is no prediction)
        predictions = (above > threshold).astype(np.intp)
    return Choices(names, predictions, labels, above, 1, frame.height - found.height)


def _two_names(occurring: Sequence[str], positive: str | None) -> tuple[str, str]:
    """The negative and the positive class."""
    if positive is None and not set(occurring) <= {"0", "1"}:
        raise QualityError(
            f"{len(occurring)} classes are answered or labelled and not 0 and 1 alone: "
            "name the positive one of two (positive_class in kedge.yaml, --positive-class, in the image "
            "KEDGE_POSITIVE_CLASS), or measure more of them as multiclass_classification"
        )
    wanted = "1" if positive is None else _spelt(positive)
    others = [name for name in occurring if name != wanted]
    if len(others) > 1:
        raise QualityError(
            f"{len(others)} classes are answered or labelled beside the positive one, which may be spelt "
            "otherwise there: two classes are wanted, in one spelling; measure more as "
            "multiclass_classification"
        )
    return (others[0] if others else "0" if wanted != "0" else "1"), wanted


def _spelt(positive: str) -> str:
    frame = pl.DataFrame({"name": [positive]}).select(classes.binary_name(pl.col("name")))
    found: str | None = frame.item()
    if found is None:
        raise QualityError(f"a positive class has 1 to {classes.LONGEST} characters: name it shorter")
    return found


def _are_chances(known: pl.DataFrame) -> bool:
    """Whether answers are fractions between 0 and 1, of which none is labelled."""
    answers = known[PREDICTION].cast(pl.Float64, strict=False)
    if known.is_empty() or answers.null_count() or not answers.is_between(0, 1, closed="none").all():
        return False
    return not known[PREDICTION].is_in(known[LABEL].implode()).any()


def _classes(frame: pl.DataFrame) -> Choices:
    known = frame.select(classes.name(pl.col(each)).alias(each) for each in (PREDICTION, LABEL)).drop_nulls()
    every = pl.concat([known[PREDICTION].rename("name"), known[LABEL].rename("name")]).unique()
    by_value = [pl.col("name").cast(pl.Float64, strict=False), pl.col("name")]
    if every.len() > MOST_CLASSES:
        raise QualityError(
            f"{every.len()} classes are answered or labelled, and at most {MOST_CLASSES} are told apart: "
            "see whether the columns that were named hold classes"
        )
    if _are_chances(known):
        raise QualityError(
            "every answer is a fraction from 0 to 1 and none of them a class that is labelled: see whether "
            "the column that was named holds probabilities, which binary_classification takes"
        )
    names = every.to_frame().sort(by_value, nulls_last=True)["name"]
    codes = pl.Enum(names)
    predictions, labels = (
        known[side].cast(codes).to_physical().to_numpy().astype(np.intp) for side in (PREDICTION, LABEL)
    )
    return Choices(tuple(names), predictions, labels, left_out=frame.height - known.height)
