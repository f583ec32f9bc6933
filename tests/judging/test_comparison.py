"""One comparison without a database: what is found, what is read, what is judged."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import boto3
import pytest

from baselines.profile.codec import encode
from config.distance import Distance
from monitor.capture.schema import schema_of_baseline
from monitor.comparison import Comparison, Period, compare, find
from objects import PlaceError
from store.records import Outcome
from tests.clock import HOUR, MINUTE, NOON
from tests.judging.profiles import ABALONES, asking

ASKED = asking("rings", "length")


def line(at: datetime, rings: float | str = 9.5, length: str = "0.5") -> str:
    """A captured request: the answer is the rings."""
    sides = {
        side: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
        for side, mode, data in (
            ("endpointInput", "INPUT", length),
            ("endpointOutput", "OUTPUT", str(rings)),
        )
    }
    metadata = {"eventId": f"{at:%H%M%S%f}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return json.dumps({"captureData": sides, "eventMetadata": metadata, "eventVersion": "0"})


def capture(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{each}\n" for each in lines))
    return path


def compared(address: str | Path, period: Period | None = None) -> Comparison:
    schema = schema_of_baseline(ASKED, "baseline")
    return compare(*find(str(address)), ABALONES, ASKED, schema, Distance.CORRECT, period or Period())


def test_a_folder_is_read_in_key_order_packed_or_not(tmp_path: Path) -> None:
    capture(tmp_path / "b" / "2.jsonl", line(NOON, 2.5))
    capture(tmp_path / "a" / "1.jsonl", line(NOON, 1.5))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(line(NOON, 3.5).encode()))
    (tmp_path / "notes.txt").write_text("not captured")
    found = compared(tmp_path)
    assert (found.objects, found.profile.rows, found.bad) == (3, 3, ())
    assert found.profile.columns["rings"].sketch.levels[0].tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_one_object_can_be_named_and_no_other_is_read(tmp_path: Path, scheme: str) -> None:
    named = capture(tmp_path / "named.capture", line(NOON))
    capture(tmp_path / "other.jsonl", line(NOON), line(NOON))
    assert compared(f"{scheme}{named}").profile.rows == 1


def test_s3_is_read_by_folder_and_by_object(aws: str) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for key in ("capture/a.jsonl", "capture/b.jsonl", "capture-of-others/c.jsonl"):
        s3.put_object(Bucket="logs", Key=key, Body=line(NOON).encode())
    assert compared("s3://logs/capture").objects == 2
    assert compared("s3://logs/capture/").objects == 2
    assert compared("s3://logs/capture/b.jsonl").objects == 1
    with pytest.raises(PlaceError, match="s3://logs/nothing holds no captured objects"):
        find("s3://logs/nothing")


@pytest.mark.usefixtures("aws")
def test_s3_is_read_ahead_and_gives_what_a_folder_gives(tmp_path: Path) -> None:
    """The sketch holds values in the order in which they were read."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for number in range(60):
        lines = [line(NOON + number * MINUTE, number + part / 10) for part in range(1 + number % 7)]
        written = capture(tmp_path / f"{number:02}.jsonl", *lines, *(["broken"] if number % 20 == 0 else []))
        s3.put_object(Bucket="logs", Key=f"capture/{written.name}", Body=written.read_bytes())
    there, here = compared("s3://logs/capture"), compared(tmp_path)
    assert encode(there.profile) == encode(here.profile)
    assert [each.key for each in there.bad] == [f"capture/{each.key}" for each in here.bad]
    assert there.verdict == here.verdict


def test_nothing_to_read_is_told(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(PlaceError, match=str(place)):
            find(str(place))


def test_a_period_has_its_start_and_not_its_end(tmp_path: Path) -> None:
    capture(tmp_path / "1.jsonl", *(line(NOON + n * MINUTE) for n in range(60)))
    for period, rows in (
        (Period(), 60),
        (Period(NOON + 10 * MINUTE), 50),
        (Period(None, NOON + 10 * MINUTE), 10),
        (Period(NOON + 10 * MINUTE, NOON + 20 * MINUTE), 10),
        (Period(NOON + HOUR), 0),
    ):
        assert compared(tmp_path, period).profile.rows == rows
    halves = [Period(None, NOON + HOUR / 2), Period(NOON + HOUR / 2)]
    assert sum(compared(tmp_path, half).profile.rows for half in halves) == 60


def test_misfits_outside_the_period_do_not_judge_it(tmp_path: Path) -> None:
    misfits = [line(NOON + timedelta(seconds=n), length="0.5,0.4") for n in range(30)]
    capture(tmp_path / "1.jsonl", *misfits, line(NOON + HOUR))
    (violated,) = compared(tmp_path).verdict.violations
    assert violated.feature == "Extra columns"
    assert compared(tmp_path, Period(NOON + HOUR)).verdict.violations == ()


def test_bad_lines_are_shown_by_key_and_line_and_the_good_ones_are_judged(tmp_path: Path) -> None:
    capture(tmp_path / "1.jsonl", line(NOON), "not json", line(NOON))
    found = compared(tmp_path)
    (bad,) = found.bad
    (example,) = bad.rejects.examples
    assert (bad.key, example.line, bad.rejects.lost) == ("1.jsonl", 2, 1)
    assert found.profile.rows == 2
    assert {row.outcome for row in found.verdict.checks} >= {Outcome.OK, Outcome.INSUFFICIENT_DATA}
