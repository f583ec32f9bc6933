"""Counting objects: whatever is delivered twice, late, anew or in any order ends in the same rows."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete

from store import captures, executions, windows
from store.engine import reading, writing
from store.records import Deployment, Monitor, ObjectKind, RejectCount, RejectExample, Window
from store.schema import labels, monitors, objects, predictions, rejects, segments
from tests.clock import HOUR, NOON
from tests.store import world

BAD = RejectCount(
    "not_json", 2, (RejectExample(3, None, "not JSON"), RejectExample(7, "length", "no number"))
)


def _windows(connection: Connection, monitor: Monitor) -> tuple[Window, ...]:
    return windows.between(connection, monitor.id, NOON - 48 * HOUR, NOON + 48 * HOUR)


def test_an_object_opens_the_windows_it_has_records_for(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(
            connection, monitor, "a", world.segment(deployment), world.segment(deployment, NOON + HOUR)
        )
        found = _windows(connection, monitor)
    assert [(one.start, one.end, one.variant, one.dirty, one.quality_dirty) for one in found] == [
        (NOON, NOON + HOUR, world.VARIANT, True, True),
        (NOON + HOUR, NOON + 2 * HOUR, world.VARIANT, True, True),
    ]
    assert {(one.revision, one.records, one.deployment_id) for one in found} == {(0, 0, deployment.id)}


def test_the_same_object_again_is_counted_once(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for _ in range(3):
            lossy = world.segment(deployment, rejected=2)
            world.capture(connection, monitor, "a", lossy, rejects=[BAD])
        assert captures.totals(connection, monitor.id) == (1, 10)
        assert captures.reject_counts(connection, monitor.id) == {"not_json": 2}
        window = (monitor.id, NOON, world.VARIANT, deployment.id)
        assert world.profiles(connection, *window) == (b"profile",)
        assert world.lost(connection, *window) == 2


def test_profiles_of_a_window_come_in_the_order_of_keys_whatever_came_first(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        for key in ("c", "a", "b"):
            world.capture(connection, monitor, key, world.segment(deployment, profile=key.encode()))
        found = world.profiles(connection, monitor.id, NOON, world.VARIANT, deployment.id)
    assert found == (b"a", b"b", b"c")


def test_a_new_etag_replaces_and_opens_the_window_it_left_and_the_one_it_reached(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "a", world.segment(deployment), rejects=[BAD])
        world.capture(connection, monitor, "b", world.segment(deployment, NOON - HOUR))
        for window in _windows(connection, monitor):
            world.judge(connection, window)
            windows.quality_measured(connection, window.id)
        assert not any(one.dirty or one.quality_dirty for one in _windows(connection, monitor))
        later = world.segment(deployment, NOON + HOUR, b"later", records=7)
        world.capture(connection, monitor, "a", later, etag="two")
        found = {one.start: one for one in _windows(connection, monitor)}
        assert {start: one.dirty and one.quality_dirty for start, one in found.items()} == {
            NOON - HOUR: False,
            NOON: True,
            NOON + HOUR: True,
        }
        assert world.profiles(connection, monitor.id, NOON, world.VARIANT, deployment.id) == ()
        assert captures.totals(connection, monitor.id) == (2, 17)
        assert captures.reject_counts(connection, monitor.id) == {}
        assert captures.known_etags(
            connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, ["a", "b", "c"]
        ) == {
            "a": "two",
            "b": "one",
        }


def test_a_late_object_opens_its_judged_window_again(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "a", world.segment(deployment))
        (window,) = _windows(connection, monitor)
        world.judge(connection, window)
        world.capture(connection, monitor, "late", world.segment(deployment))
        assert windows.due(connection, monitor.id, NOON + 2 * HOUR) == _windows(connection, monitor)
        (again,) = _windows(connection, monitor)
        assert (again.id, again.revision, again.dirty) == (window.id, 1, True)
        assert world.judge(connection, again).revision == 2
        assert len(executions.of_window(connection, window.id)) == 2


def test_an_object_with_nothing_good_in_it_is_known_and_opens_nothing(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        world.capture(connection, monitor, "bad", rejects=[BAD])
        assert _windows(connection, monitor) == ()
        assert captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, ["bad"]) == {
            "bad": "one"
        }
        assert captures.totals(connection, monitor.id) == (1, 0)


def test_known_etags_are_asked_for_many_keys_at_once(database: Engine) -> None:
    keys = [f"{number:04}" for number in range(1203)]
    with world.began(database) as (connection, monitor, _):
        for key in keys[::2]:
            world.capture(connection, monitor, key)
        found = captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, keys)
        assert found == dict.fromkeys(keys[::2], "one")
        assert captures.known_etags(connection, monitor.id, ObjectKind.GROUND_TRUTH, world.BUCKET, keys) == {}


def test_endpoints_share_no_object_even_of_one_key(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        other = world.watched(connection, "other")
        theirs = world.era(connection, other)
        world.capture(connection, monitor, "a", world.segment(deployment), rejects=[BAD])
        world.capture(connection, other, "a", world.segment(theirs, records=3), etag="two")
        assert captures.totals(connection, monitor.id) == (1, 10)
        assert captures.totals(connection, other.id) == (1, 3)
        assert captures.reject_counts(connection, other.id) == {}
        assert captures.recent_rejects(connection, other.id) == ()


def test_rejects_say_where_newest_objects_first(database: Engine) -> None:
    empty = RejectCount("empty", 1, ())
    with world.began(database) as (connection, monitor, _):
        world.capture(connection, monitor, "old", rejects=[BAD], now=NOON)
        world.capture(connection, monitor, "fine", now=NOON + HOUR)
        world.capture(connection, monitor, "new", rejects=[BAD, empty], now=NOON + 2 * HOUR)
        first, second = captures.recent_rejects(connection, monitor.id)
        assert (first.bucket, first.key, first.consumed_at) == ("logs", "new", NOON + 2 * HOUR)
        assert first.rejects == (empty, BAD)
        assert (second.key, second.rejects) == ("old", (BAD,))
        assert captures.recent_rejects(connection, monitor.id, limit=1) == (first,)
        assert captures.reject_counts(connection, monitor.id) == {"empty": 1, "not_json": 4}
        until = captures.reject_counts(connection, monitor.id, start=NOON, end=NOON + 2 * HOUR)
        assert until == {"not_json": 2}
        since = captures.reject_counts(connection, monitor.id, start=NOON + HOUR)
        assert since == {"empty": 1, "not_json": 2}


def test_where_a_reject_lies_may_be_named_by_strangers(database: Engine) -> None:
    odd = RejectCount("column", 1, (RejectExample(1, "</td>\0\ud83d", "ä\n"),))
    with world.began(database) as (connection, monitor, _):
        world.capture(connection, monitor, "a", rejects=[odd])
        ((found,),) = [one.rejects for one in captures.recent_rejects(connection, monitor.id)]
    assert found.examples == (RejectExample(1, "</td>\0\ufffd", "ä\n"),)


KEYS = st.sampled_from(["a", "b", "c", "d"])
VERSIONS = st.integers(0, 2)
DELIVERIES = st.lists(st.tuples(KEYS, VERSIONS), max_size=14)
Delivery = tuple[str, int]


def _deliver(connection: Connection, monitor: Monitor, deployment: Deployment, delivery: Delivery) -> None:
    """What an object holds is decided by its key and version alone, as in S3: even "d", which is labels."""
    key, version = delivery
    etag, number = f"etag-{version}", "abcd".index(key)
    if key == "d":
        world.ground_truth(
            connection, monitor, key, *[(f"id-{n}", 0, n + version / 2) for n in range(version, 6)], etag=etag
        )
        return
    starts = [NOON + hour * HOUR for hour in {number % 2, (number + version) % 3}]
    given_segments = [world.segment(deployment, start, f"{key}{version}".encode()) for start in starts]
    guesses = [
        (f"id-{number * 2 + row}", row % 2, starts[0], world.VARIANT, deployment.id, 1.5) for row in (0, 1)
    ]
    world.capture(
        connection,
        monitor,
        key,
        *given_segments,
        etag=etag,
        rejects=[BAD] if version == 1 else [],
        predictions=guesses,
    )


def _rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that counting writes, without the keys, which depend on the order by nature."""
    names = {
        objects: ("kind", "bucket", "key", "etag", "records", "rejected"),
        segments: ("window_start", "window_end", "variant", "records", "first_at", "last_at", "profile"),
        rejects: ("kind", "count", "examples"),
        predictions: ("join_hash", "row", "window_start", "variant", "prediction"),
        labels: ("join_hash", "row", "label"),
    }
    return {table.name: world.stored(engine, table, *columns) for table, columns in names.items()}


def _play(engine: Engine, deliveries: list[Delivery]) -> tuple[Monitor, Deployment]:
    """Each delivery in a transaction of its own, into a database without rows."""
    with writing(engine) as connection:
        connection.execute(delete(monitors))
    with world.began(engine) as (_, monitor, deployment):
        pass
    for delivery in deliveries:
        with writing(engine) as connection:
            _deliver(connection, monitor, deployment, delivery)
    return monitor, deployment


def _one_clean_pass(deliveries: list[Delivery]) -> list[Delivery]:
    return sorted(dict(deliveries).items())


def _judged_over(connection: Connection, window: Window) -> tuple[bytes, ...]:
    key = (window.start, window.variant, window.deployment_id)
    return world.profiles(connection, window.monitor_id, *key)


def _measured_over(connection: Connection, window: Window) -> tuple[Any, ...]:
    key = (window.start, window.variant, window.deployment_id)
    return world.labelled(connection, window.monitor_id, *key)


ON_BOTH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)


@ON_BOTH
@given(deliveries=DELIVERIES)
def test_any_deliveries_end_in_the_rows_of_one_clean_pass(
    database: Engine, deliveries: list[Delivery]
) -> None:
    def play(given_deliveries: list[Delivery]) -> tuple[object, dict[Any, Any]]:
        monitor, _ = _play(database, given_deliveries)
        with reading(database) as connection:
            found = windows.due(connection, monitor.id, NOON + 9 * HOUR)
            labelled = {one.start: _measured_over(connection, one) for one in found}
            return _rows(database), {start: rows for start, rows in labelled.items() if rows}

    # the last version of each object, once, in the order of their keys
    assert play(deliveries) == play(sorted(dict(deliveries).items()))


@ON_BOTH
@given(deliveries=DELIVERIES, patience=st.integers(1, 3))
def test_no_window_stays_closed_over_rows_that_changed(
    database: Engine, deliveries: list[Delivery], patience: int
) -> None:
    """Windows are judged every few deliveries; whichever is closed rests on what there is now."""
    monitor, deployment = _play(database, [])
    judged: dict[int, tuple[bytes, ...]] = {}
    measured: dict[int, tuple[Any, ...]] = {}
    for at, delivery in enumerate(deliveries):
        with writing(database) as connection:
            _deliver(connection, monitor, deployment, delivery)
            for window in _windows(connection, monitor):
                assert window.dirty or judged[window.id] == _judged_over(connection, window)
                assert window.quality_dirty or measured[window.id] == _measured_over(connection, window)
            for window in windows.due(connection, monitor.id, NOON + 9 * HOUR) if at % patience == 0 else ():
                judged[window.id] = _judged_over(connection, window)
                world.judge(connection, window)
            for window in windows.due_for_quality(connection, monitor.id, NOON + 9 * HOUR):
                measured[window.id] = _measured_over(connection, window)
                windows.quality_measured(connection, window.id)
