"""Labels that arrive after the inferences, and what they are joined by.

A label's eventId is the inferenceId of the request where the caller sent one, else its eventId: Model Monitor's
merge rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from monitor.capture.decode import GIB
from monitor.capture.rejects import Rejects


@dataclass(frozen=True, slots=True)
class Labels:
    """What an object of ground truth held.

    Attributes:
        frame: "@line" UInt32 (1-based), "join_id" String, "row" UInt32 (the record's position in its request),
            "label" String (null: missing).
        rejects: what was not used.
    """

    frame: pl.DataFrame
    rejects: Rejects


def decode_labels(data: bytes, *, limit_bytes: int = GIB) -> Labels:
    """Decode the JSON lines of a ground-truth object, gzipped or not."""
    raise NotImplementedError


def join_ids(records: pl.DataFrame) -> pl.Series:
    """What a label of each record would be joined by: its inference id, else its event id."""
    return records.select(pl.coalesce("@inference_id", "@event_id").alias("join_id")).to_series()


def hash_ids(ids: pl.Series) -> pl.Series:
    """Each id as 32 hexadecimal digits, the same on every machine and in every version of the libraries."""
    raise NotImplementedError
