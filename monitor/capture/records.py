"""The tables that decoding fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from baselines.profile.types import NumberForm
from monitor.capture.columns import Schema
from monitor.capture.rejects import Rejects

TIME = pl.Datetime("us", "UTC")

META: dict[str, pl.DataType] = {
    "@line": pl.UInt32(),
    "@row": pl.UInt32(),
    "@event_id": pl.String(),
    "@inference_id": pl.String(),
    "@time": TIME,
}
"""The columns of a record that are about it; the schema's names follow."""

MISFITS: dict[str, pl.DataType] = {"@line": pl.UInt32(), "@time": TIME, "@width": pl.UInt32()}
"""The columns of records that do not fit."""


@dataclass(frozen=True, slots=True)
class Part:
    """What some lines of an object held: tables of `record_types` and `MISFITS`, in any order.

    `forms` tells of columns of `records` what is known of them already.
    """

    records: pl.DataFrame
    misfits: pl.DataFrame
    rejects: Rejects
    forms: Mapping[str, NumberForm] = field(default_factory=lambda: MappingProxyType({}))


def record_types(schema: Schema) -> dict[str, pl.DataType]:
    """The columns of a table of records and their types."""
    return META | {name: pl.String() for name in schema.names}
