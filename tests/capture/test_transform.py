"""Objects of batch transforms as captured lines: joined or not, with ids or without, quoted or not."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.payload import RefusedError
from monitor.capture.rejects import RejectKind
from monitor.capture.transform import captured_lines, parse_manifest
from tests.capture.events import ABC
from tests.clock import NOON

ID = "1e8b0b14-0a5e-4d0b-8f0e-3c5c1f1d2a77"


def read(answered: str, asked: str | None = None, schema: Schema = ABC) -> Decoded:
    lines = captured_lines(
        answered.encode(), None if asked is None else asked.encode(), schema, NOON, "part-0.out"
    )
    return decode(lines, schema)


def cells(decoded: Decoded) -> list[tuple[Any, ...]]:
    return [row[5:] for row in decoded.records.iter_rows()]


def test_the_prediction_stands_last_and_comes_first() -> None:
    decoded = read("1,2,9\n3,,8\n")
    assert cells(decoded) == [("9", "1", "2"), ("8", "3", None)]
    assert decoded.records["@event_id"].to_list() == ["part-0.out:1", "part-0.out:2"]
    assert decoded.records["@time"].to_list() == [NOON, NOON]


def test_an_id_and_a_time_of_the_job_are_no_columns() -> None:
    decoded = read(f"1,2,9,{ID},2026-03-02T12:07:41Z\n")
    assert cells(decoded) == [("9", "1", "2")]
    assert decoded.records["@event_id"].to_list() == [ID]
    assert decoded.records["@time"].to_list() == [datetime.fromisoformat("2026-03-02T12:07:41Z")]


def test_two_columns_too_many_that_are_no_id_and_time_are_too_many() -> None:
    decoded = read("1,2,9,8,7\n1,2,9\n")
    assert cells(decoded) == [("9", "1", "2")]
    assert decoded.misfits["@width"].to_list() == [5]
    assert decoded.rejects.count(RejectKind.WRONG_COLUMNS) == 1


def test_json_has_the_prediction_under_a_key_of_its_own() -> None:
    record = {"a": 1.50, "b": "x", "SageMakerOutput": {"p": 9}}
    added = {"SageMakerInferenceId": ID, "SageMakerInferenceTime": "2026-03-02T12:07:41Z"}
    decoded = read(json.dumps(record) + "\n" + json.dumps(record | added) + "\n")
    assert cells(decoded) == [("9", "1.5", "x")] * 2
    assert decoded.records["@event_id"].to_list() == ["part-0.out:1", ID]


def test_a_document_over_several_lines_is_its_records() -> None:
    records = [{"a": 1, "b": 2, "SageMakerOutput": {"p": at}} for at in range(3)]
    assert cells(read(json.dumps(records, indent=2))) == [(str(at), "1", "2") for at in range(3)]


@pytest.mark.parametrize(
    ("answered", "asked"), [("9\n8\n", "1,2\n3,4\n"), ('{"p":9}\n{"p":8}', '{"a":1,"b":2}\n{"a":3,"b":4}')]
)
def test_output_alone_meets_its_input(answered: str, asked: str) -> None:
    assert cells(read(answered, asked)) == [("9", "1", "2"), ("8", "3", "4")]
    assert cells(read(answered)) == [("9", None, None), ("8", None, None)]


def test_output_with_another_number_of_lines_than_its_input_is_refused() -> None:
    with pytest.raises(RefusedError, match="the output has 2 lines and the input 1") as refused:
        read("9\n8\n", "1,2\n")
    assert refused.value.kind is RejectKind.ROWS_DIFFER


def test_lines_are_numbered_as_they_lie_in_the_object() -> None:
    decoded = read("1,2,9\n\n1\n\n3,4,8\n")
    assert decoded.records["@line"].to_list() == [1, 5]
    assert decoded.misfits["@line"].to_list() == [3]


TEXTS = st.text(alphabet=st.sampled_from('ab ,"é1;'), max_size=4)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5), st.booleans())
def test_whatever_is_quoted_comes_back(rows: list[tuple[str, str]], identified: bool) -> None:
    schema = Schema(("p", "a", "b"), text=frozenset({"a", "b"}), outputs=("p",))
    ids = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(at))) for at in range(len(rows))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for (a, b), each in zip(rows, ids, strict=True):
        writer.writerow([a, b, 7, *([each, "2026-03-02T12:00:00Z"] if identified else [])])
    decoded = read(out.getvalue(), schema=schema)
    assert cells(decoded) == [("7", a or None, b or None) for a, b in rows]
    assert not identified or decoded.records["@event_id"].to_list() == ids


@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    try:
        lines = captured_lines(data, None, ABC, NOON, "x")
    except RefusedError:
        return
    decode(lines, ABC)


def test_a_manifest_says_where_its_objects_lie() -> None:
    [one, other] = parse_manifest(b'[{"prefix": "s3://a/b/"}, "c.out", "d/e.out"]')
    assert (one.name, one.uri) == ("c.out", "s3://a/b/c.out")
    assert (other.name, other.uri) == ("d/e.out", "s3://a/b/d/e.out")


def test_a_real_record_of_a_joined_job(golden: Path) -> None:
    merged = (golden / "model-monitor/merge/batch_csv_merged.jsonl").read_text()
    data = json.loads(merged)["captureData"]["batchTransformOutput"]["data"]
    names = tuple(f"_c{at}" for at in range(70))
    [row] = cells(read(data + "\n", schema=Schema(names, outputs=names[:1])))
    *asked, answered = data.split(",")
    assert row == (answered, *asked)
