"""The stage: buckets, a registered model and an endpoint that captures, made by the calls that an owner would make."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from demo.aws import LocalAws
from demo.model import Champion
from demo.traffic import Destination


@dataclass(frozen=True, slots=True)
class Stage:
    """What has been set up, by name."""

    bucket: str
    endpoint: str
    variant: str
    endpoint_config: str
    model_package_group: str
    model_package: str
    capture: Destination
    ground_truth: str
    baseline: str
    results: str


def set_stage(aws: LocalAws, champion: Champion, rmse: float) -> Stage:
    """Make buckets, register and approve the champion, and deploy it with data capture on."""
    raise NotImplementedError


def baseline_dataset(frame: pl.DataFrame, champion: Champion) -> bytes:
    """The CSV that a baseline is made from: header, then the champion's prediction and the inputs of each animal."""
    raise NotImplementedError
