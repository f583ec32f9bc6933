"""Labels, the ids that they join by, and the digests of those ids."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.capture.decode import decode
from monitor.capture.ground_truth import decode_labels, hash_ids, join_ids
from monitor.capture.rejects import RejectKind
from tests.capture.events import ABC, captured, csv_line

Rows = list[tuple[int, str, int, str | None]]


def label_line(data: Any, encoding: str = "CSV", event_id: Any = "e-1") -> bytes:
    return json.dumps(
        {
            "groundTruthData": {"data": data, "encoding": encoding},
            "eventMetadata": {"eventId": event_id},
            "eventVersion": "0",
        }
    ).encode()


def labels(*lines: bytes) -> Rows:
    decoded = decode_labels(captured(*lines))
    assert decoded.rejects.lost == 0, decoded.rejects
    return decoded.frame.rows()


def test_a_label_has_its_line_its_id_and_its_text() -> None:
    assert labels(label_line("1.50"), b"", label_line("no", event_id="é")) == [
        (1, "e-1", 0, "1.50"),
        (3, "é", 0, "no"),
    ]


def test_labels_of_several_records_are_numbered() -> None:
    expected = [(1, "e-1", 0, "1"), (1, "e-1", 1, "0")]
    assert labels(label_line("1\n0\n")) == expected
    assert labels(label_line('{"label": 1}\n{"label": 0}', "JSON")) == expected
    assert labels(label_line('[{"label": 1}, {"label": 0}]', "JSON")) == expected
    assert labels(label_line('{"instances": [1, 0]}', "JSON")) == expected
    assert labels(label_line("[1, 0]", "JSON")) == expected


def test_a_label_that_is_null_is_missing() -> None:
    assert labels(label_line('{"label": null}', "JSON"), label_line("1\n\n0")) == [
        (1, "e-1", 0, None),
        (2, "e-1", 0, "1"),
        (2, "e-1", 1, None),
        (2, "e-1", 2, "0"),
    ]


def test_quotes_and_escapes_are_no_part_of_a_label() -> None:
    assert labels(label_line('"a, b"'), label_line("a\tb"), label_line("\u2028")) == [
        (1, "e-1", 0, "a, b"),
        (2, "e-1", 0, "a\tb"),
        (3, "e-1", 0, "\u2028"),
    ]


def test_labels_in_gzip() -> None:
    decoded = decode_labels(gzip.compress(captured(label_line("1"), label_line("2"))))
    assert decoded.frame["label"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"{", RejectKind.NOT_JSON),
        (b"{}", RejectKind.NOT_CAPTURE),
        (b"\xff", RejectKind.NOT_UTF8),
        (label_line(["1"]), RejectKind.NOT_CAPTURE),
        (label_line("1,2"), RejectKind.WRONG_COLUMNS),
        (label_line('{"a": 1, "b": 2}', "JSON"), RejectKind.WRONG_COLUMNS),
        (label_line("1", event_id=""), RejectKind.NO_ID),
        (label_line("1", event_id=None), RejectKind.NO_ID),
        (label_line("1", "PARQUET"), RejectKind.NOT_DECODABLE),
        (label_line("{", "JSON"), RejectKind.NOT_DECODABLE),
        (label_line("", "JSON"), RejectKind.NO_PAYLOAD),
        (label_line('{"instances": []}', "JSON"), RejectKind.NO_PAYLOAD),
    ],
)
def test_a_bad_label_is_counted_and_costs_no_good_one(bad: bytes, kind: RejectKind) -> None:
    decoded = decode_labels(captured(label_line("1"), bad, label_line("2")))
    assert decoded.frame["label"].to_list() == ["1", "2"]
    assert dict(decoded.rejects.counts) == {kind: 1}
    assert decoded.rejects.examples[0].line == 2


def test_an_object_without_labels_says_so() -> None:
    assert decode_labels(b"").rejects.count(RejectKind.EMPTY_FILE) == 1
    assert decode_labels(captured(label_line("1")), limit_bytes=5).rejects.count(RejectKind.TOO_LARGE) == 1
    assert decode_labels(b"").frame.schema == decode_labels(captured(label_line("1"))).frame.schema


TEXT = st.text(alphabet=st.sampled_from('ab1",\\\n é\t\ud83d'), max_size=4)


@given(st.lists(st.tuples(TEXT, TEXT, st.booleans()), max_size=6))
def test_plain_lines_read_like_the_others(rows: list[tuple[str, str, bool]]) -> None:
    """A line with one more key is never plain; the same line without it may be."""
    plain: list[bytes] = []
    odd: list[bytes] = []
    for data, event_id, ascii_only in rows:
        event = json.loads(label_line(data, event_id=event_id))
        for kept, extra in ((plain, {}), (odd, {"more": 1})):
            text = json.dumps({**event, **extra}, ensure_ascii=ascii_only or "\ud83d" in data + event_id)
            kept.append(text.encode())
    assert decode_labels(captured(*plain)).frame.rows() == decode_labels(captured(*odd)).frame.rows()


def test_records_join_by_inference_id_else_by_event_id() -> None:
    data = captured(
        csv_line("1,2", "3", event_id="e-1", inference_id="i-1"), csv_line("1,2", "3", event_id="e-2")
    )
    assert join_ids(decode(data, ABC).records).to_list() == ["i-1", "e-2"]


def test_digests_are_the_same_for_ever() -> None:
    """These stand in people's ledgers: a change here would orphan every label on its way."""
    ids = ["", "57", "d16d55ff-a9e7-43c0-b5a0-a33c250f004f", "é", "x" * 300]
    assert hash_ids(pl.Series("id", ids)).to_list() == [
        "7acdbb98b134421372dee428a469f6fd",
        "cf2c908f3c2e94703293e0c9046a746a",
        "2af30c9ae91c9c8e94b0cae5037f4e26",
        "7357bd16dbf6b16a0e27f9627e7d1189",
        "c2f093e41879e412280bfcc0ed6533e4",
    ]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30))
@example(["a", "a\0", "a\0\0", "\0", "", None])
@example(["x" * 256, "x" * 257, None, "y", "x" * 300])
def test_the_digest_of_an_id_does_not_depend_on_its_company(ids: list[str | None]) -> None:
    together = hash_ids(pl.Series("id", ids, dtype=pl.String))
    assert together.name == "id"
    assert together.to_list() == [hash_ids(pl.Series([each], dtype=pl.String))[0] for each in ids]
    assert together.drop_nulls().n_unique() == len({each for each in ids if each is not None})
    assert all(len(each) == 32 for each in together.drop_nulls())


def test_neighbouring_ids_have_digests_far_apart() -> None:
    digests = hash_ids(pl.Series([f"id-{number}" for number in range(20_000)]))
    assert digests.n_unique() == 20_000
    for at in range(0, 32, 4):
        times = Counter(digests.str.slice(at, 1))
        assert len(times) == 16
        assert min(times.values()) > 1000
