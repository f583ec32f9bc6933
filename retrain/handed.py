"""What a run's target was handed: the run keeps to it, whatever kedge.yaml says by now."""

from __future__ import annotations

import json
from typing import Any

from config.training import TrainingFormat
from objects import Place
from retrain.bench import Bench
from store.retraining import Run


def handed(run: Run) -> dict[str, Any]:
    """What the target was handed: the run keeps to it, whatever kedge.yaml says by now."""
    found: dict[str, Any] = json.loads(run.input or "{}")
    return found


def is_scored(run: Run) -> bool:
    """Whether the target was handed records of Kedge's to score, by which the run is judged."""
    return handed(run).get("score", True) is not None


def folder(run: Run) -> str:
    """The address of a run's own folder."""
    return str(handed(run)["output"])


def format_of(run: Run) -> TrainingFormat:
    """What the files were written as that the target was handed."""
    return TrainingFormat(handed(run)["training"].get("format", TrainingFormat.CSV))


def home(run: Run, bench: Bench) -> Place:
    """The folder that a run's own is in."""
    return bench.place(folder(run).rpartition("/")[0])
