"""The `training` section of kedge.yaml: what a challenger is trained and judged on."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.fields import Folder, Part, PositiveDuration, one_of


class LearnsFrom(StrEnum):
    """Which captured records go into the training set, behind the original set where there is one."""

    CHANGE = "change"
    """Those after the estimated change."""
    PERIOD = "period"
    """Those of the last stretch of a stated length."""
    ORIGINAL = "original"
    """None: the original set alone."""


class TrainingFormat(StrEnum):
    """What the files that a target is handed are written as."""

    CSV = "csv"
    PARQUET = "parquet"


class FewLabels(StrEnum):
    """What a run does that has too few labels."""

    WAIT = "wait"
    """It waits for as long as `wait`, and fails."""
    ASK = "ask"
    """It rests until they come, or until a person says to go on with those there are."""


class Training(Part):
    """What a challenger is trained and judged on.

    `original` is the champion's own training set and `test` its test set: CSV with a header of the label's
    column (the endpoint's `prediction`) and the inputs. `learns_from` is the key ``from``, and `period` the
    length that it means. `output` is the folder that training sets, manifests and models go to (default:
    `retraining` below the endpoint's results, or its captures). So many labelled captured records are wanted
    to train on (`minimum`) and to judge on (`judging`); a run waits for them, and for the end of a data
    fault, at most `wait`, or asks. The training itself may take `time_limit`.
    """

    original: Folder | None = None
    test: Folder | None = None
    learns_from: Annotated[LearnsFrom, one_of(LearnsFrom)] = Field(LearnsFrom.CHANGE, alias="from")
    period: PositiveDuration | None = None
    format: Annotated[TrainingFormat, one_of(TrainingFormat)] = TrainingFormat.CSV
    output: Folder | None = None
    minimum: Annotated[int, Field(ge=1)] = 300
    judging: Annotated[int, Field(ge=2)] = 200
    labels: Annotated[FewLabels, one_of(FewLabels)] = FewLabels.WAIT
    wait: PositiveDuration = timedelta(days=2)
    time_limit: PositiveDuration = timedelta(days=1)

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.learns_from is LearnsFrom.PERIOD) != (self.period is not None):
            raise ValueError("has from: period and a period together or neither; write period: 30d beside it")
        if self.learns_from is LearnsFrom.ORIGINAL and self.original is None:
            raise ValueError("learns from the original set, which it does not name; write original: s3://…")
        return self
