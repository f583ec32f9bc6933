"""Columns at declared places of JSON payloads: `fields` of an entry in kedge.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.fast import read_fast
from monitor.capture.lines import blocks
from monitor.capture.rejects import RejectKind
from tests.capture.events import captured, csv_line, event, json_line, line, side
from tests.capture.test_paths_agree import json_text, read_all_exactly


def schema(outputs: dict[str, str], inputs: dict[str, str]) -> Schema:
    return Schema((*outputs, *inputs), outputs=tuple(outputs), paths={**outputs, **inputs})


def cells(decoded: Decoded) -> list[tuple[Any, ...]]:
    return [row[5:] for row in decoded.records.iter_rows()]


CENSUS = schema(
    {"score": "predictions[].score", "label": "predictions[].predicted_label"},
    {"age": "instances[].features[0]", "weight": "instances[].features[2]"},
)


def test_several_real_records_of_a_request_are_a_record_each(golden: Path) -> None:
    decoded = decode((golden / "capture/json_nested_multi_record.jsonl").read_bytes(), CENSUS)
    assert cells(decoded) == [
        ("0.9899773597717285", "1", "28", "133937"),
        ("0.9899773597717285", "1", "28", "133937"),
        ("0.5041388273239136", "1", "43", "72338"),
    ]
    assert decoded.records["@row"].to_list() == [0, 0, 1]
    assert decoded.rejects.lost == 0


def test_real_json_lines_are_a_document_a_line(golden: Path) -> None:
    wanted = schema({"score": "score"}, {"age": "features[0]"})
    decoded = decode((golden / "capture/jsonlines_multi_record.jsonl").read_bytes(), wanted)
    assert cells(decoded) == [
        ("0.989977359771728", "28"),
        ("0.989977359771728", "28"),
        ("0.504138827323913", "43"),
    ]


def test_a_real_language_model_is_measured_by_what_its_texts_are_like(golden: Path) -> None:
    """Texts as such are different each time; how long they are, and the parameters, have distributions."""
    data = (golden / "capture/llm_nested_json.jsonl").read_bytes()
    wanted = schema(
        {"answer_length": "length(generated_text)"},
        {"question_length": "length(inputs)", "temperature": "parameters.temperature"},
    )
    sides = [json.loads(text)["captureData"] for text in data.decode().splitlines()]
    expected = [
        (
            str(len(json.loads(one["endpointOutput"]["data"])["generated_text"])),
            str(len(json.loads(one["endpointInput"]["data"])["inputs"])),
            "0.7",
        )
        for one in sides
    ]
    assert cells(decode(data, wanted)) == expected


ONE = schema({"p": "predictions[].score"}, {"a": "instances[].a", "b": "instances[].deep.b"})


def test_a_record_that_lacks_a_value_keeps_its_place() -> None:
    """JMESPath's own projections drop nulls, and would give the second record's value to the first."""
    asked = {"instances": [{"deep": {"b": 1}}, {"a": 2}, {"a": None, "deep": None}]}
    answered = {"predictions": [{"score": 7}, {"score": 8}, {}]}
    decoded = decode(captured(json_line(asked, answered)), ONE)
    assert cells(decoded) == [("7", None, "1"), ("8", "2", None), (None, None, None)]


def test_what_a_request_says_once_holds_for_all_of_its_records() -> None:
    wanted = schema({"p": "predictions[].score"}, {"temperature": "parameters.temperature"})
    decoded = decode(
        captured(
            json_line({"parameters": {"temperature": 0.5}}, {"predictions": [{"score": 1}, {"score": 2}]})
        ),
        wanted,
    )
    assert cells(decoded) == [("1", "0.5"), ("2", "0.5")]


@pytest.mark.parametrize("kind", ["none", "one of two", "both of two"])
def test_sides_that_disagree_about_the_number_of_records_lose_that_line_alone(kind: str) -> None:
    asked: dict[str, Any] = {"instances": [{"a": 1, "deep": {"b": 2}}] * 2}
    answered = {"predictions": [{"score": 1}] * {"none": 0, "one of two": 1, "both of two": 2}[kind]}
    decoded = decode(captured(json_line(asked, answered), json_line(asked, {"predictions": [{}, {}]})), ONE)
    lost = 0 if kind == "both of two" else 1
    assert decoded.rejects.lost == decoded.rejects.count(RejectKind.ROWS_DIFFER) == lost
    assert decoded.records.height == 4 - 2 * lost


def test_paths_of_one_side_that_find_different_numbers_are_told_without_a_value() -> None:
    wanted = schema({"p": "p"}, {"a": "a[]", "b": "b[]"})
    decoded = decode(captured(json_line({"a": ["secret"], "b": [1, 2]}, {"p": 1})), wanted)
    [example] = decoded.rejects.examples
    assert (example.kind, example.line) == (RejectKind.ROWS_DIFFER, 1)
    assert example.detail == "the paths of its columns find 1 and 2 records in one document"


def test_an_expression_that_fails_on_a_document_is_told_without_a_value() -> None:
    wanted = schema({"p": "p"}, {"a": "length(a)"})
    decoded = decode(captured(json_line({"a": 12345}, {"p": 1}), json_line({"a": "xy"}, {"p": 1})), wanted)
    assert cells(decoded) == [("1", "2")]
    [example] = decoded.rejects.examples
    assert example.kind is RejectKind.NOT_DECODABLE
    assert "length(a)" in example.detail
    assert "12345" not in example.detail


def test_a_list_where_a_value_is_meant_is_kept_as_its_json() -> None:
    wanted = Schema(("p", "a"), outputs=("p",), text=frozenset("a"), paths={"p": "p", "a": "a"})
    data = captured(json_line({"a": ["x", 1.50, None, {"é": True}]}, '{"p": 1.50}'))
    assert cells(decode(data, wanted)) == [("1.50", '["x",1.5,null,{"é":true}]')]


def test_a_csv_side_beside_paths_goes_by_position() -> None:
    wanted = Schema(("p", "a", "b"), outputs=("p",), paths={"p": "predictions[].score"})
    answered = side('{"predictions":[{"score":1},{"score":2}]}', "JSON", "application/json", "OUTPUT")
    decoded = decode(captured(line(event(side("3,x\n4,y\n"), answered))), wanted)
    assert cells(decoded) == [("1", "3", "x"), ("2", "4", "y")]
    assert cells(decode(captured(csv_line("3,x", "1")), ONE)) == [("1", "3", "x")]


def test_filters_compare_numbers_as_numbers() -> None:
    wanted = schema({"p": "predictions[?score > `0.5`].score | [0]"}, {"n": "sum(instances)"})
    data = captured(
        json_line({"instances": [1, 2.5]}, {"predictions": [{"score": 0.1}, {"score": 0.9}, {"score": 0.7}]})
    )
    assert cells(decode(data, wanted)) == [("0.9", "3.5")]


FAST = {
    "one record": (json_line({"instances": [{"a": 1, "deep": {"b": "x"}}]}, {"predictions": [{"score": 2}]})),
    "two records": json_line(
        {"instances": [{"a": 1, "deep": {"b": None}}, {"a": 2}]},
        {"predictions": [{"score": 2}, {"score": 3}]},
    ),
    "csv": csv_line("1,2", "3"),
}


@pytest.mark.parametrize("name", FAST)
def test_plain_paths_take_the_fast_path(name: str) -> None:
    [block] = blocks(captured(FAST[name], FAST[name]))
    taken = read_fast(block, ONE)
    assert taken.left.is_empty()
    assert taken.part.records.height >= 2


def test_custom_attributes_of_a_request_keep_it_on_the_fast_path() -> None:
    value = event(side("1,2"), side("3", mode="OUTPUT"), inference_id="7")
    metadata = value["eventMetadata"]
    metadata["customAttributes"] = ["team=shells", "a,b"]
    metadata["inferenceTime"] = metadata.pop("inferenceTime")
    [block] = blocks(captured(line(value), line(value)))
    abc = Schema(("p", "a", "b"), outputs=("p",))
    taken = read_fast(block, abc)
    assert taken.left.is_empty()
    assert taken.part.records.select("@inference_id", "p", "a", "b").rows() == [("7", "3", "1", "2")] * 2


LEAF = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=3))
INSTANCE = st.one_of(
    st.fixed_dictionaries({"a": LEAF, "deep": st.fixed_dictionaries({"b": LEAF})}),
    st.fixed_dictionaries({"a": LEAF, "deep": st.one_of(LEAF, st.lists(LEAF, max_size=2))}),
    st.fixed_dictionaries({"b": LEAF}),
    st.lists(LEAF, max_size=3),
    LEAF,
)
ASKED = st.one_of(
    st.fixed_dictionaries({"instances": st.lists(INSTANCE, max_size=3)}),
    st.fixed_dictionaries({"instances": LEAF, "a": LEAF}),
    st.lists(INSTANCE, max_size=2),
    LEAF,
)
ANSWERED = st.one_of(
    st.fixed_dictionaries({"predictions": st.lists(st.fixed_dictionaries({"score": LEAF}), max_size=3)}),
    st.fixed_dictionaries({"predictions": st.lists(LEAF, max_size=3)}),
    st.fixed_dictionaries({"score": LEAF}),
)
OUT_PATHS = st.sampled_from(
    ["predictions[].score", "predictions[*].score", "predictions[]", "score", "predictions[0].score", "@"]
)
IN_PATHS = st.sampled_from(
    [
        "instances[].a",
        "instances[*].deep.b",
        "instances[*].deep[0]",
        "instances[].deep[].b",
        "instances[*].deep[*]",
        "instances[*].*.b",
        "instances[0:2].a",
        "[].a",
        "a",
        "@",
        "instances[0][1]",
        "length(@)",
        "instances[?a > `0`].a",
    ]
)


@st.composite
def request_line(draw: st.DrawFn) -> bytes:
    media = draw(st.sampled_from(["application/json", "application/jsonlines"]))
    asked, answered = (
        "\n".join(draw(st.lists(each.flatmap(json_text), min_size=1, max_size=2)))
        for each in (ASKED, ANSWERED)
    )
    return line(event(side(asked, "JSON", media), side(answered, "JSON", media, "OUTPUT")))


@settings(max_examples=400, deadline=None)
@given(st.lists(request_line(), min_size=1, max_size=5), OUT_PATHS, IN_PATHS, IN_PATHS)
def test_the_fast_path_and_the_exact_one_read_the_same_by_paths(
    lines: list[bytes], out: str, first: str, second: str
) -> None:
    wanted = schema({"p": out}, {"a": first, "b": second})
    data = captured(*lines)
    both, exact = decode(data, wanted), read_all_exactly(data, wanted, True)
    assert_frame_equal(both.records, exact.records.sort("@line", "@row"))
    assert {
        kind: count for kind, count in both.rejects.counts.items() if isinstance(kind, RejectKind)
    } == exact.rejects.counts
