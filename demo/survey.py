"""The abalone survey: sex, seven measurements and rings of each animal, drawn from a model of the real one.

The model follows an animal's life. Its sex class is drawn, then its rings (age) given the class, then its length by
Gompertz's curve of growth, then the other measurements by allometry: each is a power of length, bent a little, with
a term for age (an old shell is thick, an old body is not heavier), and residuals that hang together.

The constants were fitted to the public survey of 4177 animals from Tasmania (Nash et al. 1994, the UCI data set
"Abalone") by least squares on logarithms, leaving out residuals beyond four robust deviations. Lengths are in units
of 200 mm and weights in units of 200 g, as in that file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

MEASURES = (
    "length",
    "diameter",
    "height",
    "whole_weight",
    "shucked_weight",
    "viscera_weight",
    "shell_weight",
)
SEXES = ("F", "I", "M")
RINGS = "rings"
COLUMNS = ("sex", *MEASURES, RINGS)
INPUTS = (*MEASURES, "sex_F", "sex_I", "sex_M")
"""What the model takes, in this order."""


def survey(seed: int, rows: int) -> pl.DataFrame:
    """`rows` animals with the columns of `COLUMNS`; the same for the same seed."""
    raise NotImplementedError


def read_survey(path: Path) -> pl.DataFrame:
    """The real survey from a CSV with the header `sex,length,…,rings`."""
    raise NotImplementedError


def shifted(frame: pl.DataFrame, sd: float, seed: int) -> pl.DataFrame:
    """The animals of `frame` after the world has changed: bigger and heavier at the same age."""
    raise NotImplementedError


def inputs(frame: pl.DataFrame) -> Floats:
    """The model's inputs, shape (rows, 10), in the order of `INPUTS`."""
    raise NotImplementedError
