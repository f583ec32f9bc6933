"""Conditions: what can be written, what reads back as itself, and where an error points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expressions import (
    And,
    Comparison,
    Condition,
    ExpressionError,
    Op,
    Or,
    Reference,
    comparisons,
    parse,
)

RESERVED = {"and", "or", "baseline", "champion"}

metric_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True).filter(
    lambda name: name not in RESERVED
)
features = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
comparison_values = st.builds(
    Comparison,
    metric=metric_names,
    feature=st.none() | features,
    op=st.sampled_from(Op),
    factor=st.none() | finite,
    against=st.sampled_from(Reference) | finite,
)


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.builds(And, several) | st.builds(Or, several)


conditions: st.SearchStrategy[Condition] = st.recursive(comparison_values, joined, max_leaves=8)


@given(conditions)
def test_every_condition_reads_back_as_itself(condition: Condition) -> None:
    assert parse(str(condition)) == condition


def is_a_condition_or_points_into(text: str) -> None:
    try:
        condition = parse(text)
    except ExpressionError as error:
        column = error.column
    else:
        assert parse(str(condition)) == condition
        return
    assert 1 <= column <= len(text) + 1


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_an_error_with_a_column(text: str) -> None:
    is_a_condition_or_points_into(text)


@given(st.text(st.sampled_from('ab1.5 ()<>=*"\\andorbaseline'), max_size=40))
def test_any_shuffle_of_its_own_letters_too(text: str) -> None:
    is_a_condition_or_points_into(text)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (
            "rmse > 1.15 * baseline",
            Comparison("rmse", None, Op.ABOVE, 1.15, Reference.BASELINE),
        ),
        (
            "drifted_features_share > 0.3",
            Comparison("drifted_features_share", None, Op.ABOVE, None, 0.3),
        ),
        ("drift(shell_weight) > 0.2", Comparison("drift", "shell_weight", Op.ABOVE, None, 0.2)),
        ("drift( Eve Mins )>.2", Comparison("drift", "Eve Mins", Op.ABOVE, None, 0.2)),
        ("missing(Int'l Plan_no) >= 1e-2", Comparison("missing", "Int'l Plan_no", Op.AT_LEAST, None, 0.01)),
        ('missing("a (b)") < +3', Comparison("missing", "a (b)", Op.BELOW, None, 3.0)),
        (r'missing("say \"a\"") < -3', Comparison("missing", 'say "a"', Op.BELOW, None, -3.0)),
        ("drift(and) <= 1", Comparison("drift", "and", Op.AT_MOST, None, 1.0)),
        ("rmse < champion", Comparison("rmse", None, Op.BELOW, None, Reference.CHAMPION)),
        ("volume < 0.5*100", Comparison("volume", None, Op.BELOW, 0.5, 100.0)),
        ("\trmse\n>\n1\n", Comparison("rmse", None, Op.ABOVE, None, 1.0)),
    ],
)
def test_it_reads_comparisons(text: str, condition: Condition) -> None:
    assert parse(text) == condition


A, B, C = (Comparison(name, None, Op.ABOVE, None, 1.0) for name in "abc")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a > 1 and b > 1", And((A, B))),
        ("a > 1 and b > 1 and c > 1", And((A, B, C))),
        ("a > 1 or b > 1 and c > 1", Or((A, And((B, C))))),
        ("a > 1 and b > 1 or c > 1", Or((And((A, B)), C))),
        ("(a > 1 or b > 1) and c > 1", And((Or((A, B)), C))),
        ("a > 1 and (b > 1 and c > 1)", And((A, And((B, C))))),
        ("((a > 1))", A),
        ("(a>1)or(b>1)", Or((A, B))),
    ],
)
def test_and_binds_closer_than_or_and_brackets_closest(text: str, condition: Condition) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rmse>1.150*baseline", "rmse > 1.15 * baseline"),
        ("volume < 100.0", "volume < 100"),
        ("drift(Eve Mins) > .2", 'drift("Eve Mins") > 0.2'),
        ("((a > 1) and (b > 1)) or c > 1", "a > 1 and b > 1 or c > 1"),
    ],
)
def test_it_is_written_in_one_form(text: str, written: str) -> None:
    assert str(parse(text)) == written


def test_a_character_in_two_halves_is_whole() -> None:
    assert parse(r'drift("\ud83d\ude00") > 0.2') == Comparison("drift", "\U0001f600", Op.ABOVE, None, 0.2)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "the name of a metric, such as rmse"),
        ("   ", 4, "the name of a metric, such as rmse"),
        ("> 3", 1, "found '>' where the name of a metric"),
        ("and > 3", 1, "found 'and' where the name of a metric"),
        ("baseline > 3", 1, "found 'baseline' where the name of a metric"),
        ("rmse", 5, "the condition ends where one of < <= > >= should stand"),
        ("rmse 3", 6, "found '3' where one of < <= > >= should stand"),
        ("rmse >", 7, "the condition ends where a number, 'baseline' or 'champion' should stand"),
        ("rmse > rmse", 8, "found 'rmse' where a number, 'baseline' or 'champion'"),
        ("rmse > 3 3", 10, "found '3' where 'and', 'or' or the end"),
        ("rmse > 3 AND mae > 3", 10, "found 'AND' where 'and', 'or' or the end"),
        ("rmse > 3)", 9, "found ')' where 'and', 'or' or the end"),
        ("(rmse > 3", 10, "the condition ends where ')', 'and' or 'or'"),
        ("()", 2, "found ')' where the name of a metric"),
        ("rmse > 3 and", 13, "the condition ends where the name of a metric"),
        ("rmse > 2 *", 11, "the condition ends where a number, 'baseline' or 'champion'"),
        ("rmse > baseline * 2", 17, "the number stands first: write 2 * baseline"),
        ("rmse < champion*1.25 and mae < 3", 16, "write 1.25 * champion"),
        ("rmse > baseline * champion", 17, "a number stands first, and one of the two alone behind it"),
        ("rmse > baseline * 115%", 22, "write 1.15 in place of 115%"),
        ("rmse > baseline *", 18, "the condition ends where a number should stand"),
        (r'drift("\ud800") > 0.2', 7, "half a character"),
        (r'drift("a\u0000b") > 0.2', 7, "half a character, or NUL"),
        ("rmse > 3 and drift(\ud800) > 0.2", 20, "half a character"),
        ("drift(a\0b) > 0.2", 7, "NUL"),
        ("rmse = 3", 6, "'=' has no place in a condition; write one of < <= > >="),
        ("rmse == 3", 6, "'=' has no place in a condition; write one of < <= > >="),
        ("rmse ≥ 3", 6, "'≥' has no place in a condition; write >="),
        ("rmse > 10%", 10, "'%' has no place in a condition; write 0.1 in place of 10%"),
        ("rmse > 115% of baseline", 11, "write 1.15 * baseline in place of 115% of baseline"),
        ("rmse > 33.3 % of champion", 13, "write 0.333 * champion in place of 33.3% of champion"),
        ("rmse > %", 8, "'%' has no place in a condition; write one such as"),
        ("rmse > 3 && volume > 500", 10, "'&' has no place in a condition; write and"),
        ("rmse > 3 || volume > 500", 10, "'|' has no place in a condition; write or"),
        (
            "drift(a) > 0,3",
            13,
            "',' has no place in a condition; write one such as rmse > 1.15 * baseline and",
        ),
        ("rmse > 3of", 8, "'3' has no place in a condition"),
        ("rmse > nan", 8, "found 'nan' where a number"),
        ("rmse > 1e999", 8, "too large"),
        ("drift(a > 3", 7, "the bracket around the feature is not closed"),
        ("drift() > 3", 7, "the name of a feature"),
        ("drift(a(b)) > 3", 7, "in double quotes where it holds brackets"),
        ('drift("a"b) > 3', 10, "found 'b' where ')' after the feature"),
        (r'drift("\x") > 3', 7, "the quoted name is not valid"),
        ("__import__('os')", 17, "one of < <= > >="),
        ("rmse.value > 3", 5, "'.' has no place in a condition"),
    ],
)
def test_an_error_points_at_its_column(text: str, column: int, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"column {column}: ")
    assert caught.value.column == column


@pytest.mark.parametrize("depth", [41, 900])
def test_brackets_without_end_are_refused_and_do_not_fell_the_reader(depth: int) -> None:
    with pytest.raises(ExpressionError, match="brackets inside each other"):
        parse("(" * depth + "a > 1" + ")" * depth)


def test_forty_brackets_are_enough_for_anybody() -> None:
    assert parse("(" * 40 + "a > 1" + ")" * 40) == A


def test_a_condition_of_thousands_of_characters_is_refused() -> None:
    with pytest.raises(ExpressionError, match="longer than 2000 characters"):
        parse(" or ".join(["a > 1"] * 1_000))


@pytest.mark.parametrize("kind", [And, Or])
def test_one_part_alone_is_not_joined(kind: type[And | Or]) -> None:
    with pytest.raises(ValueError, match="two parts or more"):
        kind((A,))


def test_its_comparisons_are_listed_as_written() -> None:
    assert comparisons(parse("a > 1 or b > 1 and (c > 1 or a > 1)")) == (A, B, C, A)
