"""Whatever is captured, the fast path and the exact one read the same."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from monitor.capture.columns import Schema
from monitor.capture.decode import decode
from monitor.capture.exact import read_exactly
from monitor.capture.fast import read_fast
from monitor.capture.lines import blocks
from monitor.capture.records import Part
from monitor.capture.rejects import RejectKind
from tests.capture.events import ABC, captured, csv_line, event, json_line, line, numbered, side

CELL = st.one_of(
    st.sampled_from(
        ["", "1", "2.5", "-3", "1e5", "1E+05", "NaN", "null", "true", " 7", "x", "ä", "\u2028", "🐚"]
    ),
    st.text(alphabet=st.sampled_from('ab1.,"\n\r\t\\/\x00 é'), max_size=5),
)
NUMBER_TOKENS = st.sampled_from(
    ["1", "-2.5", "1e5", "1.0E-7", "NaN", "-Infinity", "0", "12345678901234567890", "1.10"]
)


@st.composite
def csv_payload(draw: st.DrawFn) -> str:
    rows = draw(st.lists(st.lists(CELL, min_size=1, max_size=3).map(",".join), min_size=1, max_size=3))
    return "\n".join(rows) + draw(st.sampled_from(["", "\n", "\r\n"]))


def json_text(value: Any) -> st.SearchStrategy[str]:
    """JSON as some library might write it."""
    dump = json.dumps
    return st.sampled_from(
        [
            dump(value),
            dump(value, separators=(",", ":")),
            dump(value, ensure_ascii=False),
            dump(value, indent=1),
        ]
    )


LEAF = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=3))
FLAT = st.one_of(
    st.fixed_dictionaries({"a": LEAF, "b": LEAF}),
    st.dictionaries(st.sampled_from(["a", "b", "p", "q", "a b", 'k"', "é", "f.x"]), LEAF, max_size=3),
    st.fixed_dictionaries({"features": st.lists(LEAF, max_size=3)}),
    st.lists(LEAF, max_size=3),
    LEAF,
)
DOCUMENT = st.one_of(
    FLAT,
    st.fixed_dictionaries({"instances": st.lists(FLAT, max_size=3)}),
    st.fixed_dictionaries({"predictions": st.lists(LEAF, max_size=3)}),
    st.lists(FLAT, max_size=3),
    st.fixed_dictionaries({"a": st.fixed_dictionaries({"b": LEAF})}),
)
TOKENS = st.builds('{{"a":{},"b":{}}}'.format, NUMBER_TOKENS, NUMBER_TOKENS)


@st.composite
def payload(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(["CSV", "CSV", "JSON", "LINES", "TOKENS", "ODD"]))
    if kind == "CSV":
        return side(
            draw(csv_payload()), "CSV", draw(st.sampled_from(["text/csv", None, "text/csv; charset=utf-8"]))
        )
    if kind == "JSON":
        return side(draw(DOCUMENT.flatmap(json_text)), "JSON", "application/json")
    if kind == "TOKENS":
        return side(draw(TOKENS), "JSON", "application/json")
    if kind == "LINES":
        rows = draw(st.lists(FLAT.map(json.dumps), min_size=1, max_size=3))
        return side("\n".join(rows) + draw(st.sampled_from(["", "\n"])), "JSON", "application/jsonlines; a=b")
    return draw(
        st.sampled_from(
            [None, {}, "text", side("1,2", "BASE64"), side("", "JSON"), side("1", "XML"), side("{", "JSON")]
        )
    )


@st.composite
def captured_line(draw: st.DrawFn) -> bytes:
    value = event(
        draw(payload()),
        draw(payload()),
        event_id=draw(st.sampled_from(["e-1", "é", "", 'a"b'])),
        inference_id=draw(st.sampled_from([None, "7", ""])),
        time=draw(
            st.sampled_from(["2021-05-26T00:30:11Z", "2021-05-26T00:30:11.5Z", "2021-02-30T00:30:11Z", None])
        ),
    )
    attributes = draw(st.sampled_from([None, [], ["a"], ["a,b", 'c"', ""], "text"]))
    if attributes is not None:
        metadata = value["eventMetadata"]
        value["eventMetadata"] = {
            name: metadata.get(name, attributes)
            for name in ("eventId", "inferenceId", "customAttributes", "inferenceTime")
            if name in metadata or name == "customAttributes"
        }
    spaced = draw(st.booleans())
    return json.dumps(
        value, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=draw(st.booleans())
    ).encode()


BAD_LINE = st.one_of(
    st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
    st.sampled_from(
        [b"{}", b"[]", b"1", b'{"captureData":{}}', b" ", b"\xff", b'{"a":"\xed\xa0\x80"}', b"{" * 2000]
    ),
    captured_line().flatmap(lambda raw: st.integers(1, len(raw)).map(lambda end: raw[:end])),
)
SCHEMAS = st.sampled_from(
    [
        Schema(("p", "a", "b"), outputs=("p",)),
        Schema(("p", "a", "b")),
        Schema(("a", "b")),
        Schema(("a",)),
        Schema(("p",), outputs=("p",)),
        Schema(("p", "features_0", "features_1"), outputs=("p",)),
        Schema(("p", "q", "a b", "é"), outputs=("p", "q")),
    ]
)


def read_all_exactly(data: bytes, schema: Schema, need_time: bool) -> Part:
    """The one block of `data`, with nothing left to the fast path."""
    [block] = blocks(data)
    numbers = pl.concat([block.written.text["@line"], block.written.broken]).sort()
    return read_exactly(block.lines(numbers), schema, need_time)


@settings(max_examples=300, deadline=None)
@given(st.lists(captured_line() | BAD_LINE, min_size=1, max_size=8), SCHEMAS, st.booleans(), st.booleans())
def test_any_mix_of_lines_gives_the_same_from_both(
    lines: list[bytes], schema: Schema, need_time: bool, closed: bool
) -> None:
    data = b"{}\n" + b"\n".join(lines) + (b"\n" if closed else b"")
    both = decode(data, schema, need_time=need_time)
    exact = read_all_exactly(data, schema, need_time)
    assert_frame_equal(both.records, exact.records.sort("@line", "@row"))
    order = ["@line", "@time", "@width"]
    assert_frame_equal(both.misfits.sort(order), exact.misfits.sort(order))
    rejected = {kind: count for kind, count in both.rejects.counts.items() if isinstance(kind, RejectKind)}
    assert rejected == exact.rejects.counts
    examples = [each for each in both.rejects.examples if isinstance(each.kind, RejectKind)]
    assert examples == list(exact.rejects.examples)


@settings(max_examples=150, deadline=None)
@given(BAD_LINE, st.integers(0, 5))
def test_a_bad_line_never_costs_a_good_one(bad: bytes, place: int) -> None:
    good = list(numbered(5))
    data = captured(*good[:place], bad, *good[place:])
    ids = (
        decode(data, ABC).records.filter(pl.col("@event_id").str.contains("^e-[1-5]$"))["@event_id"].to_list()
    )
    assert set(ids) >= {f"e-{i}" for i in range(1, 6)}


PLAIN = {
    "csv": csv_line("1,2", "3"),
    "several records": csv_line("1,2\n3,4", "5\n6\n"),
    "beyond ascii": csv_line("é,2", "3", event_id="ü"),
    "spaced": json.dumps(event(side("1,2"), side("3"))).encode(),
    "input alone": csv_line("1,2", None),
    "output alone": csv_line(None, "3"),
    "wrong width": csv_line("1,2,3", "4"),
    "json": json_line({"a": 1, "b": "x"}, {"p": 2.5}),
    "json lines": json_line('{"a":1,"b":2}\n{"a":3,"b":null}', '{"p":1}\n{"p":2}', "application/jsonlines"),
    "instances": json_line({"instances": [{"a": 1, "b": 2}]}, {"predictions": [3]}),
    "csv in, json out": line(event(side("1,2"), side('{"p":1}', "JSON", "application/json"))),
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_endpoints_write_takes_the_fast_path(name: str) -> None:
    [block] = blocks(captured(PLAIN[name], PLAIN[name]))
    taken = read_fast(block, ABC)
    assert taken.left.is_empty()
    assert taken.part.records.height + taken.part.misfits.height >= 2
