"""Ticks of the service: an endpoint that hangs holds up nobody, and what nothing acts on is told."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from structlog.testing import capture_logs

import service
from config import loading
from config.clock import FileClock
from config.model import Endpoint
from demo.clock import StoryClock
from monitor.observer import Observer
from monitor.rounds import Round
from objects import S3Client, s3_client
from retrain.executor import Executor
from store import executions, monitors, schema
from store.engine import open_engine, reading, writing
from store.records import ExecutionKind
from store.turns import Standing
from tests.clock import HOUR, MINUTE, NOON
from tests.observing import yard
from tests.observing.replica import until
from tests.observing.yard import Yard, bucket, records
from web.site import ReportUnreadableError

ROLE = "arn:aws:iam::111122223333:role/kedge"


@pytest.fixture
def here(tmp_path: Path) -> Yard:
    """A folder with a baseline and one captured minute."""
    place = Yard(f"file://{tmp_path}/yard")
    place.baseline()
    place.capture("abalone", records(1, NOON))
    return place


@pytest.fixture
def kedge(tmp_path: Path, migrated_sqlite: Path) -> Iterator[service.Service]:
    """The service, begun by hand, an hour after noon."""
    path = tmp_path / "kedge.yaml"
    path.write_text("endpoints: []\n")
    clock = StoryClock(tmp_path / "clock")
    clock.set(NOON + HOUR)
    shutil.copy(migrated_sqlite, tmp_path / "kedge.db")
    engine = open_engine(f"sqlite:///{tmp_path}/kedge.db")
    made = service.Service(service.ConfigFile(path), engine, FileClock(clock.path), CollectorRegistry())
    yield made
    made.stop()
    engine.dispose()


def _entry(uri: str, name: str = "abalone", more: str = "") -> str:
    return (
        f"  - {{name: {name}, capture: '{uri}/capture', baseline: '{uri}/baseline', window: 1m, grace: 1m"
        f"{more}}}\n"
    )


def _write(kedge: service.Service, *entries: str) -> None:
    kedge.file.path.write_text("endpoints:\n" + "".join(entries))


def _judged(kedge: service.Service, name: str = "abalone") -> int:
    with reading(kedge.engine) as connection:
        monitor = monitors.by_name(connection, name)
        return len(executions.latest(connection, monitor.id, ExecutionKind.DATA_QUALITY)) if monitor else 0


def test_an_endpoint_that_hangs_holds_up_no_other(
    kedge: service.Service, here: Yard, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)  # who connects waits for an answer
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        _write(kedge, _entry("s3://silent", "slow"), _entry(here.uri))
        kedge.begin()
        assert until(lambda: _judged(kedge) == 1)
        assert kedge.not_ready() == "the first round over the endpoints is not done yet"
        here.capture("abalone", records(2, NOON + MINUTE))

        def again() -> bool:
            kedge.begin()
            return _judged(kedge) == 2

        assert until(again, pause=0.1)
        assert _judged(kedge, "slow") == 0
        assert kedge.not_ready() is not None
    kedge.tick()
    assert kedge.not_ready() is None


def test_what_nothing_acts_on_is_told_when_the_file_is_taken_up(kedge: service.Service, here: Yard) -> None:
    with capture_logs() as logs:
        _write(kedge, _entry(here.uri))
        with kedge.file.path.open("a") as file:
            file.write("discover: {name_glob: 'a*'}\n")
        kedge.tick()
        kedge.tick()
    told = [(line.get("endpoint"), line["reason"]) for line in logs if line["event"] == "config_key_ignored"]
    assert [(name, reason.partition(" ")[0]) for name, reason in told] == [(None, "discover")]
    assert _judged(kedge) == 1


def test_a_second_entry_of_an_endpoint_is_told_at_it_while_the_first_is_observed(
    kedge: service.Service, here: Yard
) -> None:
    _write(kedge, _entry(here.uri), _entry(here.uri, more=", sample_rows: 5"))
    kedge.tick()
    assert _judged(kedge) == 1
    told = f"{kedge.file.path}, line 3, endpoints[1].name: abalone has an entry on line 2 already; keep one"
    assert (_problem(kedge) or "").startswith(told)
    _write(kedge, _entry(here.uri))
    kedge.tick()
    assert _problem(kedge) is None


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        ("window: 1m -> widow: 1m", "endpoints[0].widow: there is no such key; did you mean 'window'?"),
        ("name: abalone -> nmae: abalone", "endpoints[0].nmae: there is no such key; did you mean 'name'?"),
        ("grace: 1m -> grace: 1m, grace: 2m", "endpoints[0].grace: the key stands on line 2 already"),
    ],
)
def test_an_entry_that_is_wrong_goes_on_as_it_last_was_right(
    kedge: service.Service, here: Yard, monkeypatch: pytest.MonkeyPatch, slip: str, told: str
) -> None:
    """Observed, and its runs seen to: a model that was rolled out a moment ago is not left alone."""
    acted: list[tuple[str, ...]] = []

    def noted(_: Executor, endpoints: Sequence[Endpoint]) -> int:
        acted.append(tuple(endpoint.name for endpoint in endpoints))
        return 0

    monkeypatch.setattr(Executor, "round", noted)
    _write(kedge, _entry(here.uri))
    kedge.tick()
    wanted, _, slipped = slip.partition(" -> ")
    for minute in (1, 2):  # one wrong file after another
        _write(kedge, _entry(here.uri, more=f", sample_rows: {minute}").replace(wanted, slipped))
        here.capture("abalone", records(minute + 1, NOON + minute * MINUTE))
        kedge.tick()
        kedge.retrain_tick()
        assert _judged(kedge) == minute + 1
        assert (_problem(kedge) or "").startswith(f"{kedge.file.path}, line 2, {told}")
    assert acted == [("abalone",)] * 2
    file = service.ConfigFile(kedge.file.path)
    anew = service.Service(file, kedge.engine, kedge.clock, CollectorRegistry())
    anew.tick()  # it has no version to go on by, and stops nothing
    anew.stop()
    with reading(kedge.engine) as connection:
        assert [monitor.name for monitor in monitors.watched(connection)] == ["abalone"]
    _write(kedge, _entry(here.uri))
    kedge.tick()
    assert _problem(kedge) is None
    _write(kedge)
    kedge.tick()
    kedge.retrain_tick()
    assert acted[-1] == ()


def test_a_file_that_kedge_fails_on_is_told_by_its_name_and_the_one_before_goes_on(
    kedge: service.Service, here: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(kedge, _entry(here.uri))
    kedge.tick()

    def failing(path: Path) -> None:
        raise TypeError("nobody foresaw this")

    monkeypatch.setattr(loading, "load_tolerant", failing)
    here.capture("abalone", records(2, NOON + MINUTE))
    with capture_logs() as logs:
        _write(kedge, _entry(here.uri, more=", sample_rows: 5"))
        kedge.tick()
    told = [line["reason"] for line in logs if line["event"] == "config_refused"]
    assert told == [f"{kedge.file.path}: Kedge failed to read it (TypeError); please report it"]
    assert _judged(kedge) == 2


def _problem(kedge: service.Service) -> str | None:
    with reading(kedge.engine) as connection:
        monitor = monitors.by_name(connection, "abalone")
    assert monitor is not None
    return monitor.problem


def test_a_report_is_read_in_the_role_that_it_was_written_in(
    kedge: service.Service, here: Yard, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def noted(region: str | None, role: str | None) -> S3Client:
        asked.append(role)
        return s3_client(region, role)

    monkeypatch.setattr(service, "s3_client", noted)
    reports = yard.bucket("reports")
    reports.put("drift", "abalone/one.html", b"<p>drift</p>")
    _write(kedge, _entry(here.uri, more=f", role: '{ROLE}'"))
    kedge.tick()
    assert kedge.read_report("abalone", "s3://reports/drift/abalone/one.html") == b"<p>drift</p>"
    assert asked == [ROLE]
    assert kedge.read_report("gone", "s3://reports/drift/abalone/one.html") == b"<p>drift</p>"
    assert asked == [ROLE, None]
    with pytest.raises(ReportUnreadableError, match=r"two\.html"):
        kedge.read_report("abalone", "s3://reports/drift/abalone/two.html")


def _next_turn(kedge: service.Service) -> timedelta:
    with reading(kedge.engine) as connection:
        found = connection.execute(select(schema.monitors.c.turn_at)).scalar_one()
    assert isinstance(found, datetime)
    return found - datetime.now(UTC)


def test_a_shorter_pause_takes_effect_at_once(kedge: service.Service, here: Yard) -> None:
    for polling, least, most in (("10h", 9 * HOUR, 10 * HOUR), ("30m", 29 * MINUTE, 30 * MINUTE)):
        kedge.file.path.write_text(f"polling: {polling}\nendpoints:\n" + _entry(here.uri))
        kedge.begin()
        kedge._fleet.wait()
        assert least < _next_turn(kedge) <= most


def test_a_replica_with_an_older_file_stops_nothing(kedge: service.Service, here: Yard) -> None:
    _write(kedge, _entry(here.uri))
    kedge.tick()
    with writing(kedge.engine) as connection:
        monitors.unwatch_others(connection, ())  # as one does that starts with a file of no endpoints
    here.capture("abalone", records(2, NOON + MINUTE))
    kedge.begin()
    kedge._fleet.wait()
    assert _judged(kedge) == 2
    _write(kedge)
    kedge.tick()
    kedge.begin()
    with reading(kedge.engine) as connection:
        assert monitors.watched(connection) == (), "who is gone from this file, too, is gone"


def _announcing() -> tuple[Yard, str]:
    """A bucket, and the queue on which it announces its objects."""
    import boto3

    there = bucket("logs")
    sqs: Any = boto3.client("sqs")
    url = sqs.create_queue(QueueName="captures")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    boto3.client("s3").put_bucket_notification_configuration(Bucket="logs", NotificationConfiguration=wanted)
    return there, url


def test_what_is_announced_to_a_broken_endpoint_gives_it_one_turn(
    kedge: service.Service, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, url = _announcing()
    _write(kedge, _entry(there.uri, more=f", notifications: '{url}'"))
    with kedge.file.path.open("a") as file:
        file.write("polling: 30m\n")
    kedge.tick()
    assert _problem(kedge) is not None, "it has no baseline"
    there.capture("abalone", records(1, NOON))
    assert until(lambda: kedge._reception.waiting() == {"abalone"})
    rounds: list[str] = []
    take_turn = Observer.turn

    def noted(observer: Observer, endpoint: Endpoint, standing: Standing, wrong: str | None) -> Round | None:
        rounds.append(endpoint.name)
        return take_turn(observer, endpoint, standing, wrong)

    monkeypatch.setattr(Observer, "turn", noted)
    for _ in range(6):
        kedge.begin()
        kedge._fleet.wait()
    assert rounds == ["abalone"]


def test_a_queue_announces_captures_to_the_service(kedge: service.Service, aws: str) -> None:
    there, url = _announcing()
    there.baseline()
    _write(kedge, _entry(there.uri, more=f", notifications: '{url}'"))
    kedge.tick()
    assert _problem(kedge) is None
    there.capture("abalone", records(1, NOON))

    def judged() -> bool:
        kedge.tick()
        return _judged(kedge) == 1

    assert until(judged, pause=0.1)
    kedge.stop()
    told = kedge.registry.get_sample_value("kedge_notifications_total", {"fate": "held"})
    assert told == 1


def test_a_model_package_that_changed_has_the_runs_looked_at_at_once(
    kedge: service.Service, here: Yard, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval straight in the registry, told by EventBridge: twice, as AWS may, and of another group."""
    import boto3

    sqs: Any = boto3.client("sqs")
    url = sqs.create_queue(QueueName="packages")["QueueUrl"]
    policy = f"when: [volume > 2], target: {{local: train}}, registry: Abalone-models, events: '{url}'"
    _write(kedge, _entry(here.uri, more=f", retrain: {{{policy}}}"))
    kedge.tick()
    rounds: list[str] = []

    def looked(_: Executor, endpoints: Sequence[Endpoint]) -> int:
        rounds.extend(endpoint.name for endpoint in endpoints)
        return 0

    monkeypatch.setattr(Executor, "round", looked)
    kedge.tick_seconds = 3600.0
    kedge.start()
    told = {"source": "aws.sagemaker", "detail-type": "SageMaker Model Package State Change"}
    for group in ("another", "abalone-models", "abalone-models"):
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{group}/3"
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(told | {"detail": {"ModelPackageArn": arn}}))

    def passed_on() -> bool:
        count = kedge.registry.get_sample_value("kedge_notifications_total", {"fate": "passed_on"})
        return count == 3 and bool(rounds)

    assert until(passed_on, pause=0.1)
    assert 1 <= len(rounds) <= 2
    kedge.stop()
    waiting = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert waiting["ApproximateNumberOfMessages"] == waiting["ApproximateNumberOfMessagesNotVisible"] == "0"
