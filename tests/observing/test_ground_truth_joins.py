"""Labels come hours later, or before; they judge the windows in which the inferences were made."""

from __future__ import annotations

import math

import pytest

from store import executions, ledger
from store.engine import reading
from store.records import ExecutionKind
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import Record, records

QUALITY = ExecutionKind.MODEL_QUALITY


def _off_by(given: tuple[Record, ...], error: float) -> list[tuple[str, float]]:
    return [(one.event_id, round(one.rings + error, 6)) for one in given]


def _metrics(watch: Watch) -> list[dict[str, float | None]]:
    """Each labelled window's metrics, oldest first."""
    with reading(watch.engine) as connection:
        return [
            {metric.name: metric.value for metric in executions.metric_rows(connection, one.id)}
            for one in watch.judged(QUALITY)
        ]


def test_labels_judge_the_window_of_the_inference_hours_later(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    first, second = records(1, NOON, 30), records(2, NOON + MINUTE, 30)
    watch.yard.capture("abalone", first)
    watch.yard.capture("abalone", second)
    watch.fine(entry, NOON + 10 * MINUTE)
    assert watch.judged(QUALITY) == []
    watch.yard.labels(NOON + 3 * HOUR, _off_by(first, 2.0))
    assert watch.fine(entry, NOON + 4 * HOUR).measured == 1
    (verdict,) = watch.judged(QUALITY)
    assert (verdict.start, verdict.records, verdict.revision) == (NOON, 30, 1)
    assert verdict.message == "30 of 30 records are labelled."
    (metrics,) = _metrics(watch)
    assert metrics["rmse"] == pytest.approx(2.0)
    assert metrics["mae"] == pytest.approx(2.0)
    assert watch.fine(entry).idle


def test_more_labels_are_a_revision(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + HOUR, _off_by(given[:15], 1.0))
    watch.fine(entry, NOON + HOUR)
    watch.yard.labels(NOON + 2 * HOUR, _off_by(given[15:], 3.0), name="b")
    watch.fine(entry, NOON + 2 * HOUR)
    (verdict,) = watch.judged(QUALITY)
    assert (verdict.records, verdict.revision) == (30, 2)
    assert _metrics(watch)[0]["rmse"] == pytest.approx(math.sqrt(5.0))


def test_the_label_in_the_last_key_counts(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + 2 * HOUR, _off_by(given, 1.0), name="mended")
    watch.fine(entry, NOON + 2 * HOUR)
    watch.yard.labels(NOON + HOUR, _off_by(given, 9.0), name="first")
    watch.fine(entry, NOON + 3 * HOUR)
    assert _metrics(watch)[0]["rmse"] == pytest.approx(1.0)


def test_a_rewritten_object_of_labels_replaces_what_it_said(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + HOUR, _off_by(given, 1.0))
    watch.fine(entry, NOON + HOUR)
    watch.yard.labels(NOON + HOUR, _off_by(given[:10], 4.0))
    watch.fine(entry, NOON + 2 * HOUR)
    (verdict,) = watch.judged(QUALITY)
    assert (verdict.records, verdict.revision) == (10, 2)
    assert _metrics(watch)[0]["rmse"] == pytest.approx(4.0)


def test_labels_may_come_before_the_capture(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON, 30)
    watch.yard.labels(NOON, _off_by(given, 2.5))
    watch.fine(entry, NOON + MINUTE)
    watch.yard.capture("abalone", given)
    watch.fine(entry, NOON + HOUR)
    assert [one.records for one in watch.judged(QUALITY)] == [30]
    assert _metrics(watch)[0]["rmse"] == pytest.approx(2.5)


def test_a_capture_that_comes_late_says_how_many_are_labelled_now(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + HOUR, _off_by(given, 1.0))
    watch.fine(entry, NOON + HOUR)
    watch.yard.capture("abalone", records(2, NOON, 20), name="late")
    watch.fine(entry, NOON + 2 * HOUR)
    (verdict,) = watch.judged(QUALITY)
    assert verdict.message == "30 of 50 records are labelled."


def test_variants_have_a_quality_each(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    blue, green = records(1, NOON, 30), records(2, NOON, 30)
    watch.yard.capture("abalone", blue, variant="blue")
    watch.yard.capture("abalone", green, variant="green")
    watch.yard.labels(NOON + HOUR, [*_off_by(blue, 1.0), *_off_by(green, 5.0)])
    watch.fine(entry, NOON + HOUR)
    assert [one.variant for one in watch.judged(QUALITY)] == ["green", "blue"]
    assert [found["rmse"] for found in _metrics(watch)] == [pytest.approx(5.0), pytest.approx(1.0)]


def test_labels_of_nobody_wait_and_change_nothing(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    watch.yard.capture("abalone", records(1, NOON, 30))
    watch.yard.labels(NOON + HOUR, [("nobody", 7.0)])
    done = watch.fine(entry, NOON + HOUR)
    assert (done.objects, done.measured) == (2, 0)
    assert watch.judged(QUALITY) == []


def test_after_the_label_horizon_the_ledger_and_its_labels_go_and_the_verdict_stays(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", label_horizon="3d")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + HOUR, _off_by(given, 1.0))
    watch.fine(entry, NOON + HOUR)
    before = watch.judged(QUALITY)
    watch.fine(entry, NOON + 10 * 24 * HOUR)
    (window,) = watch.windows()
    with reading(watch.engine) as connection:
        key = (window.monitor_id, window.start, window.variant, window.deployment_id)
        assert ledger.labelled(connection, *key).is_empty()
    assert watch.judged(QUALITY) == before


def test_a_horizon_shorter_than_the_lateness_does_not_unmake_a_verdict(watch: Watch) -> None:
    """A late object opens the window again; the labels it was measured by must still be there."""
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", label_horizon="1h", lateness="5d")
    given = records(1, NOON, 30)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON + HOUR, _off_by(given, 1.0))
    watch.fine(entry, NOON + HOUR)
    watch.fine(entry, NOON + 72 * HOUR)
    watch.yard.capture("abalone", records(2, NOON, 20), name="late")
    watch.fine(entry, NOON + 73 * HOUR)
    (verdict,) = watch.judged(QUALITY)
    assert (verdict.records, verdict.message) == (30, "30 of 50 records are labelled.")


def test_labels_outside_the_layout_are_told_and_not_used(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    watch.yard.put("labels", "misplaced.jsonl", b"{}")
    watch.fine(entry, NOON)
    assert watch.rejects() == {"outside_layout": 1}
    assert [one.key for one in watch.rejected()] == ["misplaced.jsonl"]
