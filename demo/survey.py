"""The abalone survey: sex, seven measurements and rings of each animal, drawn from a model of the real one.

The model follows an animal's life. Its sex class is drawn, then its age given the class, then its length by
Gompertz's curve of growth, then the other measures by allometry: each is a power of length, bent a little,
with a term for age (an old shell is thick, old meat is lean), and residuals that hang together. Its rings are
its age, read with an error.

The constants were fitted to the public survey of 4177 animals from Tasmania (Nash et al. 1994, the UCI data
set "Abalone") by least squares on logarithms, residuals beyond four robust deviations left out; the reading
error so that a model errs as much as on the real survey. Lengths are in units of 200 mm and weights in units
of 200 g, as in that file.
"""

from __future__ import annotations

from dataclasses import dataclass
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

RESOLUTION = np.array([0.005, 0.005, 0.005, 0.0005, 0.0005, 0.0005, 0.0005])
"""One millimetre, one tenth of a gram: the steps in which `MEASURES` were read off."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How one sex class ages and grows.

    share: of the survey. age: birth + exp(N(log_mean, log_sd)). log length: limit − delay·exp(−rate·age).
    """

    share: float
    birth: float
    log_mean: float
    log_sd: float
    limit: float
    delay: float
    rate: float


GROWTH = {
    "F": Growth(0.3129, 3.5, 1.959, 0.375, -0.513, 11.78, 0.584),
    "I": Growth(0.3213, 0.0, 2.020, 0.296, -0.541, 3.608, 0.330),  # infants: not yet of a sex
    "M": Growth(0.3658, 0.0, 2.334, 0.260, -0.488, 5.536, 0.419),
}
RINGS_RANGE = (1, 29)
READING_ERROR = 0.07
"""Rings are counted under a microscope: the count over the true age, as a deviation of its logarithm."""

# Deviation of log length about its curve: young animals differ more than old ones.
SPREAD_OLD, SPREAD_YOUNG, SPREAD_FADES = 0.115, 0.17, 7.0
SPREAD_SKEW = 0.25  # log-normal shape, turned over: stunted animals are commoner than giants

# Allometry, a row for each measure after length, with x = log(length / 0.55):
# log measure = intercept + power·x + bend·x² + thickening·log(age / 10) + infant.
TYPICAL_LENGTH, TYPICAL_AGE = 0.55, 10.0
ALLOMETRY = np.array(
    [
        [-0.8446, 1.0184, -0.0183, 0.0291, -0.0117],
        [-1.9199, 0.9678, 0.0272, 0.1368, -0.0391],
        [-0.1807, 2.9060, 0.0362, 0.1138, -0.0807],
        [-1.0264, 3.1860, -0.0274, -0.1721, -0.0634],
        [-1.6990, 2.9125, 0.0664, 0.0642, -0.1280],
        [-1.4216, 2.5620, -0.0657, 0.3556, -0.0694],
    ]
)
RESIDUAL_SD = np.array([0.0363, 0.1117, 0.1275, 0.1790, 0.1906, 0.1516])
RESIDUAL_CORRELATION = np.array(
    [
        [1.000, 0.186, 0.308, 0.205, 0.154, 0.331],
        [0.186, 1.000, 0.407, 0.236, 0.312, 0.429],
        [0.308, 0.407, 1.000, 0.789, 0.625, 0.606],
        [0.205, 0.236, 0.789, 1.000, 0.411, 0.257],
        [0.154, 0.312, 0.625, 0.411, 1.000, 0.304],
        [0.331, 0.429, 0.606, 0.257, 0.304, 1.000],
    ]
)

RESPONSE_SD = 0.25
"""How unequally individuals respond to a change of their world: deviation of a factor of mean 1."""
YOUTH = 0.2
"""How much sooner an animal has grown up in richer water, for each standard deviation that it is bigger."""


def survey(seed: int, rows: int) -> pl.DataFrame:
    """`rows` animals with the columns of `COLUMNS`; the same for the same seed."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(SEXES, size=rows, p=[GROWTH[name].share for name in SEXES])
    age = _age(sex, rng)
    length = np.exp(_log_length(sex, age, rng))
    measures = np.column_stack([length, np.exp(_log_allometry(sex, age, length, rng))])
    return _frame(sex, _as_read(measures), _counted(age, rng))


def read_survey(path: Path) -> pl.DataFrame:
    """The real survey from a CSV with the header `sex,length,…,rings`, animals without a size left out.

    Raises ValueError saying what about the file is wrong: no CSV, columns missing, a value that is no number.
    """
    try:
        frame = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{path} is no CSV in UTF-8 ({why}); give the abalone survey's CSV") from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{path} is no abalone survey: it lacks {', '.join(missing)}; head it {','.join(COLUMNS)}"
        )
    typed = frame.select(
        "sex", pl.col(MEASURES).cast(pl.Float64, strict=False), pl.col(RINGS).cast(pl.Int64, strict=False)
    )
    for name in (*MEASURES, RINGS):
        wrong = (~typed[name].cast(pl.Float64).is_finite().fill_null(value=False)).arg_true()
        if len(wrong):
            raise ValueError(f"{path}, line {wrong[0] + 2}, {name}: is no number; correct it")
    sexes = typed["sex"].is_in(SEXES).fill_null(value=False).not_().arg_true()
    if len(sexes):
        raise ValueError(f"{path}, line {sexes[0] + 2}, sex: is none of {', '.join(SEXES)}; correct it")
    return typed.filter(pl.all_horizontal(pl.col(MEASURES) > 0))


def split(frame: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The animals of `frame` in two disjoint random parts, the first with `share` of them."""
    order = np.random.default_rng(seed).permutation(len(frame))
    cut = round(share * len(frame))
    return frame[order[:cut]], frame[order[cut:]]


def shifted(frame: pl.DataFrame, sd: float, seed: int) -> pl.DataFrame:
    """The animals of `frame` in richer water, where they grow faster: bigger, heavier, and younger for it.

    Every measure grows by a factor that moves its mean by `sd` of its standard deviations in `frame` (so give
    the whole population at once), and rings fall by a factor of 1 + `YOUTH`·sd: the population changes, and
    the relation of rings to size with it. Within one animal all of it moves together.
    `sd` 0 returns the frame as it is; below 0 is a ValueError.
    """
    if not 0 <= sd < np.inf:
        raise ValueError(f"a shift of {sd} standard deviations cannot be played: give 0 or more")
    if sd == 0 or frame.is_empty():
        return frame
    measures = frame.select(MEASURES).to_numpy()
    response = np.random.default_rng(seed).normal(1.0, RESPONSE_SD, size=len(frame)).clip(0.0, 2.0)
    gain = sd * measures.std(axis=0) / measures.mean(axis=0)
    grown = _as_read(measures * (1.0 + np.outer(response, gain)))
    younger = np.rint(rings(frame) / (1.0 + YOUTH * sd * response)).clip(1)
    columns = dict(zip(MEASURES, grown.T, strict=True)) | {RINGS: younger.astype(np.int64)}
    return frame.with_columns(pl.Series(name, values) for name, values in columns.items())


def in_other_unit(frame: pl.DataFrame, measure: str, factor: float) -> pl.DataFrame:
    """The animals of `frame` with one of `MEASURES` written down in another unit."""
    return frame.with_columns(pl.col(measure) * factor)


def inputs(frame: pl.DataFrame) -> Floats:
    """The model's inputs, shape (rows, 10), in the order of `INPUTS`: measures as they are, sex one-hot."""
    one_hot = [(pl.col("sex") == name).cast(pl.Float64).alias(f"sex_{name}") for name in SEXES]
    return frame.select(*MEASURES, *one_hot).to_numpy()


def rings(frame: pl.DataFrame) -> Floats:
    """The truth, shape (rows,), as real numbers."""
    return frame[RINGS].cast(pl.Float64).to_numpy()


def _age(sex: npt.NDArray[np.str_], rng: np.random.Generator) -> Floats:
    birth, mean, spread = (_of_sex(sex, name) for name in ("birth", "log_mean", "log_sd"))
    return np.asarray(birth + np.exp(rng.normal(mean, spread)))


def _counted(age: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    count = age * np.exp(rng.normal(0.0, READING_ERROR, size=age.size))
    return np.rint(count).clip(*RINGS_RANGE).astype(np.int64)


def _log_length(sex: npt.NDArray[np.str_], age: Floats, rng: np.random.Generator) -> Floats:
    limit, delay, rate = (_of_sex(sex, name) for name in ("limit", "delay", "rate"))
    spread = SPREAD_OLD + SPREAD_YOUNG * np.exp(-age / SPREAD_FADES)
    stunting = np.exp(rng.normal(0.0, SPREAD_SKEW, size=age.size))
    mean = np.exp(SPREAD_SKEW**2 / 2)
    deviation = mean * np.sqrt(np.expm1(SPREAD_SKEW**2))
    return np.asarray(limit - delay * np.exp(-rate * age) - spread * (stunting - mean) / deviation)


def _log_allometry(
    sex: npt.NDArray[np.str_], age: Floats, length: Floats, rng: np.random.Generator
) -> Floats:
    x = np.log(length / TYPICAL_LENGTH)
    terms = np.column_stack([np.ones_like(x), x, x * x, np.log(age / TYPICAL_AGE), sex == "I"])
    covariance = RESIDUAL_CORRELATION * np.outer(RESIDUAL_SD, RESIDUAL_SD)
    residuals = rng.multivariate_normal(np.zeros(len(RESIDUAL_SD)), covariance, size=age.size)
    return np.asarray(terms @ ALLOMETRY.T + residuals)


def _of_sex(sex: npt.NDArray[np.str_], constant: str) -> Floats:
    values = [getattr(GROWTH[name], constant) for name in SEXES]
    return np.asarray(np.select([sex == name for name in SEXES], values), dtype=np.float64)


def _as_read(measures: Floats) -> Floats:
    steps = np.rint(measures / RESOLUTION).clip(1)
    return np.asarray(np.round(steps * RESOLUTION, 4))


def _frame(sex: npt.NDArray[np.str_], measures: Floats, count: npt.NDArray[np.int64]) -> pl.DataFrame:
    columns = dict(zip(MEASURES, measures.T, strict=True))
    return pl.DataFrame({"sex": sex, **columns, RINGS: count})
