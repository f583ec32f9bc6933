"""The training job: the owner's trainer on the channel ``train``, its model into ``model``."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from retrain.workflows.jobs.container import main, the_file, trainer
from retrain.workflows.steps import BAD_INPUT, TRAIN_ERROR, StepError, table, trained_on


def train(root: Path) -> None:
    """Train by the hyperparameters run and label; leaves the archive's files in ``model``.

    The features are all other columns of the set, in their order: a hyperparameter has 2500 characters, which
    the names of a wide model's exceed. SageMaker packs that folder into model.tar.gz again.

    Raises:
        StepError: where the job's input is none, or the trainer failed.
    """
    config = root / "input" / "config" / "hyperparameters.json"
    try:
        given = json.loads(config.read_bytes())
        run, label = str(given["run"]), str(given["label"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"the hyperparameters run and label can't be read ({type(error).__name__})"
        raise StepError(BAD_INPUT, f"{told}: see that the state machine is of this version") from error
    data = the_file(root / "input" / "data" / "train")
    csv = data.read_bytes()
    features = [name for name in table(csv, data.name).columns if name != label]
    trained = trained_on(trainer(), csv, data.name, label, features, run)
    model = root / "model"
    model.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(trained.archive), mode="r:*") as packed:
            packed.extractall(model, filter="data")
    except tarfile.TarError as error:
        told = f"the trainer's archive is none that tar reads ({type(error).__name__})"
        raise StepError(TRAIN_ERROR, told) from error


if __name__ == "__main__":
    main(train)
