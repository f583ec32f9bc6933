"""One trained champion and one AWS for all the demo's tests: training takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from demo import model, survey
from demo.aws import LocalAws

TRAINED_ON = 2000


@pytest.fixture(scope="session")
def animals() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Animals to train on, and animals the champion never saw."""
    return survey.split(survey.survey(seed=5, rows=5000), TRAINED_ON / 5000, seed=6)


@pytest.fixture(scope="session")
def champion(animals: tuple[pl.DataFrame, pl.DataFrame]) -> model.Champion:
    return model.train(animals[0], seed=7)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(update_seconds=0.3) as running:
        yield running
