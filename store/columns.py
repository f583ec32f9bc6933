"""What columns are made of: the types that both databases take alike, keys and references."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    String,
    Text,
)
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """Aware UTC times, also in SQLite, which forgets the zone. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the database: make it aware, in UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text that strangers may have written: what no database takes as text is shown as a sign instead."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database: U+2400 for NUL, which PostgreSQL refuses, U+FFFD for half a surrogate pair."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return whole.replace("\0", "\u2400")


class Number(TypeDecorator[float]):
    """A measurement; NaN is none, and is stored as none by both databases alike."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """To the database."""
        return None if value is None or math.isnan(value) else float(value)


# SQLite gives an integer key its rowid only for INTEGER; elsewhere these tables want 64 bits.
Key = BigInteger().with_variant(Integer, "sqlite")


# The order of keys is that of their bytes; a database that sorts by a language would have one of its own.
Place = String(512).with_variant(String(512, collation="C"), "postgresql")


def key() -> Column[int]:
    """A table's own key."""
    return Column("id", Key, primary_key=True, autoincrement=True)


def of(table: str, *, name: str | None = None, nullable: bool = False, cascade: bool = True) -> Column[int]:
    """A reference to a row of another table, which goes with that row unless it is not to cascade."""
    rule = "CASCADE" if cascade else None
    column = name or f"{table.rstrip('s')}_id"
    return Column(column, Key, ForeignKey(f"{table}.id", ondelete=rule), nullable=nullable)
