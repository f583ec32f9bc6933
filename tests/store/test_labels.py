"""Ground truth meets predictions: in whichever order they come, and with the last label counting."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from store import executions, series, windows
from store.records import Deployment, ExecutionKind, MetricRow, Monitor, Window
from tests.clock import HOUR, NOON
from tests.store import world

Labelled = tuple[tuple[str, int, float | None, float | None], ...]


def _predictions(deployment: Deployment, *names: str) -> list[world.PredictionRow]:
    return [(name, 0, NOON, world.VARIANT, deployment.id, 9.0) for name in names]


def _capture(connection: Connection, monitor: Monitor, deployment: Deployment, *names: str) -> None:
    guesses = _predictions(deployment, *names)
    world.capture(connection, monitor, "capture", world.segment(deployment), predictions=guesses)


def _labelled(connection: Connection, monitor: Monitor, deployment: Deployment) -> Labelled:
    return world.labelled(connection, monitor.id, NOON, world.VARIANT, deployment.id)


def _closed(connection: Connection, monitor: Monitor) -> Window:
    """The one window, judged and measured."""
    (window,) = windows.between(connection, monitor.id, NOON, NOON + HOUR)
    world.judge(connection, window)
    windows.quality_measured(connection, window.id)
    return window


def _due(connection: Connection, monitor: Monitor) -> tuple[int, ...]:
    return tuple(one.id for one in windows.due_for_quality(connection, monitor.id, NOON + HOUR))


def test_labels_after_captures_open_the_quality_of_the_window_and_no_more(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x", "y")
        window = _closed(connection, monitor)
        assert _labelled(connection, monitor, deployment) == ()
        world.ground_truth(connection, monitor, "labels", ("x", 0, 11.0), ("never seen", 0, 1.0))
        assert _due(connection, monitor) == (window.id,)
        assert windows.due(connection, monitor.id, NOON + HOUR) == ()
        assert _labelled(connection, monitor, deployment) == (("x", 0, 9.0, 11.0),)


def test_labels_before_captures_are_found_when_the_captures_come(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.ground_truth(connection, monitor, "labels", ("x", 0, 11.0))
        assert windows.between(connection, monitor.id, NOON, NOON + HOUR) == ()
        _capture(connection, monitor, deployment, "x")
        (window,) = windows.between(connection, monitor.id, NOON, NOON + HOUR)
        assert window.quality_dirty
        assert _labelled(connection, monitor, deployment) == (("x", 0, 9.0, 11.0),)


def test_labels_of_a_window_elsewhere_leave_this_one_closed(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x")
        _closed(connection, monitor)
        world.ground_truth(connection, monitor, "labels", ("another", 0, 11.0), ("x", 1, 11.0))
        assert _due(connection, monitor) == ()


def test_labels_of_another_endpoint_are_not_ours(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x")
        _closed(connection, monitor)
        world.ground_truth(connection, world.watched(connection, "other"), "labels", ("x", 0, 11.0))
        assert _due(connection, monitor) == ()
        assert _labelled(connection, monitor, deployment) == ()


def test_of_several_labels_the_one_in_the_last_key_counts_whenever_it_came(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x", "y")
        world.ground_truth(connection, monitor, "2026/03/02/15/new", ("x", 0, 12.0), ("x", 0, 13.0))
        world.ground_truth(connection, monitor, "2026/03/02/14/old", ("x", 0, 11.0), ("y", 0, 8.0))
        assert _labelled(connection, monitor, deployment) == (("x", 0, 9.0, 13.0), ("y", 0, 9.0, 8.0))


def test_labels_written_anew_open_the_window_of_those_taken_back_too(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x")
        world.ground_truth(connection, monitor, "labels", ("x", 0, 11.0))
        window = _closed(connection, monitor)
        world.ground_truth(connection, monitor, "labels", ("y", 0, 11.0), etag="two")
        assert _due(connection, monitor) == (window.id,)
        assert _labelled(connection, monitor, deployment) == ()


def test_a_label_that_is_no_number_and_a_missing_prediction_are_none(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        none: world.PredictionRow = ("x", 0, NOON, world.VARIANT, deployment.id, None)
        nan: world.PredictionRow = ("y", 0, NOON, world.VARIANT, deployment.id, float("nan"))
        world.capture(connection, monitor, "a", world.segment(deployment), predictions=[none, nan])
        world.ground_truth(connection, monitor, "labels", ("x", 0, float("nan")), ("y", 0, None))
        assert _labelled(connection, monitor, deployment) == (("x", 0, None, None), ("y", 0, None, None))


def test_each_row_of_a_request_has_a_label_of_its_own(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        rows: list[world.PredictionRow] = [
            ("x", row, NOON, world.VARIANT, deployment.id, float(row)) for row in range(3)
        ]
        world.capture(connection, monitor, "a", world.segment(deployment), predictions=rows)
        world.ground_truth(connection, monitor, "labels", ("x", 2, 20.0), ("x", 0, 0.5))
        assert _labelled(connection, monitor, deployment) == (("x", 0, 0.0, 0.5), ("x", 2, 2.0, 20.0))


def test_quality_waits_until_its_window_is_judged(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x")
        world.ground_truth(connection, monitor, "labels", ("x", 0, 11.0))
        assert _due(connection, monitor) == ()
        (window,) = windows.between(connection, monitor.id, NOON, NOON + HOUR)
        world.judge(connection, window)
        assert _due(connection, monitor) == (window.id,)


def test_labels_that_trickle_in_make_a_revision_each(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        _capture(connection, monitor, deployment, "x", "y")
        window = _closed(connection, monitor)
        for count, name in enumerate(("x", "y"), start=1):
            world.ground_truth(connection, monitor, name, (name, 0, 11.0))
            rmse = MetricRow("rmse", 2.0, 1.5, 2.5, count)
            world.judge(connection, window, world.verdict(ExecutionKind.MODEL_QUALITY, metrics=(rmse,)))
        (newest,) = executions.latest(connection, monitor.id, ExecutionKind.MODEL_QUALITY)
        assert newest.revision == 2
        (point,) = series.quality(connection, monitor.id)
        assert point.metric == MetricRow("rmse", 2.0, 1.5, 2.5, 2)
        assert windows.due(connection, monitor.id, NOON + HOUR) == ()  # quality says nothing of the data
