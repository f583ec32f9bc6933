"""A SQLite file has no statistics until somebody runs ANALYZE: joins must not depend on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, event

from store import captures, ledger
from store.engine import open_engine, writing
from store.records import ConsumedObject, ObjectKind
from tests.clock import NOON

LABELS = ConsumedObject(ObjectKind.GROUND_TRUTH, "b", "k", "e", 1, "", 1, 0)
GIVEN = pl.DataFrame([("h", 0, 1.0)], schema=ledger.LABELS, orient="row")


def label(connection: Connection) -> None:
    captures.replace(connection, 1, LABELS, labels_given=GIVEN, now=NOON)


def measure(connection: Connection) -> None:
    ledger.labelled(connection, 1, NOON, "AllTraffic", 1)


@pytest.mark.parametrize(
    ("act", "first"),
    [
        (label, "labels USING INDEX ix_labels_object_id"),
        (measure, "predictions USING INDEX ix_predictions_monitor_id_predictions_window_start"),
    ],
)
def test_the_join_of_predictions_and_labels_begins_at_the_small_side(
    migrated_sqlite: Path, tmp_path: Path, act: Callable[[Connection], None], first: str
) -> None:
    path = tmp_path / "kedge.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    engine = open_engine(f"sqlite:///{path}")
    joins: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, text: str, values: Any, _ctx: object, _many: bool) -> None:
        if "predictions" in text and "labels" in text and not text.startswith("EXPLAIN"):
            joins.append((text, values))

    with writing(engine) as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        connection.exec_driver_sql(
            "INSERT INTO monitors (id, name, config_digest, created_at, watched) "
            "VALUES (1, 'm', '', '2026-01-01', 1)"
        )
        act(connection)
        text, values = joins[0]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
    engine.dispose()
    searches = [step for step in plan if step.startswith(("SEARCH", "SCAN"))]
    assert first in searches[0], plan
