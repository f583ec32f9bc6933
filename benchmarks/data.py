"""Captures in SageMaker's form, and training data to hold them against; the same for the same seed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

PREDICTION = "prediction"
START = datetime(2026, 11, 1, tzinfo=UTC)
_LINE = (
    '{"captureData":{"endpointInput":{"observedContentType":"%(type)s","mode":"INPUT","data":"%(asked)s",'
    '"encoding":"%(encoding)s"},"endpointOutput":{"observedContentType":"%(type)s","mode":"OUTPUT",'
    '"data":"%(answered)s","encoding":"%(encoding)s"}},"eventMetadata":{"eventId":"%%s",'
    '"inferenceTime":"%%s"},"eventVersion":"0"}'
)


class Payload(StrEnum):
    """How the captured payloads are written; gzip is CSV in gzipped objects."""

    CSV = "csv"
    JSON = "json"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to generate: `records` captured in `files` objects, and `reference` rows of training data."""

    records: int
    features: int = 8
    files: int = 100
    payload: Payload = Payload.CSV
    reference: int = 100_000
    seed: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.files <= self.records or self.features < 1 or self.reference < 2:
            raise ValueError(
                f"{self.records} records of {self.features} features in {self.files} files against "
                f"{self.reference} rows can't be generated: give at least one record a file, one feature "
                "and two rows"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The columns: the prediction first, as Model Monitor has it."""
        return (PREDICTION, *(f"f{index}" for index in range(self.features)))

    @property
    def folder(self) -> str:
        """A name that no other plan has."""
        parts = (self.payload, self.records, self.features, self.files, self.reference, self.seed)
        return "-".join(str(part) for part in parts)


def write(plan: Plan, folder: Path) -> None:
    """Write `training.csv` and the captured objects (`capture/*.jsonl`, or .jsonl.gz) to a folder."""
    capture = folder / "capture"
    capture.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(plan.seed)
    rows = sampled(random, plan.reference, plan.features, shift=0.0)
    form = ",".join(["%.6f"] * len(plan.names))
    lines = [",".join(plan.names), *(form % tuple(row) for row in rows.tolist())]
    (folder / "training.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    bounds = np.linspace(0, plan.records, plan.files + 1).astype(int)
    for index in range(plan.files):
        body = captured(plan, random, int(bounds[index + 1] - bounds[index]), index)
        name = f"{index:05d}.jsonl"
        if plan.payload is Payload.GZIP:
            (capture / f"{name}.gz").write_bytes(gzip.compress(body, 6, mtime=0))
        else:
            (capture / name).write_bytes(body)


def captured(plan: Plan, random: np.random.Generator, records: int, index: int) -> bytes:
    """The lines of one object; their values have moved a little from the training data's."""
    values = sampled(random, records, plan.features, shift=0.2)
    ids = random.bytes(16 * records).hex()
    template = _template(plan)
    moment = (START + timedelta(seconds=index)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [
        template % (*row[1:], row[0], _uuid(ids[32 * at : 32 * at + 32]), moment)
        for at, row in enumerate(values.tolist())
    ]
    return ("\n".join(lines) + "\n").encode()


def sampled(random: np.random.Generator, rows: int, features: int, shift: float) -> npt.NDArray[np.float64]:
    """Prediction and features; every second feature has a long tail, the last one moves by `shift`."""
    values = random.standard_normal((rows, features))
    values[:, 1::2] = np.exp(values[:, 1::2])
    values[:, -1] += shift
    prediction = 1 / (1 + np.exp(-values.mean(axis=1)))
    return np.column_stack([prediction, values])


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _template(plan: Plan) -> str:
    if plan.payload is Payload.JSON:
        asked = "{" + ",".join(rf"\"{name}\":%.6f" for name in plan.names[1:]) + "}"
        answered = rf"{{\"{PREDICTION}\":%.6f}}"
        return _LINE % {
            "type": "application/json",
            "encoding": "JSON",
            "asked": asked,
            "answered": answered,
        }
    asked = ",".join(["%.6f"] * plan.features)
    return _LINE % {"type": "text/csv", "encoding": "CSV", "asked": asked, "answered": "%.6f"}
