"""What a captured line becomes, form by form."""

from __future__ import annotations

import base64
import gzip
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.capture import lines as capture_lines
from monitor.capture.columns import Row, Schema, arrange
from monitor.capture.decode import decode
from monitor.capture.records import META, MISFITS
from monitor.capture.rejects import RejectKind
from tests.capture.events import ABC, captured, csv_line, event, json_line, line, numbered, side

Cells = list[tuple[str | None, ...]]


def cells(data: bytes, schema: Schema = ABC) -> Cells:
    """The values of every record, none of which may be rejected."""
    decoded = decode(data, schema)
    assert decoded.rejects.lost == 0, decoded.rejects
    return decoded.records.select(schema.names).rows()


def test_a_record_has_its_place_its_ids_its_time_and_its_columns() -> None:
    decoded = decode(captured(csv_line("1,2", "3", event_id="e", inference_id="i")), ABC)
    assert decoded.records.columns == [*META, "p", "a", "b"]
    assert decoded.records.schema["@time"] == pl.Datetime("us", "UTC")
    assert decoded.misfits.columns == list(MISFITS)
    time = datetime(2021, 5, 26, 0, 30, 11, tzinfo=UTC)
    assert decoded.records.row(0) == (1, 0, "e", "i", time, "3", "1", "2")


def test_an_object_without_records_has_the_same_columns() -> None:
    decoded = decode(b"", ABC)
    full = decode(captured(csv_line("1,2", "3")), ABC)
    assert decoded.records.schema == full.records.schema
    assert decoded.misfits.schema == full.misfits.schema


def test_empty_cells_nulls_and_absent_keys_are_missing() -> None:
    data = captured(
        csv_line(",2", "3"), json_line({"a": None, "b": 2}, {"p": 3}), json_line({"b": 2}, {"p": 3})
    )
    assert cells(data) == [("3", None, "2")] * 3


def test_text_of_cells_is_kept_to_the_letter() -> None:
    numbers = ["1e5", "1E+05", "1.10", "-0", "12345678901234567890123", " 7", "0x1f"]
    data = captured(*(csv_line(f"{number},1", "2") for number in numbers))
    assert [a for _, a, _ in cells(data)] == numbers


@pytest.mark.parametrize("number", ["1e5", "1.10", "-0.0", "12345678901234567890123", "1E-7", "true"])
@pytest.mark.parametrize("copies", [1, 3])
def test_numbers_of_json_keep_their_text_on_either_path(number: str, copies: int) -> None:
    fast = json_line(f'{{"a": {number}, "b": 2}}', '{"p": 1}')
    exact = line(
        {"eventVersion": "0"} | event(side(f'{{"a":{number},"b":2}}', "JSON"), side('{"p":1}', "JSON"))
    )
    assert cells(captured(*[fast] * copies, exact)) == [("1", number, "2")] * (copies + 1)


def test_json_goes_by_name_whatever_the_order() -> None:
    data = captured(json_line({"b": "B", "a": "A"}, {"p": "P"}), json_line({"p": "P", "b": "B"}, {"a": "A"}))
    assert (
        cells(data, Schema(("p", "a", "b"), text=frozenset("pab"), outputs=("p",))) == [("P", "A", "B")] * 2
    )


def test_json_without_known_names_goes_by_position() -> None:
    data = captured(
        json_line({"features": [1, 2]}, {"score": 3}),
        json_line([1, 2], [3]),
        json_line({"x": {"y": [1], "z": 2}}, "3"),
    )
    assert cells(data) == [("3", "1", "2")] * 3


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (
            {"instances": [{"features": [1, 2]}, {"features": [3, 4]}]},
            {"predictions": [{"score": 5}, {"score": 6}]},
        ),
        ({"instances": [[1, 2], [3, 4]]}, {"predictions": [5, 6]}),
        ({"instances": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}, {"predictions": [[5], [6]]}),
        ([[1, 2], [3, 4]], [5, 6]),
        ([{"a": 1, "b": 2}, {"a": 3, "b": 4}], {"scores": [5, 6]}),
        ({"data": [[1, 2], [3, 4]]}, [{"p": 5}, {"p": 6}]),
    ],
)
def test_every_record_of_a_request_is_one(asked: Any, answered: Any) -> None:
    decoded = decode(captured(json_line(asked, answered)), ABC)
    assert decoded.records.select("p", "a", "b").rows() == [("5", "1", "2"), ("6", "3", "4")]
    assert decoded.records["@row"].to_list() == [0, 1]


def test_lines_of_csv_and_of_json_are_records() -> None:
    assert cells(captured(csv_line("1,2\n3,4\n", "5\n6"))) == [("5", "1", "2"), ("6", "3", "4")]
    assert cells(captured(csv_line("1,2\r\n3,4\r\n", "5\r\n6"))) == [("5", "1", "2"), ("6", "3", "4")]
    lines = json_line('{"a":1,"b":2}\n\n{"b":4}', '{"p":5}\n{"p":6}\n', "application/x-ndjson")
    assert cells(captured(lines)) == [("5", "1", "2"), ("6", None, "4")]


def test_json_lines_by_the_name_of_json_are_read_too() -> None:
    assert cells(captured(json_line('{"a":1,"b":2}\n{"a":3,"b":4}', "[5, 6]"))) == [
        ("5", "1", "2"),
        ("6", "3", "4"),
    ]


def test_pretty_printed_json_is_one_document() -> None:
    assert cells(captured(json_line('{\n  "a": 1,\n  "b": 2\n}', '{\n "p": 3}'))) == [("3", "1", "2")]


def test_quotes_of_csv() -> None:
    schema = Schema(("p", "a", "b"), text=frozenset("ab"))
    data = captured(csv_line('"x, y","say ""hi"""\n"two\nlines",', "1\n2"))
    assert cells(data, schema) == [("1", "x, y", 'say "hi"'), ("2", "two\nlines", None)]


def test_csv_and_json_in_one_request() -> None:
    mixed = line(event(side("1,2"), side('{"score": 3}', "JSON", "application/json")))
    named = line(event(side('{"b":2,"a":1}', "JSON", "application/json"), side("3")))
    assert cells(captured(mixed, named)) == [("3", "1", "2")] * 2


@pytest.mark.parametrize(
    ("payload", "content_type"),
    [
        ("1,2\n", "text/csv; charset=utf-8"),
        ('{"b":2,"a":1}', "application/json"),
        ('{"features":[1,2]}', "application/jsonlines"),
    ],
)
def test_base64_is_decoded_by_its_content_type(payload: str, content_type: str) -> None:
    data = base64.b64encode(payload.encode()).decode()
    assert cells(captured(line(event(side(data, "BASE64", content_type), side("3"))))) == [("3", "1", "2")]


def test_a_side_that_was_not_captured_is_missing() -> None:
    data = captured(csv_line("1,2", None), csv_line(None, "3"), csv_line("1,2\n3,4", None))
    assert cells(data) == [(None, "1", "2"), ("3", None, None), (None, "1", "2"), (None, "3", "4")]
    by_name = captured(line(event(side('{"a":1,"b":2}', "JSON", "application/json"), None)))
    assert cells(by_name) == [(None, "1", "2")]


def test_without_known_outputs_the_side_that_was_captured_is_everything() -> None:
    assert cells(captured(csv_line("1,2", None)), Schema(("a", "b"))) == [("1", "2")]
    assert decode(captured(csv_line("1,2", None)), Schema(("p", "a", "b"))).misfits["@width"].to_list() == [2]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2021-05-26T00:30:11Z", datetime(2021, 5, 26, 0, 30, 11, tzinfo=UTC)),
        ("2021-05-26T00:30:11.25Z", datetime(2021, 5, 26, 0, 30, 11, 250_000, tzinfo=UTC)),
        ("2021-05-26T02:30:11+02:00", datetime(2021, 5, 26, 0, 30, 11, tzinfo=UTC)),
        ("2021-05-26T00:30:11", datetime(2021, 5, 26, 0, 30, 11, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text: str, time: datetime) -> None:
    assert decode(captured(csv_line("1,2", "3", time=text)), ABC).records["@time"].to_list() == [time]


def test_a_missing_time_is_null_where_none_is_needed() -> None:
    data = captured(csv_line("1,2", "3", time=None), csv_line("1,2", "3"))
    assert decode(data, ABC, need_time=False).records["@time"].null_count() == 1


def test_gzip_in_several_members_is_read_as_one() -> None:
    lines = numbered(9)
    packed = b"".join(gzip.compress(captured(*lines[at : at + 3])) for at in (0, 3, 6))
    assert decode(packed + b"\0" * 512, ABC).records["@line"].to_list() == list(range(1, 10))


@given(st.integers(1, 600), st.lists(st.sampled_from(["good", "bad", "blank", "latin"]), max_size=12))
def test_where_blocks_are_cut_makes_no_difference(size: int, kinds: list[str]) -> None:
    made = {"good": csv_line("1,2", "3"), "bad": b"{", "blank": b"", "latin": b"\xe9"}
    data = captured(*(made[kind] for kind in kinds))
    lines = [
        each for block in capture_lines.blocks(data, size)
        for each in block.lines(pl.concat([block.written.text["@line"], block.written.broken]).sort())
    ]  # fmt: skip
    assert [(each.number, each.raw) for each in lines] == [
        (number, made[kind]) for number, kind in enumerate(kinds, 1) if kind != "blank"
    ]


def test_records_come_in_order_of_lines_whatever_path_they_took() -> None:
    slow = csv_line('"1",2', "3")
    decoded = decode(captured(slow, *numbered(2), slow, json_line([1, 2], 3), *numbered(1)), ABC)
    assert decoded.records["@line"].to_list() == [1, 2, 3, 4, 5, 6]


def test_a_repeated_key_counts_once_and_the_first_time() -> None:
    twice = csv_line("1,2", "3").replace(b'"eventId":"e-1"', b'"eventId":"first","eventId":"second"')
    decoded = decode(captured(twice), ABC)
    assert decoded.records["@event_id"].to_list() == ["first"]


def test_a_merged_batch_transform_nests_its_answer() -> None:
    output = side('{"a": 1, "b": 2, "SageMakerOutput": {"p": 3}}', "JSON")
    data = captured(line(event(None, None) | {"captureData": {"batchTransformOutput": output}}))
    assert cells(data) == [("3", "1", "2")]


@pytest.mark.parametrize(
    ("names", "outputs", "said"),
    [((), (), "at least one"), (("a", "a"), (), "'a' is named twice"), (("@line",), (), "begins with @"),
     (("a", "p"), ("p",), "put them first")],
)  # fmt: skip
def test_a_schema_that_cannot_be_is_refused(
    names: tuple[str, ...], outputs: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Schema(names, outputs=outputs)


@pytest.mark.parametrize(
    ("answered", "asked", "width"),
    [
        (Row(["3"]), Row(["1", "2", "4"]), 4),
        (Row(["3"]), Row(["1"], ("zz",)), 2),
        (Row(["3"], ("p",)), Row(["1"]), 2),
        (Row(["3", "4"]), Row(["1", "2"], ("a", "b")), 4),
        (Row(["3"], ("p",)), Row(["1", "2", "5", "6"], ("a", "b", "c", "d")), 5),
        (Row(["3"], ("p",)), Row(["1", "2"], ("a", "p")), 4),
        (None, Row(["1"]), 2),
        (Row(["1", "2"]), None, 4),
    ],
)
def test_the_width_of_what_does_not_fit(
    answered: Row[str] | None, asked: Row[str] | None, width: int
) -> None:
    assert arrange(ABC, answered, asked) == width


def test_a_misfit_of_either_form_is_counted() -> None:
    data = captured(csv_line("1", "2"), json_line({"a": 1, "b": 2, "c": 3}, {"p": 4}))
    decoded = decode(data, ABC)
    assert decoded.misfits["@width"].to_list() == [2, 4]
    assert decoded.rejects.count(RejectKind.WRONG_COLUMNS) == 2


@pytest.mark.parametrize("bare", [False, True])
def test_captures_among_a_crowd_of_blank_lines_are_read(bare: bool) -> None:
    data = b"\n" * 50_000 + captured(*numbered(40)) + b"{\n" * 3
    assert lines_crowd(data)
    found = decode(data, ABC, bare=bare)
    assert found.records["@line"].to_list() == list(range(50_001, 50_041))
    assert found.rejects.lost == 3


def lines_crowd(data: bytes) -> bool:
    [block] = capture_lines.blocks(data)
    return block.is_crowded
