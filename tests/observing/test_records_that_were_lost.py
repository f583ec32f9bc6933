"""What could not be read belongs to a window: the worst fault is the one that must not go unseen."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from monitor import ingest
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.ground_truth import decode_labels
from monitor.windows import EPOCH
from store import windows as stored_windows
from store.engine import writing
from store.records import ExecutionKind, IncidentKind
from tests.capture.events import captured, csv_line
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import VARIANT, Record, body, capture_key, records

BAD = b"no json"


def _put(watch: Watch, data: bytes, at: datetime = NOON, name: str = "x") -> None:
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, at, name)}", data)


def _lost(watch: Watch) -> list[tuple[int, int, int]]:
    """Minute, records and lost records of each judged window."""
    return [((one.start - NOON) // MINUTE, one.records, one.rejected) for one in watch.judged()]


def _incidents(watch: Watch) -> list[tuple[IncidentKind, int, bool]]:
    """Kind, first minute, and whether it is open."""
    return [
        (one.kind, (one.first_window - NOON) // MINUTE, one.closed_at is None) for one in watch.incidents()
    ]


@pytest.mark.parametrize(
    ("data", "kind", "lost"),
    [
        (b"no json\n" * 300, "not_json", 300),
        (captured(csv_line("0.5,F", "9.5", time="yesterday")), "bad_time", 1),
        (gzip.compress(body(records(1, NOON)), mtime=0)[:40], "bad_gzip", 1),
    ],
)
def test_an_object_without_one_record_is_a_window_that_lost_them_all(
    watch: Watch, data: bytes, kind: str, lost: int
) -> None:
    _put(watch, data, NOON + 10 * timedelta(seconds=1))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {kind: lost}
    assert _lost(watch) == [(0, 0, lost)]
    assert _incidents(watch) == [(IncidentKind.DATA_FAULT, 0, True)]
    assert watch.monitor().last_inference_at is None


def test_minutes_of_nothing_but_garbage_are_one_lasting_data_fault(watch: Watch) -> None:
    watch.yard.capture("abalone", records(0, NOON, 200))
    for minute in range(1, 6):
        _put(watch, BAD + b"\n" + BAD, NOON + minute * MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _lost(watch) == [(0, 200, 0), *((minute, 0, 2) for minute in range(1, 6))]
    (incident,) = watch.incidents()
    assert (incident.kind, incident.breached_windows) == (IncidentKind.DATA_FAULT, 5)
    assert incident.closed_at is None


def test_an_empty_object_lost_nothing_and_is_no_window(watch: Watch) -> None:
    _put(watch, b"")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {"empty_file": 1}
    assert watch.windows() == ()


def test_what_an_object_lost_is_charged_to_one_window(watch: Watch) -> None:
    """It spans two; the lines that are no JSON have no time, so they count where its key says."""
    both = records(1, NOON + 30 * timedelta(seconds=1), 40)
    watch.yard.capture("abalone", records(2, NOON, 1000, timedelta(seconds=50)), name="before")
    _put(watch, body(both, bad=[BAD] * 30))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {"not_json": 30}
    assert _lost(watch) == [(0, 1020, 30), (1, 20, 0)]
    assert watch.incidents() == ()


def test_what_an_object_lost_is_charged_where_its_records_are(watch: Watch) -> None:
    """A file that was begun in one minute and has its records in the next says nothing about the first."""
    _put(watch, body(records(1, NOON + MINUTE, 40), bad=[BAD]), NOON + 59 * timedelta(seconds=1))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _lost(watch) == [(1, 40, 1)]


def test_records_of_a_wrong_width_have_a_time_and_count_in_its_window(watch: Watch) -> None:
    at = NOON + MINUTE + timedelta(seconds=30)
    misfit = csv_line("0.5", "9.5", time=at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _put(watch, body(records(1, NOON, 100, 2 * MINUTE), bad=[misfit, BAD]))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert _lost(watch) == [(0, 50, 1), (1, 50, 1)]


def test_an_hour_of_garbage_lies_in_the_hour_of_its_key(watch: Watch) -> None:
    _put(watch, BAD, NOON + 40 * MINUTE)
    watch.fine(watch.yard.endpoint(window="1h"), NOON + 3 * HOUR)
    assert [(one.start, one.rejected) for one in watch.judged()] == [(NOON, 1)]


def test_a_key_without_minutes_counts_in_the_hours_first_window(watch: Watch) -> None:
    watch.yard.put("capture", f"abalone/{VARIANT}/{NOON:%Y/%m/%d/%H}/part-0001.jsonl", BAD)
    watch.fine(watch.yard.endpoint(), NOON + 3 * HOUR)
    assert _lost(watch) == [(0, 0, 1)]


def test_a_good_object_in_the_place_of_a_bad_one_takes_back_what_it_lost(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    _put(watch, BAD)
    watch.fine(entry, NOON + 2 * MINUTE)
    _put(watch, body(records(1, NOON, 100)))
    watch.fine(entry, NOON + 3 * MINUTE)
    assert _lost(watch) == [(0, 100, 0)]
    assert _incidents(watch) == [(IncidentKind.DATA_FAULT, 0, False)]


def test_a_settled_window_that_is_judged_again_still_knows_what_it_lost(watch: Watch) -> None:
    _put(watch, body(records(0, NOON, 50), bad=[BAD] * 10))
    entry = watch.yard.endpoint()
    watch.fine(entry, NOON + HOUR)
    before = watch.incidents()
    watch.fine(entry, NOON + 240 * HOUR)
    with writing(watch.engine) as connection:
        assert stored_windows.mark(connection, watch.monitor().id) == 1
    watch.fine(entry, NOON + 240 * HOUR + MINUTE)
    (again,) = watch.judged()
    assert (again.revision, again.records, again.rejected) == (2, 50, 10)
    assert [one.closed_at for one in before] == [one.closed_at for one in watch.incidents()] == [None]


def _at(time: str, event_id: str = "odd") -> bytes:
    return csv_line("0.5,F", "9.5", event_id=event_id, time=time)


@pytest.mark.parametrize(
    "time",
    [
        "9999-12-31T23:59:30Z",
        "2999-12-31T23:59:30Z",
        "2026-03-03T13:00:01Z",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_a_time_that_no_inference_can_have_is_a_bad_time(watch: Watch, time: str) -> None:
    entry = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels")
    good = records(1, NOON)
    _put(watch, captured(*(one.line() for one in good[:3]), _at(time), *(one.line() for one in good[3:])))
    watch.yard.labels(NOON, [("odd", 9.0), *((one.event_id, 9.0) for one in good)])
    watch.fine(entry, NOON + HOUR)
    assert watch.rejects() == {"bad_time": 1}
    assert _lost(watch) == [(0, 30, 1)]
    assert watch.monitor().last_inference_at == good[-1].at
    (odd,) = watch.rejected()
    assert [example.line for example in odd.rejects[0].examples] == [4]
    assert len(watch.judged(ExecutionKind.MODEL_QUALITY)) == 1


@pytest.mark.parametrize("at", [EPOCH, NOON + 25 * HOUR])
def test_the_first_and_the_last_time_that_an_inference_can_have(watch: Watch, at: datetime) -> None:
    _put(watch, captured(_at(at.strftime("%Y-%m-%dT%H:%M:%SZ"))))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {}
    assert watch.totals() == (1, 1)


def test_a_misfit_of_an_impossible_time_is_charged_to_the_objects_window(watch: Watch) -> None:
    _put(watch, captured(csv_line("0.5", "9.5", time="9999-12-31T23:59:30Z")))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {"wrong_columns": 1}
    assert _lost(watch) == [(0, 0, 1)]


def _failing_on(monkeypatch: pytest.MonkeyPatch, given: Sequence[Record]) -> None:
    """The one object with these records meets a mistake that nobody foresaw."""

    def mistaken(data: bytes, schema: Schema, **more: object) -> Decoded:
        if data == body(given):
            raise ArithmeticError("0.4711 is somebody's length")
        return decode(data, schema, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ingest, "decode", mistaken)


def test_an_object_on_which_kedge_fails_is_told_and_the_others_go_on(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky = records(1, NOON)
    key = watch.yard.capture("abalone", unlucky, name="b")
    watch.yard.capture("abalone", records(2, NOON), name="a")
    watch.yard.capture("abalone", records(3, NOON), name="c")
    _failing_on(monkeypatch, unlucky)
    with capture_logs() as logs:
        watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert watch.rejects() == {"failed": 1}
    assert _lost(watch) == [(0, 60, 1)]
    (told,) = [line for line in logs if line["event"] == "rejected"]
    assert (told["kind"], told["key"]) == ("failed", key)
    assert "0.4711" not in str(logs)
    (seen,) = watch.rejected()
    assert seen.key == key
    assert "ArithmeticError" in seen.rejects[0].examples[0].detail
    assert "0.4711" not in seen.rejects[0].examples[0].detail


def test_labels_on_which_kedge_fails_are_told_and_the_others_go_on(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    watch.yard.labels(NOON, [(one.event_id, 9.0) for one in given[:10]], name="a")
    key = watch.yard.labels(NOON, [("unlucky", 9.0)], name="b")
    real = decode_labels

    def mistaken(data: bytes, **more: int) -> object:
        if b"unlucky" in data:
            raise ArithmeticError
        return real(data, **more)

    monkeypatch.setattr(ingest, "decode_labels", mistaken)
    watch.fine(watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels"), NOON + HOUR)
    assert watch.rejects() == {"failed": 1}
    assert [seen.key for seen in watch.rejected()] == [key]
    assert [one.records for one in watch.judged(ExecutionKind.MODEL_QUALITY)] == [10]
