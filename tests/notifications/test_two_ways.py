"""A queue and a listing find the same; what a queue says twice, wrongly or late is no harm. On moto."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from config.model import Endpoint
from monitor.arrivals import Arrivals
from monitor.notifications.queue import sqs_client
from monitor.notifications.reception import Reception
from monitor.observer import Observer
from monitor.rounds import Round
from tests.clock import HOUR, MINUTE, NOON
from tests.conftest import ROOT
from tests.faults import Fault, FaultyAws
from tests.notifications.life import VISIBLE
from tests.observing.conftest import Watch
from tests.observing.fingerprint import fingerprint
from tests.observing.replica import until
from tests.observing.yard import Yard, body, bucket, capture_key, records


@dataclass
class Station:
    """A bucket that announces its objects on a queue with a dead-letter queue, and a service that listens."""

    yard: Yard
    watch: Watch
    url: str
    dead: str
    sqs: Any
    fates: Counter[str] = field(default_factory=Counter)
    entries: list[Endpoint] = field(default_factory=list)

    def entry(self, name: str = "abalone", **given: Any) -> Endpoint:
        return self.yard.endpoint(name, notifications=self.url, **given)

    @contextmanager
    def listening(self, *entries: Endpoint) -> Iterator[Listener]:
        """A life of the service, with nothing left of an earlier one but the database."""
        reception = Reception(
            lambda url, role: sqs_client(url, "eu-west-1", role), self._count, visibility=VISIBLE
        )
        reception.follow(entries)
        try:
            yield Listener(self, reception, self.watch.observer(arrivals=Arrivals(reception)), entries)
        finally:
            reception.stop()

    def _count(self, fate: str) -> None:
        self.fates[fate] += 1

    def left(self, url: str | None = None) -> int:
        """Messages on the queue, received or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def keys(self, name: str = "abalone") -> list[str]:
        found: Any = fingerprint(self.watch.engine, name)["objects"]
        return sorted(each[0] for each in found)


@dataclass
class Listener:
    station: Station
    reception: Reception
    observer: Observer
    entries: tuple[Endpoint, ...]

    def round(self, at: Any = None, entry: Endpoint | None = None) -> Round:
        self.station.watch.clock.at = at or self.station.watch.clock.at
        done = self.observer.observe(entry or self.entries[0])
        assert done is not None
        return done

    def fine(self, at: Any = None, entry: Endpoint | None = None) -> Round:
        done = self.round(at, entry)
        assert done.problem is None, done.problem
        return done

    def told(self, objects: int, entry: Endpoint | None = None) -> bool:
        """Whether so many messages for an endpoint came."""
        return until(lambda: len(self.reception.letters(entry or self.entries[0]).ids) >= objects, 30)


def _made(client: Any, name: str, **attributes: str) -> tuple[str, str]:
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def _direct(s3: Any, arn: str) -> None:
    wanted = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="logs", NotificationConfiguration={"QueueConfigurations": [wanted]}
    )


def _bridge(s3: Any, arn: str) -> None:
    events = boto3.client("events")
    events.put_rule(Name="captures", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="captures", Targets=[{"Id": "1", "Arn": arn}])
    s3.put_bucket_notification_configuration(
        Bucket="logs", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def _topic(s3: Any, arn: str) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="captures")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    s3.put_bucket_notification_configuration(
        Bucket="logs",
        NotificationConfiguration={
            "TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
        },
    )


WAYS: dict[str, Callable[[Any, str], None]] = {"S3": _direct, "EventBridge": _bridge, "SNS": _topic}


def _station(database: Engine, way: Callable[[Any, str], None] = _direct) -> Station:
    yard = bucket("logs")
    yard.baseline()
    sqs: Any = boto3.client("sqs")
    dead, dead_arn = _made(sqs, "captures-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": "2"})
    url, arn = _made(sqs, "captures", RedrivePolicy=redrive)
    way(boto3.client("s3"), arn)
    return Station(yard, Watch(yard, database), url, dead, sqs)


@pytest.fixture
def station(aws: str, database: Engine) -> Station:
    return _station(database)


def _put_all_sorts(yard: Yard) -> None:
    """Captures of two variants, a gzip, one with a name to be quoted, and what lies beside them."""
    yard.capture("abalone", records(1, NOON), name="a")
    yard.capture("abalone", records(2, NOON + MINUTE), name="b c+ü&=%20")
    yard.capture("abalone", records(3, NOON + MINUTE), variant="Canary", zipped=True)
    yard.capture("abalone", records(4, NOON - 60 * HOUR), name="beyond-the-lateness")
    yard.capture("abalone2", records(5, NOON), name="of-another")
    yard.put("capture", "abalone/AllTraffic/oddly/named.jsonl", b"{}\n")
    yard.put("capture", "abalone/of-no-variant.jsonl", b"{}\n")
    yard.put("capture", "abalone//2026/05/04/12/double.jsonl", b"{}\n")
    yard.put("elsewhere", "abalone/AllTraffic/2026/05/04/12/x.jsonl", b"{}\n")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("variant", [None, "Canary"])
def test_both_ways_find_the_same_objects(aws: str, database: Engine, way: str, variant: str | None) -> None:
    station = _station(database, WAYS[way])
    entry = station.entry("abalone", variant=variant)
    with station.listening(entry) as service:
        service.fine(NOON)  # lists, and finds nothing
        assert service.fine(NOON).idle
        _put_all_sorts(station.yard)
        assert until(lambda: station.fates["held"] >= 7)
        done = service.fine(NOON + 10 * MINUTE)
        assert done.objects > 0
        announced = fingerprint(database, "abalone")
        assert until(lambda: station.left() == 0)
    listed = Watch(station.yard, database)
    twin = station.yard.endpoint("abalone", variant=variant)
    assert listed.fine(twin, NOON + 10 * MINUTE).idle, "a listing finds nothing that was not announced"
    assert fingerprint(database, "abalone") == announced


def test_a_transforms_manifest_is_announced_like_a_capture(station: Station, database: Engine) -> None:
    entry = station.entry("jobs", batch=True)
    with station.listening(entry) as service:
        service.fine(NOON)
        station.yard.put("capture", "output/2026/05/04/12/m.manifest", b"[]")
        station.yard.put("capture", "input/2026/05/04/12/m.manifest", b"[]")
        assert service.told(1)
        assert service.fine(NOON + MINUTE).objects == 1
    listed = station.yard.endpoint("jobs", batch=True)
    assert Watch(station.yard, database).fine(listed, NOON + MINUTE).objects == 0


def test_what_is_told_twice_is_counted_once(station: Station) -> None:
    entry = station.entry()
    with station.listening(entry) as service:
        service.fine(NOON)
        key = station.yard.capture("abalone", records(1, NOON))
        s3: Any = boto3.client("s3")
        s3.copy_object(
            Bucket="logs", Key=key, CopySource={"Bucket": "logs", "Key": key}, MetadataDirective="REPLACE"
        )
        assert service.told(2)
        assert service.fine(NOON + 10 * MINUTE).objects == 1
        (first,) = station.watch.judged()
        station.yard.capture("abalone", records(1, NOON))  # and the same bytes once more
        assert service.told(1)
        assert service.fine(NOON + 11 * MINUTE).idle
        assert until(lambda: station.left() == 0)
    assert [(each.records, each.revision) for each in station.watch.judged()] == [(30, first.revision)]


def test_an_old_message_does_not_open_a_window_again(station: Station) -> None:
    """Messages overtake each other: one of what stood there before says nothing of what stands there now."""
    entry = station.entry()
    old = {"key": "", "size": 5, "eTag": "0" * 32}
    with station.listening(entry) as service:
        service.fine(NOON)
        old["key"] = station.yard.capture("abalone", records(1, NOON))
        assert service.told(1)
        assert service.fine(NOON + 10 * MINUTE).judged == 1
        said = {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-05-04T12:00:00Z",
        }
        record = {**said, "s3": {"bucket": {"name": "logs"}, "object": old}}
        station.sqs.send_message(QueueUrl=station.url, MessageBody=json.dumps({"Records": [record]}))
        assert service.told(1)
        assert service.fine(NOON + 11 * MINUTE).idle
    assert [each.revision for each in station.watch.judged()] == [1]


def test_an_object_that_is_written_again_is_read_again(station: Station) -> None:
    entry = station.entry()
    with station.listening(entry) as service:
        service.fine(NOON)
        for count, at in ((30, 10), (20, 11)):
            station.yard.capture("abalone", records(1, NOON, count))
            assert service.told(1)
            assert service.fine(NOON + at * MINUTE).judged == 1
    assert [(each.records, each.revision) for each in station.watch.judged()] == [(20, 2)]


def test_an_object_that_is_gone_again_is_let_go_of(station: Station) -> None:
    entry = station.entry()
    with station.listening(entry) as service:
        service.fine(NOON)
        key = station.yard.capture("abalone", records(1, NOON))
        boto3.client("s3").delete_object(Bucket="logs", Key=key)
        assert service.told(1)
        assert service.fine(NOON + 10 * MINUTE).objects == 0
        assert until(lambda: station.left() == 0)


@contextmanager
def _life(station: Station, database_url: str, folder: Path) -> Iterator[Path]:
    """A process that makes rounds until the block ends, or it is killed; gives what it says."""
    command = [sys.executable, "-m", "tests.notifications.life", database_url, station.yard.uri, station.url]
    said = folder / "life.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield said
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_killed_between_the_commit_and_the_deletion_it_counts_once(
    faulty_aws: FaultyAws, database: Engine, database_url: str, tmp_path: Path
) -> None:
    station = _station(database)
    with _life(station, database_url, tmp_path) as said:
        assert until(lambda: b"Round" in said.read_bytes(), 60), said.read_text()
        assert until(lambda: station.left() == 0)  # S3's test event is gone
        asked = faulty_aws.seen("DeleteMessageBatch")
        faulty_aws.meets("DeleteMessageBatch", *[Fault.REFUSE] * 500)
        station.yard.capture("abalone", records(1, NOON))
        assert until(lambda: faulty_aws.seen("DeleteMessageBatch") > asked, 60), said.read_text()
    assert station.watch.totals() == (1, 30), "it was committed before anything was to be deleted"
    assert station.left() == 1
    faulty_aws.clear("DeleteMessageBatch")
    entry = station.entry()
    station.watch.clock.at = NOON + 10 * MINUTE
    with station.listening(entry) as service:

        def settled() -> bool:
            service.observer.observe(entry)  # nothing, until the lease of the dead has run out
            return station.left() == 0

        assert until(settled, 60, pause=0.2)
    assert [(each.records, each.revision) for each in station.watch.judged()] == [(30, 1)]
    assert station.watch.totals() == (1, 30)


def test_nothing_is_deleted_where_the_object_could_not_be_read(
    faulty_aws: FaultyAws, database: Engine
) -> None:
    station = _station(database)
    entry = station.entry()
    with station.listening(entry) as service:
        service.fine(NOON)
        station.yard.capture("abalone", records(1, NOON))
        assert service.told(1)
        faulty_aws.meets("GET object", *[Fault.FAIL] * 4)
        done = service.round(NOON + 10 * MINUTE)
        assert done.objects == 0
        assert "S3 answered" in (done.problem or "")
        assert station.left() == 1
        assert service.fine(NOON + 11 * MINUTE).objects == 1
        assert until(lambda: station.left() == 0)


def test_a_poisoned_message_ends_in_the_dead_letter_queue(station: Station) -> None:
    entry = station.entry()
    with capture_logs() as logs, station.listening(entry) as service:
        service.fine(NOON)
        station.sqs.send_message(QueueUrl=station.url, MessageBody='{"hush": "a person"}')
        station.yard.capture("abalone", records(1, NOON))
        assert service.told(1)
        assert service.fine(NOON + 10 * MINUTE).objects == 1
        assert until(lambda: station.left(station.dead) == 1, 30, pause=0.2)
        assert until(lambda: station.left() == 0)
    told = [line for line in logs if line["event"] == "notification_malformed"]
    assert len(told) == 1, "it came twice, and is told and counted once"
    assert station.fates["malformed"] == 1
    assert "hush" not in json.dumps(told)
    (message,) = station.sqs.receive_message(QueueUrl=station.dead)["Messages"]
    assert message["Body"] == '{"hush": "a person"}'


def test_one_queue_serves_many_endpoints(station: Station) -> None:
    entries = (station.entry("abalone"), station.entry("churn"))
    with station.listening(*entries) as service:
        for entry in entries:
            service.fine(NOON, entry)
        station.yard.capture("abalone", records(1, NOON))
        station.yard.capture("churn", records(2, NOON))
        station.yard.capture("nobody", records(3, NOON))
        for entry in entries:
            assert service.told(1, entry)
            assert service.fine(NOON + 10 * MINUTE, entry).objects == 1
        assert until(lambda: station.left() == 0)
    assert station.fates["elsewhere"] >= 1
    assert (station.watch.totals("abalone"), station.watch.totals("churn")) == ((1, 30), (1, 30))


def test_where_a_queue_announces_listing_is_rare(faulty_aws: FaultyAws, database: Engine) -> None:
    station = _station(database)
    station.sqs.set_queue_attributes(QueueUrl=station.url, Attributes={"VisibilityTimeout": "30"})
    entry = station.entry(list_every="30m")
    with station.listening(entry) as service:
        service.fine(NOON)
        before = faulty_aws.seen("GET bucket")
        for minute in range(1, 25):
            service.fine(NOON + minute * MINUTE)
        assert faulty_aws.seen("GET bucket") == before
        _silently(station)
        assert service.fine(NOON + 29 * MINUTE).objects == 0
        assert service.fine(NOON + 30 * MINUTE).objects == 1, "what was never announced is found by listing"
        assert faulty_aws.seen("GET bucket") > before
        listed = faulty_aws.seen("GET bucket")
        changed = station.entry(list_every="30m", exclude=("sex",))
        service.reception.follow([changed])
        done = service.fine(NOON + 31 * MINUTE, changed)
        assert (done.objects, done.judged) == (1, 1), "it is read again, with the columns of now"
        assert faulty_aws.seen("GET bucket") > listed


def _silently(station: Station) -> None:
    """Put a capture that nothing announces."""
    s3: Any = boto3.client("s3")
    kept = s3.get_bucket_notification_configuration(Bucket="logs")
    kept.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket="logs", NotificationConfiguration={})
    s3.put_object(
        Bucket="logs",
        Key="capture/abalone/" + capture_key("AllTraffic", NOON + 29 * MINUTE, "quiet"),
        Body=body(records(9, NOON + 29 * MINUTE)),
    )


def test_a_queue_that_is_not_there_is_told_and_captures_are_listed(aws: str, database: Engine) -> None:
    station = _station(database)
    entry = station.yard.endpoint("abalone", notifications=f"{station.url}-not")
    with station.listening(entry) as service:
        assert until(lambda: service.reception.problem(entry) is not None)
        for minute in (10, 11):
            station.yard.capture("abalone", records(minute, NOON + minute * MINUTE), name=f"n{minute}")
            done = service.round(NOON + minute * MINUTE)
            assert done.objects == 1
            assert done.problem == (
                f"there is no queue {station.url}-not: check notifications, its region and its account; "
                "captures are listed meanwhile"
            )


def test_a_queue_that_can_not_be_reached_and_then_can_is_used(
    faulty_aws: FaultyAws, database: Engine
) -> None:
    station = _station(database)
    entry = station.entry()
    faulty_aws.meets("ReceiveMessage", *[Fault.THROTTLE] * 4)
    with station.listening(entry) as service:
        assert until(lambda: service.reception.problem(entry) is not None)
        assert "SQS answered ThrottlingException" in (service.round(NOON).problem or "")
        assert until(lambda: service.reception.problem(entry) is None, 30)
        assert service.fine(NOON).idle
