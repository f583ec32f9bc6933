"""What will happen in the story: animals, their predictions and their true rings, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from demo import model, survey
from demo.model import Champion
from demo.preparation import SKEWED, SOUND, Preparation
from demo.traffic import (
    CapturedObject,
    Destination,
    captured_window,
    labels_key,
    labels_object,
    request_times,
)

FIRST_HOUR = datetime(2026, 5, 4, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
SURVEYED = 6000
"""Animals of a synthetic survey, half of them to train on."""
FEWEST = 1000
"""Animals that a model of ten inputs, its baseline and its held-out set are made of, at the least."""
FAULTY, FAULT = "length", 1000.0
"""The measurement that a faulty pipeline writes in another unit, and by how much that multiplies it."""

Answers = Callable[[survey.Floats, Sequence[datetime]], survey.Floats]
"""What the endpoint predicts for inputs of shape (rows, 10) that come at these times; shape (rows,)."""


@dataclass(frozen=True, slots=True)
class Plot:
    """How the story goes. `shift` is in standard deviations of the measurements; 0 is a story without one."""

    seed: int = 1
    shift: float = 1.0
    quiet_windows: int = 24
    shifted_windows: int = 16
    rows: int = 240
    label_delay: timedelta = 3 * HOUR
    data: Path | None = None
    """The real survey's CSV, in place of a synthetic one."""
    fault: bool = False
    """From the shift's hour on a pipeline writes `FAULTY` in another unit, and the world stays as it was."""
    bad_data: bool = False
    """The labels that the trainer is given are shuffled."""
    skew: bool = False
    """Inputs are prepared one way for training and another way for serving, from the beginning."""

    @property
    def preparation(self) -> Preparation:
        """What is done to the inputs before the model sees them."""
        return SKEWED if self.skew else SOUND

    @property
    def shift_at(self) -> datetime:
        """The hour from which the world is another, or the model sees it otherwise than it was taught."""
        if self.skew:
            return FIRST_HOUR
        return FIRST_HOUR + self.quiet_windows * HOUR


@dataclass(frozen=True, slots=True)
class Cast:
    """The survey's two halves and the champion trained on the first; `rmse` is its error on the second."""

    training: pl.DataFrame
    held_out: pl.DataFrame
    champion: Champion
    rmse: float


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of traffic, and the labels that were collected in it."""

    start: datetime
    captured: tuple[CapturedObject, ...]
    labels: tuple[tuple[str, bytes], ...]


def cast(plot: Plot) -> Cast:
    """Survey, split, train."""
    animals = survey.read_survey(plot.data) if plot.data else survey.survey(plot.seed, SURVEYED)
    if len(animals) < FEWEST:
        raise ValueError(f"{plot.data} holds {len(animals)} animals: the story needs {FEWEST} or more")
    training, held_out = survey.split(animals, 0.5, plot.seed)
    prepare = plot.preparation.training
    champion = model.fit(prepare(survey.inputs(training)), survey.rings(training), plot.seed)
    error = model.rmse(survey.rings(held_out), champion.predict(prepare(survey.inputs(held_out))))
    return Cast(training, held_out, champion, error)


def hours(
    plot: Plot, played: Cast, answers: Answers, destination: Destination, label_prefix: str
) -> Iterator[Hour]:
    """The story's hours in order; after the last hour of traffic come those in which only labels arrive.

    `answers` is asked for an hour's predictions when that hour is asked for, since a model may have been
    deployed in the meantime.
    """
    due: dict[datetime, list[tuple[str, bytes]]] = {}
    count = plot.quiet_windows + plot.shifted_windows
    animals = _animals(plot, played, count)
    for at in range(count):
        start = FIRST_HOUR + at * HOUR
        seen = animals[at * plot.rows : (at + 1) * plot.rows]
        seed = plot.seed * 100_000 + at
        features = plot.preparation.serving(survey.inputs(seen))
        predictions = answers(features, request_times(len(features), start, HOUR, seed))
        captured = captured_window(features, predictions, start, HOUR, seed, destination)
        collected = start + plot.label_delay
        event_ids = [name for one in captured for name in one.event_ids]
        body = labels_object(event_ids, survey.rings(seen).astype(int).tolist())
        key = labels_key(label_prefix, collected, seed)
        due.setdefault(collected, []).append((key, body))
        yield Hour(start, captured, tuple(due.pop(start, ())))
    for start in sorted(due):
        yield Hour(start, (), tuple(due[start]))


def _animals(plot: Plot, played: Cast, count: int) -> pl.DataFrame:
    """Every animal that the endpoint is asked about: none of them was trained on."""
    wanted = count * plot.rows
    if plot.data is None:
        drawn = survey.survey(plot.seed + 7919, wanted)
    else:
        rng = np.random.default_rng(plot.seed + 7919)
        drawn = played.held_out[rng.integers(0, len(played.held_out), wanted)]
    cut = plot.quiet_windows * plot.rows
    return pl.concat([drawn[:cut], _changed(plot, drawn)[cut:]])


def _changed(plot: Plot, animals: pl.DataFrame) -> pl.DataFrame:
    if plot.fault:
        return survey.in_other_unit(animals, FAULTY, FAULT)
    return survey.shifted(animals, plot.shift, plot.seed)
