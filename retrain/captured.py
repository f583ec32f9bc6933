"""Captured records that have a label: read again from where they were captured, joined by the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from monitor.capture.columns import Schema
from monitor.capture.decode import GIB
from objects import Place

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Source:
    """A captured object whose records were used: the ETag is of exactly the bytes that were read."""

    bucket: str
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class Captured:
    """Labelled records and the objects they came from.

    Attributes:
        rows: "@id" (join hash), "@row", "@time" (UTC), the input columns as text, "@label" and "@prediction"
            (Float64; the champion's answer may be null); each (id, row) once, by "@id" and "@row".
        sources: in the order of their keys.
    """

    rows: pl.DataFrame
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels and the champion's predictions of the records of a scored file; all of one length.

    `positions` are their places in that file: a record whose label was taken back is left out.
    """

    positions: npt.NDArray[np.int64]
    labels: Floats
    champion: Floats


def captured_rows(
    connection: Connection,
    captures: Place,
    *,
    monitor_id: int,
    schema: Schema,
    variant: str,
    deployment_id: int,
    start: datetime,
    end: datetime,
    limit_bytes: int = GIB,
) -> Captured:
    """The labelled records of one era's variant that were inferred in [start, end).

    An object that is gone is passed over. Raises PlaceError where the captures can't be read.
    """
    raise NotImplementedError


def fresh_truth(
    connection: Connection,
    *,
    monitor_id: int,
    variant: str,
    deployment_id: int,
    start: datetime,
    end: datetime,
    ids: bytes,
) -> Truth:
    """Labels and champion's predictions for the judging window [start, end), by the order of fresh.csv.

    `ids` is `TrainingSet.judging_ids`, as it was written.
    """
    raise NotImplementedError
