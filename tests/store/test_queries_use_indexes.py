"""What the service and the pages ask again and again reads no large table from end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Connection, Engine, Table, event, insert

from store import (
    attention,
    captures,
    decisions,
    executions,
    fleet,
    incidents,
    ledger,
    monitors,
    rollups,
    series,
    turns,
    windows,
)
from store.engine import writing
from store.records import ExecutionKind, MetricRow, ObjectKind, Window
from store.schema import (
    check_results,
    deployments,
    feature_results,
    labels,
    metrics,
    objects,
    predictions,
    rejects,
    segments,
)
from store.schema import executions as executions_table
from store.schema import monitors as monitors_table
from store.schema import rollups as rollups_table
from store.schema import windows as windows_table
from tests.clock import HOUR, NOON
from tests.store import world

ENDPOINTS, WINDOWS = 25, 240
LARGE = ("windows", "executions", "feature_results", "check_results", "metrics", "objects", "segments",
         "rejects", "predictions", "labels", "rollups")  # fmt: skip
LAST = 7 * WINDOWS  # the window that questions are about: the last one of the seventh endpoint
DUE = NOON + WINDOWS * HOUR


def _fill(connection: Connection) -> None:
    """A fleet with ten days of hourly windows, all judged, measured and published but for the last two."""
    rows: dict[Table, list[dict[str, Any]]] = {
        monitors_table: [
            {"id": m, "name": f"e{m}", "config_digest": "", "created_at": NOON, "watched": True}
            for m in range(1, ENDPOINTS + 1)
        ],
        deployments: [{"id": m, "monitor_id": m, "started_at": NOON} for m in range(1, ENDPOINTS + 1)],
    }
    for number in range(ENDPOINTS * WINDOWS):
        _fill_window(rows, number + 1, number // WINDOWS + 1, number % WINDOWS)
    for table, given in rows.items():
        connection.execute(insert(table), given)
        if connection.dialect.name == "postgresql":
            sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
            connection.exec_driver_sql(f"SELECT setval({sequence}, (SELECT max(id) FROM {table.name}))")
    connection.exec_driver_sql("ANALYZE")


def _fill_window(rows: dict[Table, list[dict[str, Any]]], key: int, monitor: int, hour: int) -> None:
    start, done = NOON + hour * HOUR, hour < WINDOWS - 2
    here = {"variant": world.VARIANT, "deployment_id": monitor}
    one = {"id": key, "monitor_id": monitor}
    of_object = {**one, "object_id": key}
    joined = {**of_object, "join_hash": f"{key:032}", "row": 0}
    row: dict[Table, dict[str, Any]] = {
        windows_table: one | here | {
            "start": start, "end": start + HOUR, "records": 1, "revision": 1, "dirty": not done,
            "quality_dirty": not done, "profile": b"p" * 300,
        },
        objects: one | {
            "kind": ObjectKind.CAPTURE, "bucket": "logs", "key": f"{key:06}", "etag": "one", "size": 1,
            "variant": world.VARIANT, "records": 1, "rejected": 0, "consumed_at": start,
        },
        rollups_table: {
            "window_id": key, "level": 0, "after": "", "upto": f"{key:06}|", "rejected": 0,
            "profile": b"p" * 300,
        },
        segments: of_object | here | {
            "window_start": start, "window_end": start + HOUR, "records": 1, "first_at": start,
            "last_at": start, "profile": b"p" * 300, "place": f"{key:06}|",
        },
        predictions: joined | here | {"window_start": start, "prediction": 1.0},
        labels: joined | {"label": 1.0},
        rejects: of_object | {"kind": "not_json", "count": 1, "examples": "[]"},
        executions_table: one | {
            "window_id": key, "kind": ExecutionKind.DATA_QUALITY, "revision": 1, "status": "Completed",
            "distance_mode": "correct", "judged_at": start, "records": 1, "rejected": 0, "violations": 0,
            "message": "", "config_digest": "", "latest": True, "published_at": start if done else None,
        },
        feature_results: {
            "execution_id": key, "position": 0, "feature": "x", "data_type": "Fractional", "drift": 0.1,
            "threshold": 0.2, "outcome": "OK",
        },
        check_results: {
            "execution_id": key, "feature": "x", "check": "baseline_drift_check", "outcome": "OK",
            "detail": "",
        },
        metrics: {"execution_id": key, "name": "rmse", "value": 2.0, "count": 1},
    }  # fmt: skip
    for table, values in row.items():
        rows.setdefault(table, []).append(values)


def _window(connection: Connection) -> Window:
    found = windows.by_id(connection, LAST)
    assert found is not None
    return found


def _replace(connection: Connection, kind: ObjectKind) -> None:
    rows = [(f"{LAST - 5:032}", 0, 2.0)]
    given = pl.DataFrame(rows, ledger.LABELS, orient="row") if kind is ObjectKind.GROUND_TRUTH else None
    captures.replace(connection, 7, world.consumed(f"{LAST:06}", "two", kind), labels_given=given, now=NOON)


Question = Callable[[Connection], object]
HERE = (7, DUE - HOUR, world.VARIANT, 7)
DAY = {"start": DUE - 24 * HOUR, "end": DUE}

QUESTIONS: dict[str, Question] = {
    "etags of a listing": lambda c: captures.known_etags(
        c, 7, ObjectKind.CAPTURE, world.BUCKET, ["001680", "x"]
    ),
    "a new capture": lambda c: _replace(c, ObjectKind.CAPTURE),
    "new labels": lambda c: _replace(c, ObjectKind.GROUND_TRUTH),
    "segments of a window": lambda c: rollups.pieces(c, *HERE),
    "segments of a window after one": lambda c: rollups.pieces(c, *HERE, gaps=[("001600", None)]),
    "sums of a window": lambda c: rollups.of_window(c, LAST),
    "a segment that comes": lambda c: rollups.changed(c, 7, [(DUE - HOUR, world.VARIANT, 7)], "001600"),
    "sums that are let go": lambda c: rollups.forget(c, 7, before=NOON, consumed_before=NOON),
    "windows judged again": lambda c: windows.with_statistics(c, 7, DAY["start"], DAY["end"]),
    "merged profiles": lambda c: windows.merged(c, [LAST, LAST - 1]),
    "newest verdict": lambda c: decisions.newest_execution(c, 7),
    "labelled records of a window": lambda c: world.labelled(c, *HERE),
    "labelled records of a day": lambda c: ledger.labelled_between(
        c, 7, DAY["start"], DAY["end"], world.VARIANT, 7
    ),
    "capture objects of a day": lambda c: captures.keys_between(
        c, 7, DAY["start"], DAY["end"], world.VARIANT, 7
    ),
    "captures read with other columns": lambda c: captures.read_otherwise(c, 7, "digest"),
    "captures to be read again": lambda c: captures.unread(c, 7),
    "judged windows of an era after one": lambda c: executions.starts_after(c, 7, 7, DUE - HOUR, 2),
    "rejects by kind": lambda c: captures.reject_counts(c, 7),
    "recent rejects": lambda c: captures.recent_rejects(c, 7),
    "totals of an endpoint": lambda c: captures.totals(c, 7),
    "windows due": lambda c: windows.due(c, 7, DUE),
    "windows due for quality": lambda c: windows.due_for_quality(c, 7, DUE),
    "windows of a day": lambda c: windows.between(c, 7, DAY["start"], DAY["end"]),
    "variants of an era": lambda c: windows.variants(c, 7, 7),
    "the busiest variant of an era": lambda c: windows.busiest(c, 7, 7),
    "the last judged window of an era": lambda c: windows.judged_until(c, 7, world.VARIANT, 7),
    "data faults of an era": lambda c: incidents.data_faults(c, 7, world.VARIANT, 7),
    "span of the windows": lambda c: windows.span(c, 7),
    "a judgement": lambda c: world.judge(c, _window(c), world.verdict(metrics=(MetricRow("r", 1, 1, 1, 1),))),
    "latest judgements": lambda c: executions.latest(c, 7, ExecutionKind.DATA_QUALITY, limit=50),
    "judgements of a day": lambda c: executions.latest(
        c, 7, ExecutionKind.DATA_QUALITY, start=DUE - 24 * HOUR
    ),
    "the last judgement of enough records": lambda c: executions.of_records(
        c, 7, world.VARIANT, 7, 100, DUE - HOUR
    ),
    "judgements before": lambda c: executions.before(c, 7, world.VARIANT, 7, DUE - HOUR, 4),
    "what an era violated": lambda c: incidents.violated(c, 7, world.VARIANT, 7, DUE - 4 * HOUR, DUE),
    "what came before": lambda c: executions.volumes(c, 7, world.VARIANT, 7, DUE - HOUR, 4),
    "revisions of a window": lambda c: executions.of_window(c, LAST),
    "features of an execution": lambda c: executions.features(c, LAST),
    "checks of an execution": lambda c: executions.checks(c, LAST),
    "metrics of an execution": lambda c: executions.metric_rows(c, LAST),
    "a metric in an era": lambda c: series.measured(
        c, 7, world.VARIANT, 7, "rmse", since=NOON, fewest=1, limit=9
    ),
    "drift of a day": lambda c: series.drift(c, 7, **DAY),
    "violations of a day": lambda c: series.violations(c, 7, **DAY),
    "quality of a day": lambda c: series.quality(c, 7, **DAY),
    "what to publish": lambda c: executions.unpublished(c, 7),
    "open incidents": lambda c: incidents.open_ones(c, 7),
    "a page of the fleet": lambda c: attention.page(c, limit=20),
    "turns that are due": lambda c: turns.take(c, DUE, DUE + HOUR, 32),
    "the fleet's lag": lambda c: turns.lag(c, DUE),
    "who is undecided": decisions.undecided,
    "a row of the fleet": lambda c: fleet.of_monitors(c, [m for m in monitors.watched(c) if m.id == 7]),
}


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    from store.engine import open_engine
    from store.migrate import upgrade

    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('filled') / 'kedge.db'}")
        upgrade(engine)
    else:
        engine = open_engine(request.getfixturevalue("postgres").migrated_database())
    with writing(engine) as connection:
        _fill(connection)
    yield engine
    engine.dispose()


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _plan(connection: Connection, statement: str, parameters: Any) -> list[str]:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        # a scan is the cheaper plan for tables as small as these: only where nothing else is left may it show
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{statement}", parameters)
    return [str(row[-1]).strip() for row in rows]


def _scans(plan: list[str]) -> list[str]:
    """The steps of a plan that read a large table whole; `SCAN t USING INDEX` walks in order and stops."""
    return [
        step
        for step in plan
        for table in LARGE
        if step.removeprefix("->  ").startswith((f"Seq Scan on {table} ", f"SCAN {table}"))
        and "USING" not in step
    ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_large_table_is_read_from_end_to_end(filled: Engine, question: str) -> None:
    with _statements(filled) as statements, filled.connect() as connection:
        QUESTIONS[question](connection)
        asked = list(statements)
        assert asked
        for statement, parameters in asked:
            plan = _plan(connection, statement, parameters)
            assert _scans(plan) == [], "\n".join([statement, *plan])
        connection.rollback()


def test_a_question_without_an_index_would_be_noticed(filled: Engine) -> None:
    with filled.connect() as connection:
        for table in LARGE:
            statement = f"SELECT * FROM {table} WHERE {table}.id + 1 = 7"
            assert _scans(_plan(connection, statement, ())) != [], table
