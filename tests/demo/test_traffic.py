"""Traffic lies in S3 as SageMaker's data capture leaves it, byte for byte."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo import survey, traffic
from demo.traffic import CapturedObject, Destination

START = datetime(2026, 5, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HERE = Destination("logs", "endpoint-data-capture", "abalone-prod-endpoint", "AllTraffic")
KEY = re.compile(
    r"endpoint-data-capture/abalone-prod-endpoint/AllTraffic/"
    r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/(\d\d)-(\d\d)-(\d{3})-([0-9a-f-]{36})\.jsonl"
)


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


def window(rows: int = 200, seed: int = 1, **others: Any) -> tuple[CapturedObject, ...]:
    features = survey.inputs(survey.survey(seed, rows))
    return traffic.captured_window(
        features, np.arange(rows, dtype=np.float64), START, HOUR, seed, HERE, **others
    )


def records(objects: tuple[CapturedObject, ...]) -> list[dict[str, Any]]:
    return list(chain.from_iterable(lines(captured.body) for captured in objects))


def real_line_again(line: bytes) -> bytes:
    """A real captured line taken apart and written anew by the code under test."""
    record = json.loads(line)
    captured, event = record["captureData"], record["eventMetadata"]
    return traffic.captured_object(
        np.array([[float(value) for value in captured["endpointInput"]["data"].split(",")]]),
        np.array([float(captured["endpointOutput"]["data"])]),
        [event["eventId"]],
        [event["inferenceId"]] if "inferenceId" in event else None,
        [datetime.fromisoformat(event["inferenceTime"])],
    )


def without_data(line: bytes) -> bytes:
    return re.sub(rb'"data":"[^"]*"', b'"data":""', line)


def test_a_real_line_comes_out_byte_for_byte_but_for_its_last_decimals(golden: Path) -> None:
    real = (golden / "capture" / "abalone_csv.jsonl").read_bytes().splitlines(keepends=True)
    for line in real:
        again = real_line_again(line)
        assert without_data(again) == without_data(line)
        sent, kept = (
            json.loads(one)["captureData"]["endpointInput"]["data"].split(",") for one in (line, again)
        )
        assert sent[7:] == kept[7:]  # "0.0" and "1.0", as the real caller sent them
        assert [float(value) for value in kept] == pytest.approx([float(value) for value in sent], abs=1e-6)


def test_an_inference_id_stands_where_sagemaker_puts_it() -> None:
    body = traffic.captured_object(np.zeros((1, 10)), np.array([9.5]), ["e"], ["57"], [START])
    assert (
        b'"eventMetadata":{"eventId":"e","inferenceId":"57","inferenceTime":"2026-05-01T10:00:00Z"}' in body
    )


@given(
    values=st.lists(st.floats(-1e9, 1e9), min_size=10, max_size=10),
    prediction=st.floats(0, 1e6),
    name=st.text(min_size=1, max_size=64),
)
@settings(max_examples=60, deadline=None)
def test_every_line_is_json_with_plain_decimals(values: list[float], prediction: float, name: str) -> None:
    features = np.array([values])
    body = traffic.captured_object(features, np.array([prediction]), ["e"], [name], [START])
    (record,) = lines(body)
    sent = record["captureData"]["endpointInput"]["data"].split(",")
    assert [float(value) for value in sent] == pytest.approx(values, rel=1e-12, abs=6e-7)
    answer = record["captureData"]["endpointOutput"]["data"]
    assert float(answer) == pytest.approx(prediction, rel=1e-12, abs=6e-7)
    assert all(re.fullmatch(r"-?\d+\.\d{1,6}", value) for value in [*sent, answer])
    assert record["eventMetadata"]["inferenceId"] == name
    assert record["eventVersion"] == "0"


def test_a_line_ends_with_a_newline_and_an_empty_object_is_empty() -> None:
    body = traffic.captured_object(np.zeros((2, 10)), np.zeros(2), ["a", "b"], None, [START, START])
    assert body.endswith(b"}\n")
    assert body.count(b"\n") == 2
    assert traffic.captured_object(np.zeros((0, 10)), np.zeros(0), [], None, []) == b""


def test_survey_measures_keep_their_digits() -> None:
    frame = survey.survey(1, 300)
    inputs = survey.inputs(frame)
    body = traffic.captured_object(inputs, np.ones(300), ["e"] * 300, None, [START] * 300)
    sent = [record["captureData"]["endpointInput"]["data"] for record in lines(body)]
    assert [[float(value) for value in line.split(",")] for line in sent] == inputs.tolist()


def test_keys_are_sagemakers_and_carry_the_time_of_their_first_record() -> None:
    for captured in window():
        match = KEY.fullmatch(captured.key)
        assert match is not None
        *numbers, name = match.groups()
        year, month, day, hour, minute, second, millisecond = map(int, numbers)
        opened = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        first = lines(captured.body)[0]["eventMetadata"]["inferenceTime"]
        assert opened == datetime.fromisoformat(first)
        assert 0 <= millisecond < 1000
        assert uuid.UUID(name).version == 4


def test_the_hour_of_a_key_is_in_utc() -> None:
    at = datetime(2026, 1, 1, 1, 2, 3, 4567, tzinfo=timezone(timedelta(hours=2)))
    assert traffic.capture_key(Destination("b", "p", "e", "v"), at, "n") == (
        "p/e/v/2025/12/31/23/02-03-004-n.jsonl"
    )


def test_a_window_is_several_objects_in_the_order_of_time() -> None:
    objects = window(objects=6)
    times = [record["eventMetadata"]["inferenceTime"] for record in records(objects)]
    assert len(objects) == 6
    assert times == sorted(times)
    assert all(START <= datetime.fromisoformat(at) < START + HOUR for at in times)
    assert [captured.key for captured in objects] == sorted(captured.key for captured in objects)


@given(
    rows=st.integers(0, 60), seed=st.integers(0, 10**6), minutes=st.integers(1, 300), parts=st.integers(1, 9)
)
@settings(max_examples=40, deadline=None)
def test_no_record_is_lost_doubled_or_filed_under_another_hour(
    rows: int, seed: int, minutes: int, parts: int
) -> None:
    features, answers = np.zeros((rows, 10)), np.arange(rows, dtype=np.float64)
    objects = traffic.captured_window(features, answers, START, timedelta(minutes=minutes), seed, HERE, parts)
    got = [float(record["captureData"]["endpointOutput"]["data"]) for record in records(objects)]
    assert got == answers.tolist()
    assert len({captured.key for captured in objects}) == len(objects)
    for captured in objects:
        match = KEY.fullmatch(captured.key)
        assert match is not None
        folder = "{}-{}-{}T{}".format(*match.groups()[:4])
        hours = {record["eventMetadata"]["inferenceTime"][:13] for record in lines(captured.body)}
        assert hours == {folder}


def test_every_record_has_an_id_of_its_own_and_the_object_knows_them() -> None:
    objects = window()
    ids = [record["eventMetadata"]["eventId"] for record in records(objects)]
    assert len(set(ids)) == 200
    assert ids == list(chain.from_iterable(captured.event_ids for captured in objects))
    assert all(uuid.UUID(name).version == 4 for name in ids)


def test_labels_name_the_inference_id_where_the_caller_sent_one() -> None:
    names = [f"animal-{number}" for number in range(200)]
    objects = window(inference_ids=names)
    assert [record["eventMetadata"]["inferenceId"] for record in records(objects)] == names
    assert list(chain.from_iterable(captured.event_ids for captured in objects)) == names


def test_the_same_seed_sends_the_same_bytes_and_another_does_not() -> None:
    assert window(seed=3) == window(seed=3)
    assert window(seed=3)[0].key != window(seed=4)[0].key
    assert not set(window(seed=3)[0].event_ids) & set(window(seed=4)[0].event_ids)


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError):
        traffic.captured_object(np.zeros((2, 9)), np.zeros(2), ["a", "b"], None, [START, START])
    with pytest.raises(pl.exceptions.ShapeError):
        traffic.captured_object(np.zeros((2, 10)), np.zeros(3), ["a", "b"], None, [START, START])


def test_labels_are_written_as_real_ones_are(golden: Path) -> None:
    real = (golden / "groundtruth" / "labels.jsonl").read_bytes()
    labels = [json.loads(line) for line in real.splitlines()]
    ids = [label["eventMetadata"]["eventId"] for label in labels]
    values = [int(label["groundTruthData"]["data"]) for label in labels]
    assert traffic.labels_object(ids, values) == real.rstrip(b"\n") + b"\n"


def test_a_label_takes_numpys_numbers_too() -> None:
    (label,) = lines(traffic.labels_object(["e"], np.array([11]).tolist()))
    assert label == {
        "groundTruthData": {"data": "11", "encoding": "CSV"},
        "eventMetadata": {"eventId": "e"},
        "eventVersion": "0",
    }


def test_every_label_needs_its_record() -> None:
    with pytest.raises(ValueError):
        traffic.labels_object(["a", "b"], [1])


def test_labels_lie_under_the_hour_they_were_collected_in() -> None:
    at = datetime(2026, 5, 2, 3, 4, 5, 678000, tzinfo=UTC)
    key = traffic.labels_key("ground-truth", at, seed=1)
    assert re.fullmatch(r"ground-truth/2026/05/02/03/04-05-678-[0-9a-f-]{36}\.jsonl", key)
    assert key == traffic.labels_key("ground-truth", at, seed=1)
    assert key != traffic.labels_key("ground-truth", at, seed=2)
