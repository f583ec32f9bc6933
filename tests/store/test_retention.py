"""Letting go: each kind of row at its own time, and never what is still to be judged."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, select

from store import captures, decisions, executions, retention, windows
from store.records import Deployment, ExecutionKind, Monitor, ObjectKind, RejectCount
from store.retraining import DecisionReason
from store.schema import labels
from tests.clock import HOUR, NOON
from tests.store import world

LONG_AGO = NOON - 9000 * HOUR


def _day(connection: Connection, monitor: Monitor, deployment: Deployment) -> None:
    """Four judged hours from noon on, each with a capture, a prediction and a merged profile."""
    for hour in range(4):
        start = NOON + hour * HOUR
        guess = (f"id-{hour}", 0, start, world.VARIANT, deployment.id, 1.0)
        world.capture(
            connection, monitor, f"{hour}", world.segment(deployment, start), now=start,
            predictions=[guess], rejects=[RejectCount("empty", 1, ())],
        )  # fmt: skip
        window = world.window(connection, monitor, deployment, start)
        world.judge(connection, window)
        windows.compact(connection, window.id, b"merged", 10, rejected=3)


def _forget(connection: Connection, monitor: Monitor, **before: datetime) -> None:
    usual = dict.fromkeys(
        ("segments_before", "predictions_before", "profiles_before", "metrics_before"), LONG_AGO
    )
    retention.forget(connection, monitor.id, **(usual | before))


def _kept(connection: Connection, monitor: Monitor, deployment: Deployment) -> dict[str, list[int]]:
    """The hours of which there still are segments, labelled predictions, profiles, executions, objects."""
    hours: dict[str, list[int]] = {"segments": [], "predictions": [], "profiles": [], "executions": []}
    for hour in range(4):
        key = (monitor.id, NOON + hour * HOUR, world.VARIANT, deployment.id)
        (window,) = windows.between(connection, monitor.id, key[1], key[1] + HOUR)
        found = {
            "segments": world.profiles(connection, *key),
            "predictions": world.labelled(connection, *key),
            "profiles": windows.profile(connection, window.id),
            "executions": executions.of_window(connection, window.id),
        }
        for name, rows in found.items():
            hours[name] += [hour] if rows else []
    etags = captures.known_etags(
        connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, ["0", "1", "2", "3"]
    )
    return hours | {"objects": sorted(map(int, etags))}


def _expect(**other: list[int]) -> dict[str, list[int]]:
    names = ("segments", "predictions", "profiles", "executions", "objects")
    return {name: [0, 1, 2, 3] for name in names} | other


def test_nothing_goes_before_its_time(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        world.ground_truth(connection, monitor, "labels", *[(f"id-{hour}", 0, 2.0) for hour in range(4)])
        _forget(connection, monitor)
        assert _kept(connection, monitor, deployment) == _expect()


def test_each_kind_goes_at_its_own_time(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        world.ground_truth(connection, monitor, "labels", *[(f"id-{hour}", 0, 2.0) for hour in range(4)])
        soon = NOON + 2 * HOUR + HOUR / 2
        _forget(connection, monitor, segments_before=soon)
        assert _kept(connection, monitor, deployment) == _expect(segments=[2, 3])
        _forget(connection, monitor, predictions_before=NOON + 2 * HOUR)
        assert _kept(connection, monitor, deployment) == _expect(segments=[2, 3], predictions=[2, 3])
        _forget(connection, monitor, profiles_before=soon)
        assert _kept(connection, monitor, deployment)["profiles"] == [2, 3]


def test_metrics_go_with_the_objects_they_were_made_of(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        _forget(connection, monitor, metrics_before=NOON + 2 * HOUR + HOUR / 2)
        kept = _kept(connection, monitor, deployment)
        assert (kept["executions"], kept["objects"]) == ([2, 3], [3])
        newest = executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY)
        assert [one.start for one in newest] == [NOON + 3 * HOUR, NOON + 2 * HOUR]
        assert captures.reject_counts(connection, monitor.id) == {"empty": 1}


def test_the_newest_execution_of_all_stays_so_that_no_later_one_has_the_key_of_an_earlier(
    database: Engine,
) -> None:
    """A later one would be taken for decided on, after a silence longer than metrics are kept."""
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        newest = decisions.newest_execution(connection, monitor.id)
        assert newest is not None
        decisions.record(
            connection, monitor_id=monitor.id, upto_execution_id=newest, reason=DecisionReason.NO_BREACH,
            words="", seen=(), incident_id=None, run_id=None, config_digest="digest", now=NOON,
        )  # fmt: skip
        _forget(connection, monitor, metrics_before=NOON + 900 * HOUR)
        assert _kept(connection, monitor, deployment)["executions"] == [3]
        assert decisions.undecided(connection) == frozenset()
        world.judge(connection, world.window(connection, monitor, deployment, NOON + 1000 * HOUR))
        assert decisions.undecided(connection) == {monitor.name}
        _forget(connection, monitor, metrics_before=NOON + 900 * HOUR)
        assert _kept(connection, monitor, deployment)["executions"] == []


def test_segments_that_are_still_to_be_judged_stay_and_those_beside_them_go(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        other = world.era(connection, monitor, NOON - HOUR, "config-2")
        world.capture(connection, monitor, "beside", world.segment(other, profile=b"to be judged"), now=NOON)
        (judged,) = [
            window
            for window in windows.between(connection, monitor.id, NOON, NOON + HOUR)
            if window.deployment_id == deployment.id
        ]
        assert not judged.dirty
        _forget(connection, monitor, segments_before=NOON + 9 * HOUR)
        assert world.profiles(connection, monitor.id, NOON, world.VARIANT, deployment.id) == ()
        assert world.profiles(connection, monitor.id, NOON, world.VARIANT, other.id) == (b"to be judged",)


def test_a_settled_window_stands_for_its_segments_and_is_judged_again_as_long_as_its_profile_lasts(
    database: Engine,
) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        first, second, *_ = windows.between(connection, monitor.id, NOON, NOON + 4 * HOUR)
        assert windows.kept(connection, first.id) is None
        _forget(connection, monitor, segments_before=NOON + 2 * HOUR + HOUR / 2)
        assert windows.kept(connection, first.id) == (b"merged", 3)
        starts = [NOON + hour * HOUR for hour in range(4)]
        assert windows.settled(connection, monitor.id, starts) == {
            (start, start + HOUR, world.VARIANT, deployment.id) for start in starts[:2]
        }
        _forget(connection, monitor, profiles_before=NOON + HOUR + HOUR / 2)
        assert windows.mark(connection, monitor.id, end=second.end) == 1
        assert windows.due(connection, monitor.id, NOON + 9 * HOUR) == (windows.by_id(connection, second.id),)


def test_labels_go_with_the_predictions_they_are_for(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        world.ground_truth(
            connection, monitor, "labels", ("id-0", 0, 2.0), ("id-3", 0, 2.0), ("never", 0, 2.0)
        )
        _forget(connection, monitor, predictions_before=NOON + 2 * HOUR)
        assert sorted(connection.execute(select(labels.c.join_hash)).scalars()) == ["id-3"]


def test_labels_that_came_first_wait_for_their_predictions(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        world.ground_truth(connection, monitor, "labels", ("id-0", 0, 2.0))
        _forget(connection, monitor, predictions_before=NOON - HOUR)
        assert connection.execute(select(labels.c.join_hash)).scalars().all() == ["id-0"]


def test_other_endpoints_keep_theirs(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _day(connection, monitor, deployment)
        world.ground_truth(connection, monitor, "labels", *[(f"id-{hour}", 0, 2.0) for hour in range(4)])
        other = world.watched(connection, "other")
        late = NOON + 9000 * HOUR
        retention.forget(
            connection, other.id, segments_before=late, predictions_before=late, profiles_before=late,
            metrics_before=late,
        )  # fmt: skip
        assert _kept(connection, monitor, deployment) == _expect()
