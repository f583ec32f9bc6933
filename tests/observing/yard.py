"""What an owner has lying in a folder or a bucket: captures, labels and a baseline of a small model."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from baselines import constraints, statistics
from baselines.create import create
from baselines.quality.analysis import analyze
from config.model import Endpoint
from config.problem import ProblemType
from objects import Place, S3Client, open_place, s3_client
from tests.capture.events import captured, csv_line
from tests.clock import MINUTE

VARIANT = "AllTraffic"


@dataclass(frozen=True, slots=True)
class Record:
    """One answered request: the model's rings for an animal's length and sex."""

    event_id: str
    at: datetime
    rings: float
    length: float
    sex: str

    def line(self) -> bytes:
        time = self.at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return csv_line(f"{self.length},{self.sex}", f"{self.rings}", event_id=self.event_id, time=time)


def records(
    seed: int, start: datetime, count: int = 30, length: timedelta = MINUTE, shift: float = 0.0
) -> tuple[Record, ...]:
    """Requests spread evenly from `start` on; `shift` is in standard deviations of the animals' lengths."""
    rng = np.random.default_rng(seed)
    lengths = rng.normal(0.5 + 0.1 * shift, 0.1, count).round(4)
    sexes = rng.choice(["F", "I", "M"], count)
    return tuple(
        Record(
            f"e{seed}-{at}", start + at * length / count, round(float(size) * 20, 3), float(size), str(sex)
        )
        for at, (size, sex) in enumerate(zip(lengths, sexes, strict=True))
    )


def body(given: Iterable[Record], *, bad: Sequence[bytes] = ()) -> bytes:
    """A captured object, with some lines at its end that are no good."""
    return captured(*(record.line() for record in given), *bad)


def capture_key(variant: str, at: datetime, name: str) -> str:
    """Below the endpoint's folder."""
    return f"{variant}/{at:%Y/%m/%d/%H/%M-%S}-000-{name}.jsonl"


def label_key(at: datetime, name: str) -> str:
    return f"{at:%Y/%m/%d/%H/%M-%S}-000-{name}.jsonl"


def labels_body(pairs: Iterable[tuple[str, float | str]]) -> bytes:
    """Ground truth for these event ids."""
    lines = [
        {
            "groundTruthData": {"data": str(label), "encoding": "CSV"},
            "eventMetadata": {"eventId": event_id},
            "eventVersion": "0",
        }
        for event_id, label in pairs
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@cache
def baseline_files(shift: float = 0.0, rows: int = 2000) -> dict[str, bytes]:
    """A baseline of ordinary animals, made as `kedge baseline create` makes it."""
    rng = np.random.default_rng(99)
    lengths = rng.normal(0.5 + 0.1 * shift, 0.1, rows).round(4)
    sexes = rng.choice(["F", "I", "M"], rows)
    table = [f"{round(float(size) * 20, 3)},{size},{sex}" for size, sex in zip(lengths, sexes, strict=True)]
    profile, suggested = create("\n".join(["rings,length,sex", *table]).encode(), where="baseline.csv")
    return {
        "statistics.json": statistics.write(profile).encode(),
        "constraints.json": constraints.write(suggested).encode(),
    }


@dataclass(frozen=True, slots=True)
class Yard:
    """`uri` is a folder or a bucket; captures, labels, baseline and results lie in folders below it."""

    uri: str
    s3: S3Client | None = None

    def place(self, folder: str) -> Place:
        return open_place(f"{self.uri}/{folder}", self.s3)

    def put(self, folder: str, key: str, data: bytes) -> str:
        """Store an object; returns its whole key."""
        place = self.place(folder)
        whole = place.key(key)
        place.objects.write(whole, data)
        return whole

    def capture(
        self,
        endpoint: str,
        given: Sequence[Record],
        *,
        variant: str = VARIANT,
        name: str = "a",
        zipped: bool = False,
        at: datetime | None = None,
    ) -> str:
        """A captured object, in the hour of its first record or in that of `at`."""
        key = capture_key(variant, at or given[0].at, name) + (".gz" if zipped else "")
        data = gzip.compress(body(given)) if zipped else body(given)
        return self.put("capture", f"{endpoint}/{key}", data)

    def labels(self, at: datetime, pairs: Iterable[tuple[str, float]], name: str = "a") -> str:
        return self.put("labels", label_key(at, name), labels_body(pairs))

    def baseline(self, folder: str = "baseline", shift: float = 0.0) -> str:
        """Put a baseline; returns its address."""
        for name, data in baseline_files(shift).items():
            self.put(folder, name, data)
        return f"{self.uri}/{folder}"

    def quality_baseline(self, error: float) -> str:
        """Put a baseline of a quality, of answers that were off by so much; returns its address."""
        truth = pl.Series([float(at % 20) for at in range(400)])
        frame = pl.DataFrame({"prediction": truth + error, "label": truth})
        for name, text in analyze(frame, ProblemType.REGRESSION).files().items():
            self.put("quality", name, text.encode())
        return f"{self.uri}/quality"

    def endpoint(self, name: str = "abalone", **given: Any) -> Endpoint:
        """The entry of an endpoint that captures here, in windows of a minute."""
        usual: dict[str, Any] = {
            "capture": f"{self.uri}/capture",
            "baseline": f"{self.uri}/baseline",
            "prediction": "rings",
            "window": "1m",
            "grace": "1m",
        }
        return Endpoint.model_validate({"name": name, **usual, **given})


def bucket(name: str) -> Yard:
    """A new bucket in the AWS that the environment names."""
    client: Any = s3_client()
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Yard(f"s3://{name}", client)
