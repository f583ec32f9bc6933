"""The worker's trainer: a real network, the same for the same run, and what a broken pipeline makes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest

from demo import model, survey
from demo.endpoint import IMAGE
from demo.pipeline import dataset
from demo.worker import AbaloneTrainer
from retrain.workflows.steps import Trained, TrainerError
from tests.conftest import ROOT

Animals = tuple[pl.DataFrame, pl.DataFrame]
FEATURES = list(reversed(survey.INPUTS))  # as somebody else may order them
RUN = "kedge-abalone-1"


def trained(trainer: AbaloneTrainer, frame: pl.DataFrame, run: str = RUN) -> Trained:
    return trainer.train(dataset(frame), survey.RINGS, FEATURES, run)


def error(found: Trained, frame: pl.DataFrame) -> float:
    scores = AbaloneTrainer().score(found.archive, dataset(frame))
    return model.rmse(survey.rings(frame), np.array(scores))


@pytest.fixture(scope="module")
def found(animals: Animals) -> Trained:
    return trained(AbaloneTrainer(), animals[0])


def test_it_learns_what_the_champion_learnt(found: Trained, animals: Animals) -> None:
    assert error(found, animals[1]) < 2.4
    assert found.image == IMAGE


def test_it_is_evaluated_on_animals_that_it_was_not_trained_on(found: Trained, animals: Animals) -> None:
    told: dict[str, Any] = found.evaluation["regression_metrics"]
    assert told["rmse"]["value"] == pytest.approx(error(found, animals[1]), rel=0.2)
    assert told["mse"]["value"] == pytest.approx(told["rmse"]["value"] ** 2)


def test_the_same_run_gets_the_same_model_and_another_run_another(found: Trained, animals: Animals) -> None:
    asked = dataset(animals[1].head(50))
    trainer = AbaloneTrainer()
    again = trainer.score(trained(trainer, animals[0]).archive, asked)
    other = trainer.score(trained(trainer, animals[0], "kedge-abalone-2").archive, asked)
    assert again == trainer.score(found.archive, asked)
    assert other != again


def test_scores_come_in_the_order_of_the_rows_whatever_the_order_of_the_columns(
    found: Trained, animals: Animals
) -> None:
    asked = animals[1].head(50)
    table = pl.read_csv(dataset(asked)).select(FEATURES)
    expected = model.unpack(found.archive).predict(survey.inputs(asked))
    assert AbaloneTrainer().score(found.archive, table.write_csv().encode()) == pytest.approx(
        expected, rel=1e-5
    )


def test_on_shuffled_labels_it_learns_nothing(animals: Animals) -> None:
    nothing = trained(AbaloneTrainer(shuffle_labels=True), animals[0])
    assert error(nothing, animals[1]) > 0.95 * float(np.std(survey.rings(animals[1])))


def test_features_that_the_network_does_not_take_are_told(animals: Animals) -> None:
    with pytest.raises(TrainerError, match="hand over these features"):
        AbaloneTrainer().train(dataset(animals[0]), survey.RINGS, ["length"], RUN)


def test_a_queue_is_asked_for() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "demo.worker"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "--queue" in ran.stderr
