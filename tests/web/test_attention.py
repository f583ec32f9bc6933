"""The fleet by what needs attention: the same rule in SQL and in Python, on both databases."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine, event

from store import attention, deployments, executions, fleet, incidents, monitors, windows
from store.engine import reading, writing
from store.records import ExecutionKind, ExecutionStatus, FleetState, IncidentKind, NewExecution
from tests.web.history import BEGIN, HOUR

NEW = NewExecution(ExecutionKind.DATA_QUALITY, ExecutionStatus.COMPLETED, None, "correct", 1, 0, "", "c")


def add(
    connection: Connection,
    name: str,
    *,
    problem: bool = False,
    kinds: Sequence[IncidentKind] = (),
    closed: Sequence[IncidentKind] = (),
    judged: bool = True,
) -> None:
    monitor = monitors.register(connection, name, "c", BEGIN)
    era = deployments.begin(
        connection, monitor.id, started_at=BEGIN, endpoint_config=None, model_package=None
    )
    if problem:
        monitors.set_problem(connection, monitor.id, "denied: grant it", BEGIN)
    for kind in (*kinds, *closed):
        opened = incidents.add(
            connection,
            monitor_id=monitor.id,
            deployment_id=era.id,
            variant="v",
            kind=kind,
            window=BEGIN,
            severity=1,
            features=(),
            summary="s",
            execution_id=None,
            now=BEGIN,
        )
        if kind in closed:
            incidents.close(connection, opened, reason="over", execution_id=None, now=BEGIN)
    if judged:
        windows.touch(connection, monitor.id, [(BEGIN, BEGIN + HOUR, "v", era.id)])
        (window,) = windows.due(connection, monitor.id, BEGIN + HOUR)
        executions.record(connection, window, NEW, BEGIN + HOUR)


@pytest.fixture
def mixed(database: Engine) -> Engine:
    with writing(database) as connection:
        add(connection, "a-quiet")
        add(connection, "b-waiting", judged=False)
        add(connection, "c-drifting", kinds=[IncidentKind.DRIFT])
        add(connection, "d-quality", kinds=[IncidentKind.DRIFT, IncidentKind.QUALITY])
        add(connection, "e-fault", kinds=[IncidentKind.QUALITY, IncidentKind.DATA_FAULT])
        add(connection, "e-skew", kinds=[IncidentKind.DRIFT, IncidentKind.SKEW])
        add(connection, "f-problem", problem=True, kinds=[IncidentKind.DATA_FAULT])
        add(connection, "g-mended", closed=[IncidentKind.DRIFT, IncidentKind.DATA_FAULT])
        add(connection, "h-fault-unjudged", kinds=[IncidentKind.DATA_FAULT], judged=False)
        add(connection, "i-gone", kinds=[IncidentKind.DRIFT])
        monitors.unwatch_others(
            connection, [m.name for m in monitors.watched(connection) if m.name != "i-gone"]
        )
    return database


def test_the_most_pressing_come_first(mixed: Engine) -> None:
    with reading(mixed) as connection:
        page = attention.page(connection, limit=50)
    assert [(row.monitor.name, row.state) for row in page.rows] == [
        ("f-problem", FleetState.PROBLEM),
        ("e-fault", FleetState.DATA_FAULT),
        ("h-fault-unjudged", FleetState.DATA_FAULT),
        ("e-skew", FleetState.SKEW),
        ("d-quality", FleetState.QUALITY),
        ("c-drifting", FleetState.DRIFTING),
        ("b-waiting", FleetState.WAITING),
        ("a-quiet", FleetState.QUIET),
        ("g-mended", FleetState.QUIET),
    ]
    assert page.matching == 9


def test_counts_and_filters_follow_the_same_rule_as_the_rows(mixed: Engine) -> None:
    with reading(mixed) as connection:
        everything = fleet.overview(connection)
        for state in FleetState:
            page = attention.page(connection, state=state, limit=50)
            expected = [row.monitor.name for row in everything if row.state is state]
            assert [row.monitor.name for row in page.rows] == expected
            assert page.counts[state] == page.matching == len(expected)


def test_names_are_matched_as_texts(mixed: Engine) -> None:
    with reading(mixed) as connection:
        assert [r.monitor.name for r in attention.page(connection, containing="FAULT", limit=9).rows] == [
            "e-fault",
            "h-fault-unjudged",
        ]
        for pattern in ("%", "_", "a%t", "\\"):
            assert attention.page(connection, containing=pattern, limit=9).matching == 0, pattern


def test_pages_follow_each_other(mixed: Engine) -> None:
    with reading(mixed) as connection:
        whole = attention.page(connection, limit=50)
        parts = [attention.page(connection, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert sum((part.rows for part in parts), ()) == whole.rows
    assert {part.matching for part in parts} == {9}


def test_one_endpoint_is_as_in_the_overview(mixed: Engine) -> None:
    with reading(mixed) as connection:
        for row in fleet.overview(connection):
            assert fleet.of_monitors(connection, [row.monitor]) == (row,)


def test_no_endpoint_is_no_page(database: Engine) -> None:
    with reading(database) as connection:
        page = attention.page(connection, limit=10)
        assert attention.totals(connection) == ()
    assert page.rows == ()
    assert page.matching == 0
    assert set(page.counts.values()) == {0}


def statements(engine: Engine) -> int:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    with reading(engine) as connection:
        attention.page(connection, limit=50)
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_a_page_takes_as_many_queries_for_many_endpoints_as_for_one(database: Engine) -> None:
    with writing(database) as connection:
        add(connection, "first")
    alone = statements(database)
    with writing(database) as connection:
        for at in range(60):
            add(connection, f"endpoint-{at}", kinds=[IncidentKind.DRIFT] if at % 3 else [])
    assert statements(database) == alone
