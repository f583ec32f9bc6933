"""Traffic as an endpoint's data capture leaves it in S3, and the labels that come later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.survey import Floats


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an endpoint's captures go: the key prefix of DestinationS3Uri, the endpoint and the variant."""

    prefix: str
    endpoint: str
    variant: str


@dataclass(frozen=True, slots=True)
class CapturedObject:
    """One capture file: its key, its bytes, and the id by which a label will name each of its records."""

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
    """One line per request, as SageMaker writes it."""
    raise NotImplementedError


def captured_window(
    features: Floats,
    predictions: Floats,
    start: datetime,
    length: timedelta,
    seed: int,
    destination: Destination,
    objects: int = 4,
) -> tuple[CapturedObject, ...]:
    """Requests spread over a window, in `objects` files; the same for the same seed."""
    raise NotImplementedError


def labels_object(event_ids: Sequence[str], rings: Sequence[int]) -> bytes:
    """Ground truth, one line per label."""
    raise NotImplementedError


def labels_key(prefix: str, collected: datetime, seed: int) -> str:
    """The key of a ground-truth object: under the hour in which the labels were collected."""
    raise NotImplementedError
