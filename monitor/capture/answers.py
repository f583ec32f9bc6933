"""What a model's answer is made of, and where it stands: in captures, in files, beside its label."""

from __future__ import annotations

import polars as pl

from baselines.quality.pairs import LABEL, PREDICTION, PROBABILITY, Choices, is_read, pairs_of
from config.model import Endpoint
from config.problem import ProblemType


def answer_columns(endpoint: Endpoint) -> tuple[str, ...]:
    """What a model's answer is made of: "prediction", for two classes also or instead "probability".

    Where the answer is the probability itself, or where there is none, the threshold tells the class.
    """
    if endpoint.problem is ProblemType.REGRESSION:
        return (PREDICTION,)
    names = []
    if endpoint.prediction not in (None, endpoint.probability):
        names.append(PREDICTION)
    if endpoint.probability is not None:
        names.append(PROBABILITY)
    return tuple(names)


def column_in_file(side: str, endpoint: Endpoint) -> str:
    """What a side is called in files: an answer that is the probability itself stands under "prediction"."""
    is_answer = side == PROBABILITY and endpoint.probability == endpoint.prediction
    return PREDICTION if is_answer else side


def as_captured(answers: pl.DataFrame, endpoint: Endpoint) -> pl.DataFrame:
    """Answers as text, under the names that they have in captured records."""
    names = {PREDICTION: endpoint.prediction, PROBABILITY: endpoint.probability}
    return answers.select(
        pl.col(side).cast(pl.String).alias(name)
        for side, name in names.items()
        if name and side in answers.columns
    )


def sides(found: pl.DataFrame, endpoint: Endpoint) -> pl.DataFrame:
    """The ledger's rows as the columns that quality is measured of: "label" and the `answer_columns`.

    Of a regression they are Float64. A class is String: one that is a number stands in the ledger as such.
    """
    if endpoint.problem is ProblemType.REGRESSION:
        return found.select(PREDICTION, LABEL)
    of_class = {
        PREDICTION: pl.coalesce("answer", pl.col("prediction").cast(pl.String)),
        PROBABILITY: pl.col("probability"),
    }
    return found.select(
        pl.coalesce("truth", pl.col("label").cast(pl.String)).alias(LABEL),
        *(of_class[name].alias(name) for name in answer_columns(endpoint)),
    )


def are_read(sides: pl.DataFrame, names: tuple[str, ...], endpoint: Endpoint) -> pl.Series:
    """Which records have all of these sides, so that they can be read. Boolean."""
    every = pl.all_horizontal(is_read(name, endpoint.problem) for name in names)
    return sides.select(every.alias("read"))["read"]


def choices(sides: pl.DataFrame, endpoint: Endpoint) -> Choices:
    """What a classifier answered beside what was right, as its entry says to read both.

    Raises:
        QualityError: where classes don't fit the kind of model.
    """
    found = pairs_of(
        sides,
        endpoint.problem,
        threshold=endpoint.probability_threshold,
        positive=endpoint.positive_class,
    )
    assert isinstance(found, Choices)  # noqa: S101 (what is no regression has classes)
    return found
