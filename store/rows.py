"""From a row to a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import CursorResult

Record = TypeVar("Record")


def one(make: Callable[..., Record], result: CursorResult[Any]) -> Record | None:
    """The single row as a record, or None."""
    row = result.mappings().one_or_none()
    return None if row is None else make(**row)


def to_json(value: object) -> str:
    """JSON for a text column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
