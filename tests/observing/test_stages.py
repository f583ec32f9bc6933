"""What is wrong with one place of an endpoint keeps nothing from being done that does not need it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from monitor import measuring
from store import executions
from store.engine import open_engine, reading, writing
from store.records import ExecutionKind
from store.schema import monitors, windows
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records

DAY = 24 * HOUR
QUALITY = ExecutionKind.MODEL_QUALITY


def _is_a_file(watch: Watch, folder: str) -> str:
    """Make a place that can't be written or read: a file stands where its folder should."""
    path = Path(watch.yard.uri.removeprefix("file://")) / folder
    path.write_text("in the way")
    return f"{watch.yard.uri}/{folder}"


def test_results_that_cannot_be_written_stop_neither_the_sweep_nor_letting_go(watch: Watch) -> None:
    entry = watch.yard.endpoint(results=_is_a_file(watch, "taken") + "/results")
    watch.yard.capture("abalone", records(1, NOON))
    watch.yard.capture("abalone", records(2, NOON - 72 * HOUR), name="late")
    done = watch.round(entry, NOON + HOUR)
    assert done.problem is not None
    assert "taken/results" in done.problem
    assert "no file" not in done.problem
    assert (done.objects, done.judged, done.published) == (1, 1, 0)
    assert watch.monitor().problem == done.problem
    assert (watch.monitor().swept_at, watch.monitor().late_objects) == (NOON + HOUR, 1)
    watch.round(entry, NOON + 40 * DAY)
    assert watch.profile(watch.judged()[0]) is None


def test_captures_that_cannot_be_read_stop_nothing_else(watch: Watch) -> None:
    entry = watch.yard.endpoint(results=f"{watch.yard.uri}/results")
    watch.yard.capture("abalone", records(1, NOON))
    assert watch.fine(entry, NOON).objects == 1
    gone = entry.model_copy(update={"capture": f"{watch.yard.uri}/nowhere"})
    done = watch.round(gone, NOON + HOUR)
    assert (done.judged, done.published) == (1, 1)
    assert done.problem is not None
    assert "nowhere" in done.problem
    watch.round(gone, NOON + 40 * DAY)
    assert watch.profile(watch.judged()[0]) is None


def test_of_several_problems_the_first_is_told(watch: Watch) -> None:
    entry = watch.yard.endpoint(baseline=f"{watch.yard.uri}/unmade", results=_is_a_file(watch, "taken"))
    done = watch.round(entry, NOON)
    assert done.problem is not None
    assert "unmade" in done.problem


def test_labels_are_read_as_long_as_predictions_wait_for_them(watch: Watch) -> None:
    """The service was off for longer than the lateness, but not for longer than the label horizon."""
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    watch.fine(entry, NOON + HOUR)
    watch.yard.labels(NOON + 2 * HOUR, [(one.event_id, one.rings) for one in given])
    watch.fine(entry, NOON + 2 * HOUR + 6 * DAY)
    assert [one.records for one in watch.judged(QUALITY)] == [30]


def test_labels_beyond_their_horizon_are_told_by_the_sweep(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", label_horizon="5d")
    key = watch.yard.labels(NOON - 6 * DAY, [("old", 7.0)])
    watch.yard.labels(NOON - 4 * DAY, [("young", 7.0)])
    assert watch.fine(entry, NOON).objects == 1
    assert (watch.monitor().late_objects, watch.monitor().late_key) == (1, key)


def test_labels_are_counted_once_however_soon_objects_are_forgotten(watch: Watch) -> None:
    entry = watch.yard.endpoint(
        ground_truth=f"{watch.yard.uri}/labels", retention={"profiles": "3d", "metrics": "5d"}
    )
    watch.yard.labels(NOON, [("one", 7.0)])
    done = [watch.fine(entry, NOON + day * DAY).objects for day in range(12)]
    assert done == [1] + [0] * 11


def test_while_quality_is_measured_others_write(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON, [(one.event_id, one.rings) for one in given])
    others = open_engine(watch.engine.url.render_as_string(hide_password=False))
    waited: list[float] = []
    measure = measuring.measure

    def write() -> None:
        began = time.monotonic()
        with writing(others) as connection:
            connection.execute(update(monitors).values(late_key="written meanwhile"))
        waited.append(time.monotonic() - began)

    def at_work(*given: object) -> measuring.Measurement:
        other = threading.Thread(target=write)
        other.start()
        other.join(10)
        assert waited, "somebody else had to wait"
        return measure(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(measuring, "measure", at_work)
    assert watch.fine(entry, NOON + HOUR).measured == 1
    others.dispose()


def test_a_window_that_changed_meanwhile_is_measured_again(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    watch.fine(entry, NOON + HOUR)
    (window,) = watch.windows()
    with reading(watch.engine) as connection:
        found = measuring.labelled(connection, window)
    measurement = measuring.measure(found, window, entry)
    with writing(watch.engine) as connection:
        connection.execute(update(windows).values(records=31, quality_dirty=True))
    with writing(watch.engine) as connection:
        assert measuring.record(connection, window, measurement, entry, NOON + HOUR) is None
    assert [one.quality_dirty for one in watch.windows()] == [True]


def test_the_same_labels_have_the_same_intervals_whatever_came_first(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    rng = np.random.default_rng(1)
    pairs = [(one.event_id, one.rings + round(float(rng.normal()), 3)) for one in given]
    watch.yard.labels(NOON, pairs)
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.yard.labels(NOON + HOUR, pairs[::-1], name="again")
    assert watch.fine(entry, NOON + 2 * HOUR).measured == 0
    (verdict,) = watch.judged(QUALITY)
    assert verdict.revision == 1
    with reading(watch.engine) as connection:
        assert executions.metric_rows(connection, verdict.id)
