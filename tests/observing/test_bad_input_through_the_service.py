"""Bad input beside good, put into S3: each kind is counted and shown with its place, the good is all kept."""

from __future__ import annotations

import gzip
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update
from structlog.testing import capture_logs

import service
from config.clock import FileClock
from demo.clock import StoryClock
from monitor.observer import Observer
from store.engine import open_engine, writing
from store.schema import monitors, segments
from tests.capture.events import csv_line
from tests.clock import HOUR, NOON
from tests.observing import yard
from tests.observing.yard import Yard, body, capture_key, records
from tests.web.serving import client, serving

BUCKET = "logs"
GOOD = 20
BOMB = gzip.compress(b" " * (4 << 20))
TIME = "2026-03-02T12:00:10Z"


def _line(asked: str, answered: str = "9.5") -> bytes:
    return csv_line(asked, answered, event_id="bad", time=TIME)


BAD_LINES = {
    "not_json": b"{oh no}",
    "cut_off": _line("0.4,M")[:60],
    "wrong_columns": _line("0.4,M,7"),
    "not_utf8": _line("0.4,M").replace(b"M", b"\xff"),
    "text_for_number": _line("wide,M"),
    "not_finite": _line("NaN,M"),
    "bad_time": csv_line("0.4,M", "9.5", event_id="bad", time="yesterday"),
}
KEPT_THOUGH_ODD = {"text_for_number", "not_finite"}


@pytest.fixture
def bucket(aws: str) -> Yard:
    place = yard.bucket(BUCKET)
    place.baseline()
    return place


@pytest.fixture
def kedge(tmp_path: Path, migrated_sqlite: Path) -> Iterator[service.Service]:
    """The service as `kedge serve` wires it, ticking by hand, an hour after noon."""
    path = tmp_path / "kedge.yaml"
    path.write_text("endpoints: []\n")
    clock = StoryClock(tmp_path / "clock")
    clock.set(NOON + HOUR)
    shutil.copy(migrated_sqlite, tmp_path / "kedge.db")
    engine = open_engine(f"sqlite:///{tmp_path}/kedge.db")
    yield service.Service(service.ConfigFile(path), engine, FileClock(clock.path), CollectorRegistry())
    engine.dispose()


def watch(kedge: service.Service, *entries: str) -> None:
    """Write kedge.yaml and go over its endpoints once."""
    text = "endpoints:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries)
    kedge.file.path.write_text(text + "#" * int(kedge.file.path.stat().st_size) + "\n")
    kedge.tick()


def entry(name: str = "abalone", more: str = "", capture: str = f"s3://{BUCKET}/capture") -> str:
    usual = f"capture: '{capture}', prediction: rings, window: 1m, grace: 1m"
    baseline = "" if "baseline:" in more else f", baseline: 's3://{BUCKET}/baseline'"
    return f"name: {name}, {usual}{baseline}{more}"


def shown(kedge: service.Service, path: str) -> httpx.Response:
    with (
        serving(kedge.engine, NOON + HOUR, config=lambda: kedge.file.config) as address,
        client(address) as visitor,
    ):
        return visitor.get(path).raise_for_status()


def rejects(kedge: service.Service, name: str = "abalone") -> dict[str, object]:
    found: dict[str, object] = shown(kedge, f"/api/v1/endpoints/{name}/rejects").json()
    return found


def state(kedge: service.Service, name: str) -> tuple[str, str | None, int | None]:
    """Its state, its problem, and the records of its last window."""
    found = shown(kedge, f"/api/v1/endpoints/{name}").json()
    last = found["last_execution"]
    return found["state"], found["problem"], last and last["records"]


def test_each_kind_of_bad_line_is_counted_and_shown_beside_the_good_ones(
    kedge: service.Service, bucket: Yard
) -> None:
    for at, (kind, line) in enumerate(BAD_LINES.items()):
        good = [record.line() for record in records(at, NOON, GOOD)]
        data = b"\n".join([*good[:4], line, *good[4:]]) + b"\n"
        if kind == "cut_off":  # what is cut off is the last line
            data = b"\n".join([*good, line])
        bucket.put("capture", f"abalone/{capture_key('AllTraffic', NOON, kind)}", data)
    watch(kedge, entry())
    found = rejects(kedge)
    assert found["counts"] == dict.fromkeys(BAD_LINES, 1)
    objects: Any = found["objects"]
    for kind in BAD_LINES:
        key = f"capture/abalone/{capture_key('AllTraffic', NOON, kind)}"
        (one,) = [seen for seen in objects if seen["key"] == key]
        (reject,) = one["rejects"]
        assert (one["bucket"], reject["kind"], reject["count"]) == (BUCKET, kind, 1)
        line_number = GOOD + 1 if kind == "cut_off" else 5
        assert [example["line"] for example in reject["examples"]] == [line_number]
    kept = GOOD * len(BAD_LINES) + len(KEPT_THOUGH_ODD)
    assert state(kedge, "abalone")[1:] == (None, kept)
    page = shown(kedge, "/endpoints/abalone").text
    for kind in BAD_LINES:
        assert f"{BUCKET}/capture/abalone/{capture_key('AllTraffic', NOON, kind)}" in page
        assert kind.replace("_", " ") in page
    assert "wide" not in page.replace('class="wide"', "")
    assert "oh no" not in page


def test_bad_objects_are_counted_and_shown_and_the_good_ones_beside_them_kept(
    kedge: service.Service, bucket: Yard
) -> None:
    small = replace(kedge._observer.world, limit_bytes=1 << 20)
    kedge._observer = Observer(small)
    bad = {
        f"abalone/{capture_key('AllTraffic', NOON, 'empty')}": (b"", "empty_file"),
        f"abalone/{capture_key('AllTraffic', NOON, 'bomb')}.gz": (BOMB, "too_large"),
        f"abalone/{capture_key('AllTraffic', NOON, 'half')}.gz": (BOMB[:40], "bad_gzip"),
        "abalone/AllTraffic/misplaced.jsonl": (body(records(2, NOON)), "outside_layout"),
    }
    for key, (data, _) in bad.items():
        bucket.put("capture", key, data)
    bucket.capture("abalone", records(1, NOON, GOOD))
    watch(kedge, entry())
    found = rejects(kedge)
    assert found["counts"] == {kind: 1 for _, kind in bad.values()}
    objects: Any = found["objects"]
    assert {(one["key"], one["rejects"][0]["kind"]) for one in objects} == {
        (f"capture/{key}", kind) for key, (_, kind) in bad.items()
    }
    assert state(kedge, "abalone")[1:] == (None, GOOD)
    page = shown(kedge, "/endpoints/abalone").text
    assert all(f"{BUCKET}/capture/{key}" in page for key in bad)


def test_objects_beyond_the_lateness_are_told_on_the_page_and_by_the_api(
    kedge: service.Service, bucket: Yard
) -> None:
    key = bucket.capture("abalone", records(1, NOON - 72 * HOUR))
    labels = [bucket.labels(NOON - days * 24 * HOUR, [("old", 7.0)]) for days in (20, 19)]
    watch(kedge, entry(more=f", ground_truth: 's3://{BUCKET}/labels', label_horizon: 5d"))
    page = shown(kedge, "/endpoints/abalone").text
    assert (
        f'1 captured object came after the lateness and is not counted, <bdi class="key">{key}</bdi> '
        "being the first: give the endpoint a longer lateness in kedge.yaml to count it." in page
    )
    assert (
        f'2 objects of labels came after the label horizon and are not counted, <bdi class="key">{labels[0]}'
        "</bdi> being the first: give the endpoint a longer label_horizon in kedge.yaml to count them."
        in page
    )
    found = rejects(kedge)
    assert (found["late_objects"], found["late_key"]) == (1, key)
    assert (found["late_labels"], found["late_label_key"]) == (2, labels[0])
    assert state(kedge, "abalone")[2] is None


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """An S3 that answers every request with this error, as AWS words it."""

    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_GET  # noqa: N815 (http.server names it)

        def log_message(self, format: str, *given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def beside(tmp_path: Path) -> str:
    """The entry of an endpoint with which nothing is wrong, and which needs no S3."""
    folder = Yard(f"file://{tmp_path}/beside")
    folder.baseline()
    folder.capture("beside", records(1, NOON, GOOD))
    return entry("beside", f", baseline: '{folder.uri}/baseline'", f"{folder.uri}/capture")


def told(kedge: service.Service, name: str = "abalone") -> str:
    """The one sentence at a endpoint, while the one beside it goes on."""
    assert state(kedge, "beside") == ("quiet", None, GOOD)
    standing, problem, _ = state(kedge, name)
    assert standing == "problem"
    assert problem is not None
    assert "\n" not in problem
    assert problem in unescape(shown(kedge, f"/endpoints/{name}").text)
    return problem


def test_a_missing_baseline_is_one_sentence(kedge: service.Service, bucket: Yard, beside: str) -> None:
    watch(kedge, entry(more=f", baseline: 's3://{BUCKET}/nowhere'"), beside)
    assert f"s3://{BUCKET}/nowhere/statistics.json" in told(kedge)


def test_no_baseline_at_all_is_one_sentence_with_what_to_do(
    kedge: service.Service, bucket: Yard, beside: str
) -> None:
    watch(kedge, entry(more=", baseline: null"), beside)
    assert "endpoint abalone has no baseline" in told(kedge)
    assert "kedge baseline import abalone" in told(kedge)


def test_an_endpoint_that_gets_its_baseline_goes_on(
    kedge: service.Service, bucket: Yard, beside: str
) -> None:
    bucket.capture("abalone", records(1, NOON, GOOD))
    watch(kedge, entry(more=f", baseline: 's3://{BUCKET}/later'"), beside)
    told(kedge)
    bucket.baseline("later")
    kedge.tick()
    assert state(kedge, "abalone") == ("quiet", None, GOOD)


def test_a_bucket_that_is_not_there_is_one_sentence(
    kedge: service.Service, bucket: Yard, beside: str
) -> None:
    watch(kedge, entry(capture="s3://nobodys-bucket/capture"), beside)
    assert "there is no bucket nobodys-bucket" in told(kedge)


def test_an_s3_that_does_not_answer_is_one_sentence(
    kedge: service.Service, aws: str, beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        watch(kedge, entry(), beside)
    said = told(kedge)
    assert f"cannot reach s3://{BUCKET}/baseline" in said
    assert "AWS_ENDPOINT_URL" in said


def test_denied_access_is_one_sentence(
    kedge: service.Service, aws: str, beside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(403, "AccessDenied") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        watch(kedge, entry(), beside)
    said = told(kedge)
    assert f"s3://{BUCKET}/baseline" in said
    assert "denied" in said


def test_an_unknown_key_of_one_endpoint_is_one_sentence_with_its_line(
    kedge: service.Service, aws: str, beside: str
) -> None:
    watch(kedge, entry(more=", windoww: 1h"), beside)
    said = told(kedge)
    assert "kedge.yaml, line 2" in said
    assert "windoww" in said
    watch(kedge, beside)
    listed = shown(kedge, "/api/v1/fleet").json()["endpoints"]
    assert [one["name"] for one in listed] == ["beside"]


def test_a_changed_file_is_taken_up_without_a_restart(kedge: service.Service, aws: str, beside: str) -> None:
    watch(kedge)
    assert shown(kedge, "/api/v1/fleet").json()["endpoints"] == []
    watch(kedge, beside)
    assert state(kedge, "beside") == ("quiet", None, GOOD)


@pytest.mark.parametrize("nonsense", ["endpoints: {", "endpoints: 7\n", "databose: x\n", "\xff"])
def test_a_file_that_is_nonsense_is_refused_and_told_and_the_old_one_stays_in_force(
    kedge: service.Service, aws: str, beside: str, nonsense: str
) -> None:
    watch(kedge, beside)
    before = kedge.file.config
    with capture_logs() as logs:
        kedge.file.path.write_bytes(nonsense.encode("latin-1"))
        kedge.tick()
        kedge.tick()
    refused = [line for line in logs if line["event"] == "config_refused"]
    assert len(refused) == 1
    assert str(kedge.file.path) in refused[0]["reason"]
    assert kedge.file.config == before
    assert state(kedge, "beside") == ("quiet", None, GOOD)


def test_a_fault_of_kedge_in_one_endpoint_does_not_stop_the_others(
    kedge: service.Service, bucket: Yard, beside: str
) -> None:
    """A stored profile that cannot be read any more is something that nobody foresaw."""
    bucket.capture("abalone", records(1, NOON, GOOD))
    clock = StoryClock(kedge.file.path.with_name("clock"))
    clock.set(NOON)
    watch(kedge, entry(), beside)
    with writing(kedge.engine) as connection:
        of_abalone = select(monitors.c.id).where(monitors.c.name == "abalone").scalar_subquery()
        spoilt = update(segments).where(segments.c.monitor_id == of_abalone).values(profile=b"spoilt")
        connection.execute(spoilt)
    clock.set(NOON + HOUR)
    with capture_logs() as logs:
        kedge.tick()
    assert [line["endpoint"] for line in logs if line["event"] == "round_failed"] == ["abalone"]
    assert "Kedge failed on this endpoint" in told(kedge)
