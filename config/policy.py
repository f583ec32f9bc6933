"""The finer terms of a retraining policy: when a breach is over, longer rests, costs, new data, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from config import addresses, durations, metrics
from config.fields import Folder, Part, PositiveDuration, Text

_CLEAR = re.compile(r"(\d{1,4}) of (\d{1,4})(?: by (\d{1,3}(?:\.\d{1,6})?)%)?", re.ASCII)
_BACK_OFF = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) up to (\S+)", re.ASCII)
_WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Clear:
    """``3 of 3 by 5%``: over once `quiet` of `windows` in a row are past the threshold by `percent` of it."""

    quiet: int
    windows: int
    percent: float = 0.0

    def __str__(self) -> str:
        return f"{self.quiet} of {self.windows}" + (f" by {self.percent:g}%" if self.percent else "")

    @classmethod
    def parse(cls, text: str) -> Clear:
        """Read ``N of M`` or ``N of M by P%``.

        Raises:
            ValueError: where it has another form, is not 1 <= N <= M, or P is more than 100.
        """
        found = _CLEAR.fullmatch(text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]) or float(found[3] or 0) > _WHOLE:
            raise ValueError(f"{text!r} does not say when a breach is over; write one such as 3 of 3 by 5%")
        return cls(int(found[1]), int(found[2]), float(found[3] or 0))


@dataclass(frozen=True, slots=True)
class BackOff:
    """``2 up to 7d``: each attempt in vain makes the next rest `factor` times as long, at most `longest`."""

    factor: float
    longest: timedelta

    def __str__(self) -> str:
        return f"{self.factor:g} up to {durations.spell(self.longest)}"

    @classmethod
    def parse(cls, text: str) -> BackOff:
        """Read ``FACTOR up to DURATION``.

        Raises:
            ValueError: where it has another form, or the factor is less than 1.
        """
        found = _BACK_OFF.fullmatch(text)
        if found is None or float(found[1]) < 1:
            raise ValueError(
                f"{text!r} is no longer rest; write one such as 2 up to 7d, or 1 up to 0s for none"
            )
        return cls(float(found[1]), durations.parse(found[2]))


def _quality(value: object) -> str:
    if not isinstance(value, str) or value not in metrics.METRICS or not metrics.METRICS[value].is_quality:
        known = ", ".join(name for name, metric in metrics.METRICS.items() if metric.is_quality)
        raise ValueError(f"must be a metric of a model's quality: {known}")
    return value


_Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Cost(Part):
    """What errors cost against what a training costs; the same money in all.

    `training` is the price of one run, `error` what one unit of `metric` beyond its baseline costs on one
    record, `horizon` for how long a better model is counted on.
    """

    training: _Amount
    error: _Amount
    metric: Annotated[str, PlainValidator(_quality), PlainSerializer(str, return_type=str)] = "rmse"
    horizon: PositiveDuration = timedelta(days=7)
    currency: Text | None = None


class NewData(Part):
    """A folder whose new objects are a reason to retrain.

    So many `objects` of so many `bytes` together are wanted. `look` is how often the folder is listed; a
    batch is whole once a look brings nothing more.
    """

    prefix: Folder
    objects: Annotated[int, Field(ge=1)] = 1
    bytes: Annotated[int, Field(ge=0)] = 0
    look: PositiveDuration = timedelta(minutes=15)


def prefix_alone(value: object) -> object:
    """A folder alone stands for what has all else as usual.

    Raises:
        ValueError: where it is no folder; here, since the file has no key `prefix` to blame.
    """
    return {"prefix": addresses.folder(value)} if isinstance(value, str) else value
