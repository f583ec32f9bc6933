"""A data set's columns as what a model answered and what was right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from baselines.datasets import DatasetError, whole
from baselines.quality.pairs import LABEL, PREDICTION, PROBABILITY


@dataclass(frozen=True, slots=True)
class Attributes:
    """Which column of a data set is what, in Model Monitor's words; a position such as 0 stands for `_c0`."""

    ground_truth: str
    inference: str | None = None
    probability: str | None = None


def read(source: bytes | Path, attributes: Attributes, *, header: bool = True, where: str) -> pl.DataFrame:
    """The columns "label", "prediction" and "probability" of a data set, as far as they are named.

    `where` names the data set in errors and says its format by its suffix. Raises DatasetError.
    """
    wanted = {
        LABEL: attributes.ground_truth,
        PREDICTION: attributes.inference,
        PROBABILITY: attributes.probability,
    }
    named = {role: column for role, column in wanted.items() if column is not None}
    parts = [
        part.select(pl.col(_found(part, column, where)).alias(role) for role, column in named.items())
        for part in whole(source, header, where)
    ]
    if not sum(part.height for part in parts):
        raise DatasetError(f"{where} holds no rows: quality is measured on answers and their labels")
    return pl.concat(parts)


def _found(part: pl.DataFrame, column: str, where: str) -> str:
    if column in part.columns:
        return column
    numbered = f"_c{column}"
    if numbered in part.columns:
        return numbered
    raise DatasetError(f"{where} has no column {column!r}: its columns are {', '.join(part.columns)}")
