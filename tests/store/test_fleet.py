"""The fleet at a glance: every watched endpoint in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event

from store import attention, baselines, fleet, incidents, monitors
from store.engine import reading, writing
from store.records import (
    Deployment,
    ExecutionKind,
    FeatureResult,
    FleetState,
    IncidentKind,
    Monitor,
    Outcome,
    RejectCount,
)
from tests.clock import HOUR, NOON
from tests.store import world


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _feature(name: str, drift: float | None, outcome: Outcome) -> FeatureResult:
    return FeatureResult(name, "Fractional", 1.0, 0.0, 1.0, 0.0, 1.0, 9.0, drift, 0.2, outcome)


def _endpoint(connection: Connection, name: str) -> tuple[Monitor, Deployment]:
    monitor = world.watched(connection, name)
    return monitor, world.era(connection, monitor)


def _open(connection: Connection, monitor: Monitor, era: Deployment, kind: IncidentKind) -> None:
    incidents.add(
        connection, monitor_id=monitor.id, deployment_id=era.id, variant=world.VARIANT, kind=kind,
        window=NOON, severity=1.0, features=(), summary=kind, execution_id=None, now=NOON,
    )  # fmt: skip


def test_an_endpoint_shows_the_newest_judgement_of_its_newest_window(database: Engine) -> None:
    rows = (
        _feature("length", 0.5, Outcome.VIOLATED),
        _feature("sex", 0.9, Outcome.INSUFFICIENT_DATA),
        _feature("height", 0.3, Outcome.VIOLATED),
        _feature("rings", None, Outcome.ERROR),
    )
    with world.began(database) as (connection, monitor, era):
        newest = world.window(connection, monitor, era, NOON + HOUR)
        superseded = world.judge(connection, newest)
        last = world.judge(connection, newest, world.verdict(features=rows))
        world.judge(connection, newest, world.verdict(ExecutionKind.MODEL_QUALITY))
        world.judge(connection, world.window(connection, monitor, era, NOON))  # judged later, is older
        for _ in range(2):
            baselines.add(
                connection, monitor.id, statistics="{}", constraints="{}", source="", source_digest="",
                records=0, features=0, now=NOON,
            )  # fmt: skip
        (row,) = fleet.overview(connection)
    assert superseded.id != last.id
    assert (row.monitor.name, row.last_execution, row.baseline_version) == ("abalone-prod", last, 2)
    assert (row.max_drift, row.drifted_features) == (0.9, 2)
    assert row.state is FleetState.QUIET


def test_an_endpoint_that_was_just_added_has_nothing_to_show(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        (row,) = fleet.overview(connection)
        assert (row.monitor, row.last_execution, row.max_drift, row.drifted_features) == (
            monitor,
            None,
            None,
            0,
        )
        assert (row.open_incidents, row.baseline_version) == ((), None)
        assert row.state is FleetState.WAITING


def test_endpoints_that_are_watched_no_more_are_absent(database: Engine) -> None:
    with writing(database) as connection:
        _endpoint(connection, "a")
        _endpoint(connection, "b")
        monitors.unwatch_others(connection, ["b"])
        assert [row.monitor.name for row in fleet.overview(connection)] == ["b"]
        assert [row.monitor.name for row in attention.page(connection, limit=9).rows] == ["b"]


def test_each_endpoint_has_its_own_rows_in_the_order_asked_for(database: Engine) -> None:
    with writing(database) as connection:
        pairs = [_endpoint(connection, name) for name in ("a", "b", "c")]
        for number, (monitor, era) in enumerate(pairs):
            feature = _feature("x", number / 10, Outcome.OK)
            window = world.window(connection, monitor, era)
            world.judge(connection, window, world.verdict(features=(feature,)))
        _open(connection, *pairs[1], IncidentKind.DRIFT)
        rows = fleet.of_monitors(connection, [pairs[2][0], pairs[1][0]])
        assert [(row.monitor.name, row.max_drift, len(row.open_incidents)) for row in rows] == [
            ("c", 0.2, 0), ("b", 0.1, 1),
        ]  # fmt: skip
        assert fleet.of_monitors(connection, []) == ()


def _fleet_of_all(connection: Connection) -> None:
    """One endpoint in each state; its name says which by its place."""
    for place, state in enumerate(FleetState):
        monitor, era = _endpoint(connection, f"endpoint-{6 - place}")
        if state is not FleetState.WAITING:
            world.judge(connection, world.window(connection, monitor, era))
        kinds = {
            FleetState.PROBLEM: list(IncidentKind),
            FleetState.DATA_FAULT: list(IncidentKind),
            FleetState.SKEW: [IncidentKind.SKEW, IncidentKind.DRIFT, IncidentKind.QUALITY],
            FleetState.QUALITY: [IncidentKind.DRIFT, IncidentKind.QUALITY],
            FleetState.DRIFTING: [IncidentKind.DRIFT],
        }
        for kind in kinds.get(state, []):
            _open(connection, monitor, era, kind)
        if state is FleetState.PROBLEM:
            monitors.set_problem(connection, monitor.id, "no baseline", NOON)


def test_the_most_pressing_comes_first_and_pages_follow_each_other(database: Engine) -> None:
    with writing(database) as connection:
        _fleet_of_all(connection)
        everything = attention.page(connection, limit=7)
        assert [row.state for row in everything.rows] == list(FleetState)
        assert everything.counts == dict.fromkeys(FleetState, 1)
        assert everything.matching == 7
        pages = [attention.page(connection, limit=4, offset=offset).rows for offset in (0, 4)]
        assert pages[0] + pages[1] == everything.rows


@pytest.mark.parametrize("state", list(FleetState))
def test_one_state_is_found_and_all_are_counted(database: Engine, state: FleetState) -> None:
    with writing(database) as connection:
        _fleet_of_all(connection)
        found = attention.page(connection, state=state, limit=7)
        assert [row.state for row in found.rows] == [state]
        assert (found.matching, sum(found.counts.values())) == (1, 7)


@pytest.mark.parametrize(("text", "names"), [("PROD", 2), ("d_1", 1), ("%", 0), ("", 3)])
def test_names_are_searched_by_their_letters_alone(database: Engine, text: str, names: int) -> None:
    with writing(database) as connection:
        for name in ("prod-1", "prod_1", "test-1"):
            _endpoint(connection, name)
        assert attention.page(connection, containing=text, limit=9).matching == names


def test_totals_are_of_each_endpoint(database: Engine) -> None:
    with writing(database) as connection:
        pairs = [_endpoint(connection, name) for name in ("b", "a")]
        monitor, era = pairs[0]
        world.capture(
            connection, monitor, "x", world.segment(era), world.segment(era, NOON + HOUR),
            rejects=[RejectCount("not_json", 2, ()), RejectCount("empty", 1, ())],
        )  # fmt: skip
        world.capture(connection, monitor, "y", world.segment(era), rejects=[RejectCount("empty", 4, ())])
        world.ground_truth(connection, monitor, "labels", ("x", 0, 1.0))
        found = [(one.endpoint, one.records, one.rejects) for one in attention.totals(connection)]
    assert found == [("a", 0, {}), ("b", 30, {"empty": 5, "not_json": 2})]


def test_many_endpoints_take_no_more_queries_than_one(database: Engine) -> None:
    def queries() -> int:
        with _counted(database) as statements, reading(database) as connection:
            fleet.overview(connection)
            attention.page(connection, limit=50)
            attention.totals(connection)
        return len(statements)

    with writing(database) as connection:
        _endpoint(connection, "first")
    alone = queries()
    with writing(database) as connection:
        _fleet_of_all(connection)
    assert queries() == alone
