"""The labelled records that champion and challenger are compared on, of whatever kind the models are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from baselines.quality.pairs import LABEL, PREDICTION, Choices, Floats
from baselines.quality.problem import QualityError
from config.metrics import FRESH
from config.model import Endpoint
from config.problem import ProblemType
from monitor.capture.answers import answer_columns, are_read, choices
from retrain.judging import COVERAGE, MEASURES, JudgingError, paired
from retrain.judging_classes import paired_classes
from store.retraining import Trial

Inside = NDArray[np.bool_]
Requests = NDArray[np.str_]


class Judged(Protocol):
    """Records in one order, with their labels and both models' answers."""

    @property
    def size(self) -> int:
        """How many there are."""

    def among(self, inside: Inside) -> Judged:
        """Those at the places that are true, of shape (records,)."""

    def trial(self, metric: str, seed: int, dataset: str = FRESH, coverage: float = COVERAGE) -> Trial:
        """Both by one metric. Raises JudgingError where they can't be compared by it."""


@dataclass(frozen=True, slots=True)
class JudgedNumbers:
    """Of models that answer numbers; all of shape (records,), `requests` name the request of each."""

    labels: Floats
    champion: Floats
    challenger: Floats
    requests: Requests | None = None

    @property
    def size(self) -> int:
        """See `Judged.size`."""
        return int(self.labels.size)

    def among(self, inside: Inside) -> JudgedNumbers:
        """See `Judged.among`."""
        requests = None if self.requests is None else self.requests[inside]
        return JudgedNumbers(self.labels[inside], self.champion[inside], self.challenger[inside], requests)

    def trial(self, metric: str, seed: int, dataset: str = FRESH, coverage: float = COVERAGE) -> Trial:
        """See `Judged.trial`."""
        if metric not in MEASURES:
            raise JudgingError(f"{metric} is no metric of numbers: see accept and problem_type in kedge.yaml")
        return paired(
            self.labels, self.champion, self.challenger, metric, seed, dataset, self.requests, coverage
        )


@dataclass(frozen=True, slots=True)
class JudgedClasses:
    """Of classifiers: both sides have the same labels in one order."""

    champion: Choices
    challenger: Choices
    requests: Requests | None = None

    @property
    def size(self) -> int:
        """See `Judged.size`."""
        return self.champion.size

    def among(self, inside: Inside) -> JudgedClasses:
        """See `Judged.among`."""
        places = np.flatnonzero(inside)
        requests = None if self.requests is None else self.requests[inside]
        return replace(
            self, champion=self.champion.at(places), challenger=self.challenger.at(places), requests=requests
        )

    def trial(self, metric: str, seed: int, dataset: str = FRESH, coverage: float = COVERAGE) -> Trial:
        """See `Judged.trial`."""
        return paired_classes(self.champion, self.challenger, metric, seed, dataset, self.requests, coverage)


def judged(
    champion: pl.DataFrame, challenger: pl.DataFrame, endpoint: Endpoint, requests: Requests | None = None
) -> Judged:
    """What two models answered about the same records, in one order.

    Args:
        champion: the columns "label" and `answer_columns`; records that lack one are left out.
        challenger: the `answer_columns`.
        endpoint: says what models answer.
        requests: names the request of each record; without it each record is one.

    Raises:
        JudgingError: where a challenger gave no answer, or classes don't fit the kind of model.
    """
    if champion.height != challenger.height:
        raise JudgingError(
            f"there are {champion.height} answers of the champion and {challenger.height} of the challenger; "
            "give one of each for every record"
        )
    if endpoint.problem is ProblemType.REGRESSION:
        sides = (champion[LABEL], champion[PREDICTION], challenger[PREDICTION])
        labels, one, other = (side.cast(pl.Float64, strict=False).fill_null(np.nan) for side in sides)
        return JudgedNumbers(labels.to_numpy(), one.to_numpy(), other.to_numpy(), requests)
    return _of_classes(champion, challenger, endpoint, requests)


def _of_classes(
    champion: pl.DataFrame, challenger: pl.DataFrame, endpoint: Endpoint, requests: Requests | None
) -> JudgedClasses:
    answers = answer_columns(endpoint)
    known = are_read(champion, (LABEL, *answers), endpoint)
    one, other = champion.filter(known), challenger.filter(known)
    dumb = other.height - int(are_read(other, answers, endpoint).sum())
    if dumb:
        raise JudgingError(f"the challenger gave no answer for {dumb} of {other.height} records")
    return JudgedClasses(
        _choices(one, endpoint, "champion"),
        _choices(other.select(answers).with_columns(one[LABEL]), endpoint, "challenger"),
        None if requests is None else requests[known.to_numpy()],
    )


def _choices(frame: pl.DataFrame, endpoint: Endpoint, who: str) -> Choices:
    try:
        return choices(frame, endpoint)
    except QualityError as error:
        raise JudgingError(f"the {who}'s answers can't be held against the labels: {error}") from error
