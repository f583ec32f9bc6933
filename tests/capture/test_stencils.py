"""Lines that are alike are cut together, and give what they give one at a time."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from baselines.profile.codec import encode
from baselines.profile.profile import profile_frame
from baselines.profile.types import NumberForm, classify
from monitor.capture.columns import Schema
from monitor.capture.decode import decode
from monitor.capture.exact import read_exactly
from monitor.capture.lines import blocks
from monitor.capture.rejects import RejectKind
from monitor.capture.stencil import cut
from tests.capture.events import ABC, captured, csv_line, event, json_line, line, numbered, side

MANY = 40
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "-0", "1.50", "1e5", "1E+05", "2.5e-07", "00.1"]),
)
ODD = st.sampled_from(
    [
        "",
        "NaN",
        "-inf",
        ".5",
        "5.",
        "-.5",
        "1.2.3",
        "+1",
        "- 5",
        "1e",
        "1e+",
        "1e5.5",
        "e5",
        "--1",
        "1-2",
        "-",
        "x",
    ]
)
CELLS = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD)


@st.composite
def alike(draw: st.DrawFn) -> list[bytes]:
    """Lines with the same words, and a few cells that differ from what the rest of their column has."""
    kind = draw(st.sampled_from([NUMBERS, st.integers(-99, 99).map(str), CELLS]))
    cells = draw(st.lists(st.tuples(kind, kind, kind), min_size=1, max_size=6))
    rows = [cells[at % len(cells)] for at in range(MANY)]
    inference = draw(st.booleans())
    return [
        csv_line(
            f"{a},{b}",
            p,
            event_id=f"e-{at:03}",
            inference_id=f"i-{at:03}" if inference else None,
            time=f"2021-05-2{6 + at % draw(st.sampled_from([1, 2]))}T00:{at:02}:11Z",
        )
        for at, (p, a, b) in enumerate(rows)
    ]


TOKENS = st.one_of(
    NUMBERS.filter(lambda text: not text.startswith(("0", "-0")) or text in {"0", "-0", "0.5"}),
    st.sampled_from(["0", "1.10", "-0.5", "1E+05"]),
)
ODD_TOKENS = st.sampled_from(
    ["null", "true", "NaN", "Infinity", "-Infinity", "01", "-01.5", "+1", ".5", "1.", "1e", "[1]", "{}", " 1"]
) | st.sampled_from(["", '""', '"x"', '"1"', '"a,b"', '"\\u00e9"', '"\\""'])
DOCUMENTS = {
    "flat": ('{{"a":{a},"b":{b}}}', '{{"p":{p}}}'),
    "spaced": ('{{"a": {a}, "b": {b}}}', '{{"p": {p}}}'),
    "other order": ('{{"b":{b},"a":{a}}}', '{{"p":{p}}}'),
    "lists": ("[{a},{b}]", "[{p}]"),
    "nested": ('{{"instances":[{{"a":{a},"b":{b}}}]}}', '{{"predictions":[{{"p":{p}}}]}}'),
    "two in one": ('{{"instances":[{{"a":{a},"b":{b}}},{{"a":1,"b":2}}]}}', '{{"predictions":[{p},3]}}'),
    "a key too many": ('{{"a":{a},"b":{b},"c":1}}', '{{"p":{p}}}'),
    "a key too few": ('{{"a":{a},"p":{b}}}', "{p}"),
    "twice": ('{{"a":{a},"a":{b},"b":1}}', '{{"p":{p}}}'),
    "twice, once empty": ('{{"a":{a},"a":{{}},"b":{b}}}', '{{"p":{p}}}'),
    "texts": ('{{"a":"{a}","b":"x{b}"}}', '{{"p":{p}}}'),
    "csv answer": ('{{"a":{a},"b":{b}}}', None),
}


@st.composite
def alike_json(draw: st.DrawFn) -> list[bytes]:
    """Lines of one kind of document, most of them with numbers for values."""
    asked, answered = DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))]
    tokens = draw(st.sampled_from([TOKENS, st.one_of(TOKENS, TOKENS, ODD_TOKENS)]))
    cells = draw(st.lists(st.tuples(tokens, tokens, tokens), min_size=1, max_size=6))
    media = draw(st.sampled_from(["application/json", "application/jsonlines"]))
    found = []
    for at in range(MANY):
        p, a, b = cells[at % len(cells)]
        into = side(asked.format(a=a, b=b), "JSON", media)
        out = side(p) if answered is None else side(answered.format(p=p), "JSON", media)
        found.append(line(event(into, out, event_id=f"e-{at:03}")))
    return found


@st.composite
def spoiled(draw: st.DrawFn, line: bytes) -> bytes:
    """A line with something taken out of it, put into it, or swapped."""
    start = draw(st.integers(0, len(line) - 1))
    end = draw(st.integers(start, min(len(line), start + 3)))
    put = draw(
        st.sampled_from([b"", b'"', b"\\", b"\\n", b",", b"\x1f", b"\x00", b"\xc3\xa9", b"\xff", b"7", b"{}"])
    )
    return line[:start] + put + line[end:]


@st.composite
def blocks_of_lines(draw: st.DrawFn) -> bytes:
    lines = draw(alike() | alike_json())
    for place in draw(st.lists(st.integers(0, MANY - 1), max_size=4)):
        lines[place] = draw(spoiled(lines[place]))
    return captured(*lines)


@settings(max_examples=500, deadline=None)
@given(blocks_of_lines())
def test_what_is_cut_is_what_is_read_one_at_a_time(data: bytes) -> None:
    [block] = blocks(data)
    numbers = pl.concat([block.written.text["@line"], block.written.broken]).sort()
    exact = read_exactly(block.lines(numbers), ABC, True)
    found = decode(data, ABC)
    assert_frame_equal(found.records, exact.records.sort("@line", "@row"))
    assert found.misfits.height == exact.misfits.height
    rejected = {kind: count for kind, count in found.rejects.counts.items() if isinstance(kind, RejectKind)}
    assert rejected == exact.rejects.counts


@settings(max_examples=300, deadline=None)
@given(alike() | alike_json())
def test_what_is_said_of_a_column_is_so(lines: list[bytes]) -> None:
    found = decode(captured(*lines), ABC)
    for name, kind in found.forms.items():
        types = classify(found.records[name])
        assert types.numeric == types.present
        match kind:
            case NumberForm.WHOLE:
                assert types.fractional == 0
            case NumberForm.FRACTIONAL:
                assert types.integral == 0
            case NumberForm.MIXED:
                assert types.integral > 0
                assert types.fractional > 0


@settings(max_examples=300, deadline=None)
@given(alike().map(lambda lines: captured(*lines)) | blocks_of_lines())
def test_what_is_bare_makes_the_same_profile(data: bytes) -> None:
    names = list(ABC.names)
    whole, bare = decode(data, ABC), decode(data, ABC, bare=True)
    found, known = (
        encode(profile_frame(each.records.select(names), forms=each.forms)) for each in (bare, whole)
    )
    assert found == known
    assert_frame_equal(
        bare.records.select("@line", "@row", "@time"), whole.records.select("@line", "@row", "@time")
    )
    assert_frame_equal(bare.misfits, whole.misfits)
    assert bare.rejects == whole.rejects
    assert bare.forms == whole.forms


def test_blocks_that_differ_are_put_together_as_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [csv_line("1,2", "3", event_id=f"e-{at:03}") for at in range(MANY)]
    others = [csv_line("1.5,x", "3", event_id=f"e-{at:03}") for at in range(MANY)]
    size = len(captured(*lines))
    monkeypatch.setattr("monitor.capture.lines.blocks.__defaults__", (size,))
    found = decode(captured(*lines, *others), ABC, bare=True)
    assert found.records["a"].to_list() == ["1"] * MANY + ["1.5"] * MANY
    assert found.records["b"].to_list() == ["2"] * MANY + ["x"] * MANY


@pytest.mark.parametrize("first", ["1", "", "1.5"])
@pytest.mark.parametrize("then", ["1", "", "2.5"])
def test_blocks_with_numbers_of_other_forms_make_the_same_profile(
    first: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks_of = [
        captured(*(csv_line(f"{value},2", "3", event_id=f"e-{at:03}") for at in range(MANY)))
        for value in (first, then)
    ]
    monkeypatch.setattr("monitor.capture.lines.blocks.__defaults__", (len(blocks_of[0]),))
    found = decode(b"".join(blocks_of), ABC, bare=True)
    apart = decode(b"".join(blocks_of), ABC)
    made, wanted = (
        profile_frame(each.records.select(ABC.names), forms=each.forms) for each in (found, apart)
    )
    assert encode(made) == encode(wanted)
    assert made.columns["a"].types == classify(apart.records["a"])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-20", "0"], NumberForm.WHOLE),
        (["1.5", "-0.25", "1e5", "2.5e-07", "3E+2"], NumberForm.FRACTIONAL),
        (["1.5", "2"], NumberForm.MIXED),
        (["1.5", ""], NumberForm.FRACTIONAL),
        (["1.5", ".5"], None),
        (["1", "x"], None),
        (["1.2.3", "4", "5"], None),
    ],
)
def test_columns_of_plain_numbers_are_known(values: list[str], kind: NumberForm | None) -> None:
    lines = [csv_line(f"{values[at % len(values)]},1", "0.5", event_id=f"{at:04}") for at in range(MANY)]
    found = decode(captured(*lines), ABC)
    assert found.forms.get("a") is kind
    assert found.forms["p"] is NumberForm.FRACTIONAL


LINES = {
    "as SageMaker writes them": lambda at: csv_line(f"{at},0.5", "1.5", event_id=f"{at:036}"),
    "answers that end with a line end": lambda at: csv_line(f"{at},0.5", "1.5\n", event_id=f"{at:036}"),
    "JSON": lambda at: json_line({"a": at, "b": 0.5 + at}, {"p": 1.5}, event_id=f"{at:036}"),
    "lists of JSON": lambda at: json_line([at, 0.5], [1.5], event_id=f"{at:036}"),
    "JSON in, CSV out": lambda at: line(
        event(side(f'{{"a":{at},"b":2}}', "JSON"), side("1.5"), event_id=f"{at:036}")
    ),
    "ids of the caller": lambda at: csv_line(
        "1,2", "3", event_id=f"{at:036}", inference_id=str(at // 10 * 7)
    ),
}


@pytest.mark.parametrize("kind", LINES)
def test_lines_that_are_alike_leave_none(kind: str) -> None:
    [block] = blocks(captured(*(LINES[kind](at) for at in range(MANY))))
    found = cut(block, ABC)
    assert not found.left.size
    assert found.records.height == MANY


def test_a_bad_line_leaves_itself_alone() -> None:
    lines = [*numbered(9), *[csv_line("1,2", "3", event_id=f"e-{at}") for at in range(10, 90)]]
    lines[40] = csv_line("1,2,3", "3", event_id="e-40")
    lines[50] = csv_line("1,2", "\u2028", event_id="e-50")
    [block] = blocks(captured(*lines))
    assert cut(block, ABC).left.tolist() == [40, 50]


def test_a_key_that_comes_twice_is_read_as_it_is_one_at_a_time() -> None:
    lines = [json_line('{"a":0,"a":{},"b":1}', '{"p":2}', event_id=f"{at:04}") for at in range(MANY)]
    assert set(decode(captured(*lines), ABC).records.select("p", "a", "b").rows()) == {("2", "0", "1")}


def test_text_columns_keep_their_texts() -> None:
    schema = Schema(("p", "sex", "length"), text=frozenset({"sex"}), outputs=("p",))
    lines = [csv_line(f"{'MFI'[at % 3]},{at / 8}", str(at), event_id=f"{at:04}") for at in range(MANY)]
    found = decode(captured(*lines), schema)
    assert found.records["sex"].to_list() == ["MFI"[at % 3] for at in range(MANY)]
    assert dict(found.forms) == {"p": NumberForm.WHOLE, "length": NumberForm.FRACTIONAL}
