"""Folders that hold one another, move, or have names that no bucket has: each object is counted once."""

from __future__ import annotations

import os
from pathlib import Path

from store import executions
from store.engine import reading
from store.records import ExecutionKind
from tests.clock import HOUR, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import body, capture_key, label_key, labels_body, records


def _root(watch: Watch) -> Path:
    return Path(watch.yard.uri.removeprefix("file://"))


def test_labels_may_lie_in_a_folder_above_the_captures(watch: Watch) -> None:
    entry = watch.yard.endpoint(ground_truth=watch.yard.uri, results=f"{watch.yard.uri}/results")
    given = records(1, NOON)
    watch.yard.capture("abalone", given)
    pairs = [(one.event_id, one.rings + 2.0) for one in given]
    (_root(watch) / label_key(NOON, "a")).parent.mkdir(parents=True)
    (_root(watch) / label_key(NOON, "a")).write_bytes(labels_body(pairs))
    for hour in range(1, 4):
        watch.fine(entry, NOON + hour * HOUR)
    assert [(one.records, one.revision) for one in watch.judged()] == [(30, 1)]
    assert watch.totals() == (1, 30)
    assert watch.rejects() == {}
    (verdict,) = watch.judged(ExecutionKind.MODEL_QUALITY)
    with reading(watch.engine) as connection:
        assert {m.name: m.value for m in executions.metric_rows(connection, verdict.id)}["mae"] == 2.0
    assert watch.fine(entry).idle


def test_the_same_key_in_another_folder_is_another_object(watch: Watch) -> None:
    first, second = records(1, NOON), records(2, NOON)
    watch.yard.capture("abalone", first)
    watch.fine(watch.yard.endpoint(), NOON)
    watch.yard.put("moved", f"abalone/{capture_key('AllTraffic', NOON, 'a')}", body(second))
    watch.yard.put("again", f"abalone/{capture_key('AllTraffic', NOON, 'a')}", body(first))
    for folder in ("moved", "again", "capture"):
        watch.fine(watch.yard.endpoint(capture=f"{watch.yard.uri}/{folder}"), NOON)
    assert watch.totals() == (3, 90)


def test_a_folder_that_no_variant_can_be_called_is_outside_the_layout(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    watch.yard.capture("abalone", records(2, NOON), variant="v" * 64)
    entry = watch.yard.endpoint()
    watch.fine(entry, NOON + HOUR)
    assert watch.rejects() == {"outside_layout": 1}
    assert [one.records for one in watch.judged()] == [30]
    assert watch.fine(entry).idle


def test_keys_that_are_no_utf8_or_too_long_are_counted_and_shown(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(1, NOON))
    hour = os.fsencode(_root(watch) / "capture/abalone/AllTraffic" / f"{NOON:%Y/%m/%d/%H}")
    for name in (b"\xff\xfe.jsonl", b"\xff\xfd.jsonl"):
        with open(hour + b"/" + name, "wb") as file:
            file.write(b"{oh no}\n")
    deep = Path(os.fsdecode(hour)).joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    for last in ("a", "b"):
        (deep / last).write_bytes(body(records(3, NOON)))
    watch.fine(entry, NOON + HOUR)
    assert watch.totals() == (5, 30)
    assert watch.rejects() == {"not_json": 2, "outside_layout": 2}
    shown = [one.key for one in watch.rejected()]
    assert len(set(shown)) == 4
    assert all(key.encode() and len(key) <= 1024 for key in shown)
    assert watch.fine(entry).idle
