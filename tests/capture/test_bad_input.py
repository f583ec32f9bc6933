"""Each kind of bad input is counted by kind, shown by line, and costs no good record."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from monitor.capture.columns import Schema
from monitor.capture.decode import decode
from monitor.capture.rejects import EXAMPLES, Kind, OddityKind, RejectKind
from tests.capture.events import ABC, captured, csv_line, event, json_line, line, numbered, side

SECRET = "s3cr3t"


def base64_line(payload: bytes, content_type: str | None) -> bytes:
    data = base64.b64encode(payload).decode()
    return line(event(side(data, "BASE64", content_type), side("1")))


BAD_LINES: dict[str, tuple[bytes, RejectKind]] = {
    "not JSON": (b'{"captureData": ' + SECRET.encode() + b"}", RejectKind.NOT_JSON),
    "plain text": (SECRET.encode(), RejectKind.NOT_JSON),
    "cut off in the middle of the object": (csv_line(SECRET, "1")[:-40], RejectKind.NOT_JSON),
    "nested beyond all measure": (b'{"a":' * 100_000, RejectKind.NOT_JSON),
    "another object": (b'{"message":"' + SECRET.encode() + b'"}', RejectKind.NOT_CAPTURE),
    "a list": (b"[1,2]", RejectKind.NOT_CAPTURE),
    "a bare number": (b"17", RejectKind.NOT_CAPTURE),
    "no metadata": (line({"captureData": {}}), RejectKind.NOT_CAPTURE),
    "a side that is no object": (line(event({}, side("1")) | {"captureData": {"endpointInput": SECRET}}),
                                 RejectKind.NOT_CAPTURE),
    "too many columns": (csv_line(f"1,2,{SECRET}", "3"), RejectKind.WRONG_COLUMNS),
    "too few columns": (csv_line("1", "3"), RejectKind.WRONG_COLUMNS),
    "an unknown key": (json_line({"a": 1, "b": 2, SECRET: 3}, {"p": 1}), RejectKind.WRONG_COLUMNS),
    "bytes that are not UTF-8": (csv_line("1,é", "3").replace("é".encode(), b"\xe9"), RejectKind.NOT_UTF8),
    "half a character": (b"\xc3" + csv_line("1,2", "3"), RejectKind.NOT_UTF8),
    "a time that is none": (csv_line("1,2", "3", time=SECRET), RejectKind.BAD_TIME),
    "the 30th of February": (csv_line("1,2", "3", time="2021-02-30T00:00:00Z"), RejectKind.BAD_TIME),
    "no time": (csv_line("1,2", "3", time=None), RejectKind.BAD_TIME),
    "no id": (csv_line("1,2", "3", event_id=""), RejectKind.NO_ID),
    "more answers than questions": (csv_line("1,2", f"3\n{SECRET}"), RejectKind.ROWS_DIFFER),
    "no side": (csv_line(None, None), RejectKind.NO_PAYLOAD),
    "two empty sides": (csv_line("", "\n"), RejectKind.NO_PAYLOAD),
    "an empty JSON payload": (json_line("", {"p": 1}), RejectKind.NO_PAYLOAD),
    "JSON that is none": (json_line("{" + SECRET, {"p": 1}), RejectKind.NOT_DECODABLE),
    "an image": (base64_line(b"\x89PNG", "image/png"), RejectKind.NOT_DECODABLE),
    "BASE64 of nobody knows what": (base64_line(b"1,2", None), RejectKind.NOT_DECODABLE),
    "BASE64 that is none": (line(event(side("%%%", "BASE64"), side("1"))), RejectKind.NOT_DECODABLE),
    "an unknown encoding": (line(event(side("1,2", "XML"), side("1"))), RejectKind.NOT_DECODABLE),
    "quotes that do not close": (csv_line(f'1,"{SECRET}', "3"), RejectKind.NOT_DECODABLE),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_counted_and_shown_and_costs_no_good_one(name: str) -> None:
    bad, kind = BAD_LINES[name]
    good = numbered(4)
    decoded = decode(captured(*good[:2], bad, *good[2:]), ABC)
    assert decoded.records["@event_id"].to_list() == ["e-1", "e-2", "e-3", "e-4"]
    assert decoded.records["@line"].to_list() == [1, 2, 4, 5]
    assert decoded.records["a"].to_list() == ["1", "2", "3", "4"]
    assert dict(decoded.rejects.counts) == {kind: 1}
    [example] = decoded.rejects.examples
    assert (example.kind, example.line) == (kind, 3)


def test_only_ascii_blanks_make_a_blank_line() -> None:
    decoded = decode(captured(*numbered(1), "\u2028".encode(), b" \t\x0b\x0c"), ABC)
    assert dict(decoded.rejects.counts) == {RejectKind.NOT_JSON: 1}


@pytest.mark.parametrize("name", BAD_LINES)
def test_no_reject_tells_what_was_captured(name: str) -> None:
    rejects = decode(captured(BAD_LINES[name][0]), ABC).rejects
    assert rejects.examples
    assert SECRET not in str(rejects)


@pytest.mark.parametrize("length", [1, 17, 60, 150, 300])
def test_the_last_line_of_an_upload_that_broke_off_is_cut_off(length: int) -> None:
    whole = csv_line("1,2", "3")
    decoded = decode(captured(*numbered(2)) + whole[:length], ABC)
    assert decoded.records.height == 2
    assert dict(decoded.rejects.counts) == {RejectKind.CUT_OFF: 1}
    assert decoded.rejects.examples[0].line == 3


def test_a_line_cut_within_a_character_is_cut_off() -> None:
    whole = csv_line("1,é", "3")
    decoded = decode(captured(*numbered(1)) + whole[: whole.index("é".encode()) + 1], ABC)
    assert dict(decoded.rejects.counts) == {RejectKind.CUT_OFF: 1}


def test_a_last_line_without_its_line_end_is_as_good_as_any() -> None:
    decoded = decode(b"\n".join(numbered(3)), ABC)
    assert decoded.records.height == 3
    assert decoded.rejects.lost == 0


@pytest.mark.parametrize("data", [b"", b"\n\n", b"  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_object_without_a_line_is_an_empty_file(data: bytes) -> None:
    decoded = decode(data, ABC)
    assert decoded.records.is_empty()
    assert dict(decoded.rejects.counts) == {RejectKind.EMPTY_FILE: 1}
    assert decoded.rejects.examples[0].line is None


def test_blank_lines_and_other_line_ends_are_no_fault() -> None:
    data = b"\xef\xbb\xbf\n" + b"\r\n \r\n".join(numbered(3)) + b"\r\n\n"
    decoded = decode(data, ABC)
    assert decoded.records["@line"].to_list() == [2, 4, 6]
    assert not decoded.rejects.counts


def test_a_gzip_bomb_is_refused_whole() -> None:
    bomb = gzip.compress(captured(*numbered(5)) + b"0" * 3_000_000)
    assert len(bomb) < 10_000
    decoded = decode(bomb, ABC, limit_bytes=2_000_000)
    assert decoded.records.is_empty()
    assert dict(decoded.rejects.counts) == {RejectKind.TOO_LARGE: 1}


def test_an_object_over_the_bound_is_refused_and_one_at_the_bound_is_not() -> None:
    data = captured(*numbered(5))
    assert decode(data, ABC, limit_bytes=len(data)).records.height == 5
    assert decode(data, ABC, limit_bytes=len(data) - 1).rejects.count(RejectKind.TOO_LARGE) == 1
    packed = gzip.compress(data)
    assert decode(packed, ABC, limit_bytes=len(data)).records.height == 5
    assert decode(packed, ABC, limit_bytes=len(data) - 1).rejects.count(RejectKind.TOO_LARGE) == 1


def test_a_gzip_stream_that_breaks_off_keeps_what_came_before() -> None:
    first, second = captured(*numbered(3)), captured(csv_line("1,2", "3"))
    decoded = decode(gzip.compress(first) + gzip.compress(second)[:-12], ABC)
    assert decoded.records.height >= 3
    assert decoded.rejects.count(RejectKind.BAD_GZIP) == 1


def test_counts_are_exact_where_examples_are_few() -> None:
    bad = [b"nonsense"] * 50 + [csv_line("1", "2")] * 70 + [json_line([1, 2, 3, 4], [5])] * 5
    decoded = decode(captured(*bad, *numbered(2)), ABC)
    assert dict(decoded.rejects.counts) == {RejectKind.NOT_JSON: 50, RejectKind.WRONG_COLUMNS: 75}
    shown = [(example.kind, example.line) for example in decoded.rejects.examples]
    assert shown == [(RejectKind.NOT_JSON, i + 1) for i in range(EXAMPLES)] + [
        (RejectKind.WRONG_COLUMNS, 51 + i) for i in range(EXAMPLES)
    ]


def test_a_record_of_another_width_is_a_misfit_beside_its_reject() -> None:
    decoded = decode(captured(*numbered(1), csv_line("1,2\n1,2,3\n4", "5\n6\n7")), ABC)
    assert decoded.misfits["@width"].to_list() == [4, 2]
    assert decoded.misfits["@line"].to_list() == [2, 2]
    assert decoded.misfits["@time"].null_count() == 0
    assert decoded.records["@row"].to_list() == [0, 0]


MIXED = Schema(
    ("p", "size", "sex", "note"),
    text=frozenset({"sex", "note"}),
    outputs=("p",),
    domains={"sex": frozenset({"M", "F"})},
)


def found(data: bytes, kind: Kind, schema: Schema = MIXED) -> list[tuple[int | None, str | None]]:
    return [
        (example.line, example.column)
        for example in decode(data, schema).rejects.examples
        if example.kind is kind
    ]


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_kept_and_shown(token: str) -> None:
    as_csv = captured(csv_line(f"{token},M,x", "1"), csv_line("1,M,x", token))
    as_json = captured(json_line(f'{{"size":{token},"sex":"M","note":"x"}}', '{"p":1}'))
    assert found(as_csv, OddityKind.NOT_FINITE) == [(1, "size"), (2, "p")]
    assert found(as_json, OddityKind.NOT_FINITE) == [(1, "size")]
    assert decode(as_csv, MIXED).records["size"].to_list() == [token, "1"]
    assert decode(as_json, MIXED).records["size"].to_list() == [token]


def test_a_number_where_text_was_is_kept_and_shown() -> None:
    data = captured(
        csv_line("1,M,x", "1"), csv_line("1,2,3", "1"), json_line({"size": 1, "sex": 0, "note": 5}, {"p": 1})
    )
    assert found(data, OddityKind.NUMBER_FOR_TEXT) == [(2, "sex"), (3, "sex")]
    assert decode(data, MIXED).records["sex"].to_list() == ["M", "2", "0"]


def test_a_number_is_no_oddity_where_the_baseline_has_such_text() -> None:
    schema = Schema(("p", "zip"), text=frozenset({"zip"}), domains={"zip": frozenset({"10115", "none"})})
    assert not decode(captured(csv_line("80331", "1")), schema).rejects.counts


def test_text_where_a_number_was_is_kept_and_shown() -> None:
    data = captured(csv_line("1e5,M,x", "1"), csv_line("large,M,x", "1"), csv_line(",M,x", "- 5"))
    decoded = decode(data, MIXED)
    assert found(data, OddityKind.TEXT_FOR_NUMBER) == [(2, "size")]
    assert decoded.records["size"].to_list() == ["1e5", "large", None]
    assert (decoded.rejects.lost, decoded.rejects.odd) == (0, 1)
    assert "large" not in str(decoded.rejects)


def test_excluded_columns_are_not_looked_at() -> None:
    schema = Schema(("p", "a", "b"), exclude=frozenset({"a"}))
    decoded = decode(captured(csv_line("x,y", "1")), schema)
    assert decoded.rejects.counts == {OddityKind.TEXT_FOR_NUMBER: 1}
    assert decoded.records["a"].to_list() == ["x"]


def test_half_a_surrogate_pair_does_no_harm() -> None:
    bad = json.dumps(event(side('1,"\ud83d"'), side("1"), event_id="\udc1a")).encode()
    decoded = decode(captured(bad, *numbered(1)), Schema(("p", "a", "b"), text=frozenset({"b"})))
    assert decoded.records["b"].to_list() == ["?", "1"]
    assert decoded.records["@event_id"].to_list() == ["?", "e-1"]
