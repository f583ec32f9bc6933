"""Monitors: an endpoint keeps its row and its history, whatever becomes of it in kedge.yaml."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from store import captures, monitors
from store.engine import reading, writing
from store.records import Late, Monitor
from tests.clock import HOUR, NOON
from tests.store import world


def _found(engine: Engine, name: str = "abalone-prod") -> Monitor:
    with reading(engine) as connection:
        found = monitors.by_name(connection, name)
    assert found is not None
    return found


def test_registering_again_keeps_the_row_and_takes_the_new_digest(database: Engine) -> None:
    with writing(database) as connection:
        first = monitors.register(connection, "abalone-prod", "old", NOON)
        again = monitors.register(connection, "abalone-prod", "new", NOON + HOUR)
    assert again.id == first.id
    assert again.created_at == NOON
    assert (first.config_digest, again.config_digest) == ("old", "new")


def test_replicas_that_start_together_register_one_monitor(database: Engine) -> None:
    def replica(_: int) -> int:
        with writing(database) as connection:
            return monitors.register(connection, "abalone-prod", "digest", NOON).id

    with ThreadPoolExecutor(6) as replicas:
        assert len(set(replicas.map(replica, range(6)))) == 1


def test_an_endpoint_taken_out_of_the_configuration_keeps_its_history(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "a", world.segment(deployment))
        monitors.unwatch_others(connection, ["another"])
        assert monitors.watched(connection) == ()
        assert captures.totals(connection, monitor.id) == (1, 10)
        world.watched(connection)
        assert [watched.id for watched in monitors.watched(connection)] == [monitor.id]


def test_no_endpoint_is_watched_where_none_is_configured(database: Engine) -> None:
    with writing(database) as connection:
        world.watched(connection)
        monitors.unwatch_others(connection, [])
        assert monitors.watched(connection) == ()


def test_endpoints_come_by_name(database: Engine) -> None:
    with writing(database) as connection:
        for name in ("b", "a", "c"):
            world.watched(connection, name)
        assert [monitor.name for monitor in monitors.watched(connection)] == ["a", "b", "c"]
        assert [monitors.by_id(connection, m.id) for m in monitors.watched(connection)] == list(
            monitors.watched(connection)
        )


def test_an_endpoint_never_registered_is_none(database: Engine) -> None:
    with reading(database) as connection:
        assert monitors.by_name(connection, "nowhere") is None
        assert monitors.by_id(connection, 4711) is None


def test_a_problem_keeps_the_time_it_began_until_it_changes_or_goes(database: Engine) -> None:
    def tell(problem: str | None, hours: int) -> bool:
        with writing(database) as connection:
            monitor = world.watched(connection)
            return monitors.set_problem(connection, monitor.id, problem, NOON + hours * HOUR)

    assert not tell(None, 0)
    assert tell("no baseline", 1)
    assert not tell("no baseline", 2)
    assert _found(database).problem_at == NOON + HOUR
    assert tell("access denied", 3)
    assert (_found(database).problem, _found(database).problem_at) == ("access denied", NOON + 3 * HOUR)
    assert tell(None, 4)
    assert (_found(database).problem, _found(database).problem_at) == (None, None)


def test_the_newest_inference_never_goes_back(database: Engine) -> None:
    with writing(database) as connection:
        monitor = world.watched(connection)
        for hours in (1, 3, 2):
            monitors.counted(connection, monitor.id, 0, 0, NOON + hours * HOUR)
    assert _found(database).last_inference_at == NOON + 3 * HOUR


def test_what_came_too_late_is_told_and_the_next_time_anew(database: Engine) -> None:
    with writing(database) as connection:
        monitor = world.watched(connection)
        monitors.swept(connection, monitor.id, NOON)
        captures, labels = Late(2, "2026/01/01/00/late.jsonl"), Late(1, "2026/01/01/00/labels.jsonl")
        monitors.found_late(connection, monitor.id, captures, labels, "digest")
    found = _found(database)
    assert (found.swept_at, found.swept_digest) == (NOON, "digest")
    assert (found.late_objects, found.late_key) == (2, "2026/01/01/00/late.jsonl")
    assert (found.late_labels, found.late_label_key) == (1, "2026/01/01/00/labels.jsonl")
    with writing(database) as connection:
        monitors.found_late(connection, monitor.id, Late(), Late(), "another")
    found = _found(database)
    assert (found.late_objects, found.late_key, found.late_labels, found.late_label_key) == (0, None, 0, None)
    assert (found.swept_at, found.swept_digest) == (NOON, "another")
