"""Traffic as an endpoint's data capture leaves it in S3, and the labels that come later."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from demo.survey import INPUTS, Floats

DECIMALS = 6  # of an input and a prediction: a float32's worth, and never an exponent

# A captured line, key for key as SageMaker writes it, between its values.
INPUT = '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"'
OUTPUT = (
    '","encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv; charset=utf-8",'
    '"mode":"OUTPUT","data":"'
)
EVENT = '","encoding":"CSV"}},"eventMetadata":{"eventId":"'
INFERENCE = '","inferenceId":"'
TIME = '","inferenceTime":"'
END = '"},"eventVersion":"0"}\n'


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an endpoint's captures go: DestinationS3Uri's bucket and key prefix, endpoint, variant."""

    bucket: str
    prefix: str
    endpoint: str
    variant: str

    @property
    def uri(self) -> str:
        """DestinationS3Uri, as DataCaptureConfig has it."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class CapturedObject:
    """One capture file: its key, its bytes, and the ids by which labels name its records, in their order."""

    key: str
    body: bytes
    event_ids: tuple[str, ...]


def captured_object(
    features: Floats,
    predictions: Floats,
    event_ids: Sequence[str],
    inference_ids: Sequence[str] | None,
    times: Sequence[datetime],
) -> bytes:
    """The bytes of one capture file: a line for each request of one record, as SageMaker writes it.

    `features` has shape (rows, 10) in the order of `survey.INPUTS`, the rest is as long as its rows.
    `inference_ids` None: the caller sent none, and the line has none.
    """
    columns = {name: decimals(column) for name, column in zip(INPUTS, features.T, strict=True)}
    ids = {} if inference_ids is None else {"inference": _escaped(inference_ids)}
    frame = pl.DataFrame(
        columns
        | ids
        | {
            "rings": decimals(predictions),
            "event": _escaped(event_ids),
            "time": [_second(at) for at in times],
        }
    )
    inference = [] if inference_ids is None else [pl.lit(INFERENCE), pl.col("inference")]
    line = pl.concat_str(
        pl.lit(INPUT),
        pl.concat_str(INPUTS, separator=","),
        pl.lit(OUTPUT),
        "rings",
        pl.lit(EVENT),
        "event",
        *inference,
        pl.lit(TIME),
        "time",
        pl.lit(END),
    )
    return "".join(frame.select(line).to_series()).encode()


def captured_window(
    features: Floats,
    predictions: Floats,
    start: datetime,
    length: timedelta,
    seed: int,
    destination: Destination,
    objects: int = 4,
    inference_ids: Sequence[str] | None = None,
) -> tuple[CapturedObject, ...]:
    """The requests of one window, at random times in [start, start + length), `objects` files an hour.

    The rows come in the order of time. The seed settles ids, times and keys; other windows want other seeds.
    """
    rows = len(features)
    rng = np.random.default_rng(seed)
    times = _times(rng, rows, start, length)
    event_ids = [_uuid(rng) for _ in range(rows)]
    file_seconds = 3600 / objects
    files = [int(at.timestamp() // file_seconds) for at in times]
    cuts = [0, *(at for at in range(1, rows) if files[at] != files[at - 1]), rows] if rows else []
    return tuple(
        CapturedObject(
            capture_key(destination, times[first], _uuid(rng)),
            captured_object(
                features[first:last],
                predictions[first:last],
                event_ids[first:last],
                None if inference_ids is None else inference_ids[first:last],
                times[first:last],
            ),
            tuple((inference_ids or event_ids)[first:last]),
        )
        for first, last in pairwise(cuts)
    )


def request_times(rows: int, start: datetime, length: timedelta, seed: int) -> list[datetime]:
    """When the requests of `captured_window` with this seed come, in order: a model may change in between."""
    return _times(np.random.default_rng(seed), rows, start, length)


def _times(rng: np.random.Generator, rows: int, start: datetime, length: timedelta) -> list[datetime]:
    seconds = np.sort(rng.uniform(0.0, length.total_seconds(), size=rows))
    return [start.astimezone(UTC) + timedelta(seconds=second) for second in seconds.tolist()]


def capture_key(destination: Destination, opened: datetime, name: str) -> str:
    """`<prefix>/<endpoint>/<variant>/yyyy/mm/dd/hh/MM-SS-mmm-<name>.jsonl` for a file opened then."""
    folder = f"{destination.prefix}/{destination.endpoint}/{destination.variant}"
    return f"{folder}/{_hour_and_rest(opened, name)}"


def labels_object(event_ids: Sequence[str], rings: Sequence[int]) -> bytes:
    """Ground truth: one line for each record's id and its true rings."""
    return b"".join(_label(name, count) for name, count in zip(event_ids, rings, strict=True))


def labels_key(prefix: str, collected: datetime, seed: int) -> str:
    """`<prefix>/yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl`: the hour is when the labels were collected."""
    return f"{prefix}/{_hour_and_rest(collected, _uuid(np.random.default_rng(seed)))}"


def _label(name: str, count: int) -> bytes:
    line = {
        "groundTruthData": {"data": str(int(count)), "encoding": "CSV"},
        "eventMetadata": {"eventId": name},
        "eventVersion": "0",
    }
    return json.dumps(line).encode() + b"\n"


def _hour_and_rest(at: datetime, name: str) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y/%m/%d/%H/%M-%S}-{utc.microsecond // 1000:03d}-{name}.jsonl"


def decimals(values: Floats) -> pl.Series:
    """Numbers as the endpoint's callers write them: `0.0`, `1.0`, `0.4465`; up to 6 decimals, no exponent."""
    exact = pl.Series(values, dtype=pl.Float64).round(DECIMALS).cast(pl.Decimal(38, DECIMALS)).cast(pl.String)
    return exact.str.replace(r"(\.\d+?)0+$", "$1")


def _escaped(names: Sequence[str]) -> list[str]:
    return [json.dumps(name)[1:-1] for name in names]


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _uuid(rng: np.random.Generator) -> str:
    return str(uuid.UUID(bytes=rng.bytes(16), version=4))
