"""What Model Monitor's analyzer writes of a data set, a value at a time, by none of Kedge's code.

The miniatures of the golden cases are held against it: a clone alone tests what the real files show.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

K, C = 2048, 0.64
FRACTIONAL = re.compile(r"^(-|\+)? ?\d+((\.\d+)|((?:\.\d+)?[Ee][-+]?\d+))$")
INTEGRAL = re.compile(r"^(-|\+)? ?\d+$")


class Sketch:
    """deequ's compactors: the lowest is the largest, and nothing is left to chance."""

    def __init__(self) -> None:
        self.levels: list[list[float]] = [[]]
        self.compactions = [0]
        self.offsets = [0]

    @staticmethod
    def room(height: int) -> int:
        return 2 * (math.ceil(K * C**height / 2) + 1)

    def update(self, value: float) -> None:
        self.levels[0].append(value)
        if sum(map(len, self.levels)) > sum(self.room(height) for height in range(len(self.levels))):
            self.condense()

    def condense(self) -> None:
        for height, items in enumerate(self.levels):
            if len(items) >= self.room(height):
                if height + 1 == len(self.levels):
                    self.levels.append([])
                    self.compactions.append(0)
                    self.offsets.append(0)
                self.levels[height + 1] += self.compact(height)
                return

    def compact(self, height: int) -> list[float]:
        items = self.levels[height]
        even = len(items) // 2 * 2
        if self.compactions[height] % 2 == 1:
            self.offsets[height] = 1 - self.offsets[height]
        self.compactions[height] += 1
        self.levels[height] = items[even:]
        return sorted(items[:even])[self.offsets[height] :: 2]

    def rank(self, below: float) -> int:
        return sum(2**height for height, items in enumerate(self.levels) for item in items if item < below)


def numbers(name: str, cells: Sequence[str | None]) -> dict[str, object]:
    """The entry of a numeric feature in statistics.json."""
    present = [float(cell) for cell in cells if cell is not None]
    total = mean = m2 = 0.0
    sketch = Sketch()
    for n, value in enumerate(present, 1):
        total += value
        delta = value - mean
        step = delta / n
        mean += step
        m2 += delta * (delta - step)
        sketch.update(value)
    low, high = min(present), max(present)
    bounds = [low + (high - low) * i / 10 for i in range(11)]
    buckets = []
    for i in range(10):
        upper = math.inf if i == 9 else bounds[i + 1]
        count = float(sketch.rank(upper) - sketch.rank(bounds[i]))
        buckets.append({"lower_bound": bounds[i], "upper_bound": bounds[i + 1], "count": count})
    whole = all(INTEGRAL.match(cell) for cell in cells if cell is not None)
    return {
        "name": name,
        "inferred_type": "Integral" if whole else "Fractional",
        "numerical_statistics": {
            "common": {"num_present": len(present), "num_missing": len(cells) - len(present)},
            "mean": total / len(present),
            "sum": total,
            "std_dev": math.sqrt(m2 / len(present)),
            "min": low,
            "max": high,
            "distribution": {
                "kll": {
                    "buckets": buckets,
                    "sketch": {"parameters": {"c": C, "k": float(K)}, "data": sketch.levels},
                }
            },
        },
    }


def texts(name: str, cells: Sequence[str | None]) -> dict[str, object]:
    """The entry of a text feature with few different values."""
    present = [cell for cell in cells if cell is not None]
    found = sorted(set(present), key=lambda text: (-present.count(text), text))
    return {
        "name": name,
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": len(present), "num_missing": len(cells) - len(present)},
            "distinct_count": float(len(found)),
            "distribution": {
                "categorical": {"buckets": [{"value": text, "count": present.count(text)} for text in found]}
            },
        },
    }


def statistics(rows: Sequence[Sequence[str | None]], names: Sequence[str]) -> dict[str, object]:
    """statistics.json of rows of cells; None is a missing one."""
    features = []
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        known = [cell for cell in cells if cell is not None]
        numeric = all(FRACTIONAL.match(cell) or INTEGRAL.match(cell) for cell in known)
        features.append((numbers if numeric else texts)(name, cells))
    return {"version": 0.0, "dataset": {"item_count": len(rows)}, "features": features}
