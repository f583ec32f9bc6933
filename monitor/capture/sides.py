"""The two sides of a labelled record as columns: what the model answered, and what was right."""

from __future__ import annotations

import polars as pl

from baselines.quality.pairs import LABEL, PREDICTION, PROBABILITY
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
