"""A small world that changes: two measures and the rings that follow from them, one way and then another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tests.capture.events import captured, csv_line
from tests.clock import HOUR
from tests.observing.yard import labels_body

Floats = NDArray[np.float64]

FEATURES = ("length", "weight")
LABEL = "rings"
NOISE = 1.0
ROWS = 120
IMAGE = "registry/linear:1"
CHANGED_MEANS = (6.5, 3.0)
"""Of the inputs of the changed world, which lie symmetrically about them."""
_BEFORE, _SINCE = np.array([4.0, 3.0]), np.array([4.0, -3.0])


@dataclass(frozen=True, slots=True)
class Hour:
    """The requests of an hour, in order, and the truth about them."""

    start: datetime
    inputs: Floats
    truth: Floats
    ids: tuple[str, ...]
    times: tuple[datetime, ...]

    def captured(self, answers: Sequence[float]) -> bytes:
        """The captured object of these requests, so answered."""
        return captured(
            *(
                csv_line(
                    f"{length},{weight}", f"{answer:.6f}", event_id=name, time=f"{at:%Y-%m-%dT%H:%M:%SZ}"
                )
                for (length, weight), answer, name, at in zip(
                    self.inputs.tolist(), answers, self.ids, self.times, strict=True
                )
            )
        )

    def labelled(self, count: int | None = None) -> bytes:
        """The labels of the first so many requests, or of all."""
        return labels_body(list(zip(self.ids, self.truth.tolist(), strict=True))[:count])


def hour(seed: int, start: datetime, *, shifted: bool = False, rows: int = ROWS) -> Hour:
    """An hour of the world as it was, or as it is since; the same for the same seed and start."""
    rng = np.random.default_rng([seed, int(start.timestamp())])
    inputs, truth = _drawn(rng, rows, shifted)
    seconds = np.sort(rng.uniform(0, HOUR.total_seconds(), rows)).tolist()
    return Hour(
        start,
        inputs,
        truth,
        tuple(f"{start:%d-%H}-{at}" for at in range(rows)),
        tuple(start + timedelta(seconds=int(second)) for second in seconds),
    )


def _drawn(rng: np.random.Generator, rows: int, shifted: bool) -> tuple[Floats, Floats]:
    inputs = rng.normal([5.0 + 1.5 * shifted, 3.0], [1.0, 0.5], (rows, 2)).round(4)
    truth = inputs @ (_SINCE if shifted else _BEFORE) + (20.0 if shifted else 1.0)
    return inputs, (truth + rng.normal(0, NOISE, rows)).round(3)


def dataset(seed: int, rows: int = 2000, *, shifted: bool = False) -> bytes:
    """A labelled set: CSV with the header rings,length,weight."""
    inputs, truth = _drawn(np.random.default_rng(seed), rows, shifted)
    return csv(inputs, truth)


def csv(inputs: Floats, truth: Floats | None = None) -> bytes:
    """A CSV of inputs, after their labels where there are some."""
    first = {} if truth is None else {LABEL: truth}
    return pl.DataFrame({**first, **dict(zip(FEATURES, inputs.T, strict=True))}).write_csv().encode()


def baseline_csv(answers: Callable[[Floats], Sequence[float]], seed: int = 7, rows: int = 2000) -> bytes:
    """What a model's baseline is made of: its answers, and the inputs, of the world as it was."""
    inputs, _ = _drawn(np.random.default_rng(seed), rows, shifted=False)
    return csv(inputs, np.array(answers(inputs)).round(6))
