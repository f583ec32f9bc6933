"""A condition against readings: true, false or unknown, and the numbers it saw told in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expressions import Metrics, Op, Outcome, Reading, Truth, evaluate, parse

finite = st.floats(min_value=-1e6, max_value=1e6)


def metrics(**readings: Reading) -> Metrics:
    """Readings by metric; the feature is ignored."""
    return lambda metric, feature: readings.get(metric)


def truth_of(text: str, **readings: Reading) -> Truth:
    return evaluate(parse(text), metrics(**readings)).truth


@pytest.mark.parametrize(
    ("text", "value", "truth"),
    [
        ("x > 2", 2.0, Truth.FALSE),
        ("x > 2", 2.1, Truth.TRUE),
        ("x >= 2", 2.0, Truth.TRUE),
        ("x >= 2", 1.9, Truth.FALSE),
        ("x < 2", 2.0, Truth.FALSE),
        ("x < 2", 1.9, Truth.TRUE),
        ("x <= 2", 2.0, Truth.TRUE),
        ("x <= 2", 2.1, Truth.FALSE),
        ("x > 2 * 3", 5.9, Truth.FALSE),
        ("x > 2 * 3", 6.1, Truth.TRUE),
        ("x > 2", math.inf, Truth.TRUE),
    ],
)
def test_a_value_without_an_interval_is_true_or_false(text: str, value: float, truth: Truth) -> None:
    assert truth_of(text, x=Reading(value)) is truth


@pytest.mark.parametrize(
    ("text", "reading", "truth"),
    [
        ("x > 2", Reading(2.5, low=2.1, high=2.9), Truth.TRUE),
        ("x > 2", Reading(2.5, low=2.0, high=3.0), Truth.UNKNOWN),
        ("x > 2", Reading(2.5, low=1.5, high=3.5), Truth.UNKNOWN),
        ("x > 2", Reading(1.9, low=1.5, high=2.3), Truth.FALSE),
        ("x > 2", Reading(1.5, low=1.2, high=1.8), Truth.FALSE),
        ("x >= 2", Reading(2.5, low=2.0, high=3.0), Truth.TRUE),
        ("x < 2", Reading(1.5, low=1.1, high=1.9), Truth.TRUE),
        ("x < 2", Reading(1.5, low=1.0, high=2.0), Truth.UNKNOWN),
        ("x < 2", Reading(2.5, low=1.5, high=3.5), Truth.FALSE),
        ("x <= 2", Reading(1.5, low=1.0, high=2.0), Truth.TRUE),
        ("x > 2", Reading(2.5, low=math.nan, high=math.nan), Truth.UNKNOWN),
    ],
)
def test_an_interval_must_exclude_the_threshold(text: str, reading: Reading, truth: Truth) -> None:
    assert truth_of(text, x=reading) is truth


@given(value=finite, half=st.floats(min_value=0, max_value=1e6), limit=finite, op=st.sampled_from(Op))
def test_what_holds_for_an_interval_holds_for_all_of_it(
    value: float, half: float, limit: float, op: Op
) -> None:
    low, high = value - half, value + half
    truth = truth_of(f"x {op.value} {limit!r}", x=Reading(value, low, high))
    assert (truth is Truth.TRUE) == all(op.holds(each, limit) for each in (low, value, high))
    assert (truth is Truth.FALSE) == (not op.holds(value, limit))


@pytest.mark.parametrize(
    ("text", "reading", "truth"),
    [
        ("rmse > 1.15 * baseline", Reading(2.42, baseline=2.1), Truth.TRUE),
        ("rmse > 1.15 * baseline", Reading(2.41, baseline=2.1), Truth.FALSE),
        ("rmse > baseline", Reading(2.2, baseline=2.1), Truth.TRUE),
        ("rmse < champion", Reading(2.2, champion=2.3), Truth.TRUE),
        ("rmse < 0.9 * champion", Reading(2.2, champion=2.3), Truth.FALSE),
        ("rmse < champion", Reading(2.2, baseline=2.3), Truth.UNKNOWN),
        ("rmse > baseline", Reading(2.2, champion=2.1), Truth.UNKNOWN),
        ("rmse > baseline", Reading(2.2, baseline=math.nan), Truth.UNKNOWN),
    ],
)
def test_a_metric_is_held_against_itself_elsewhere(text: str, reading: Reading, truth: Truth) -> None:
    assert truth_of(text, rmse=reading) is truth


@pytest.mark.parametrize("reading", [None, Reading(math.nan), Reading(math.nan, baseline=1.0)])
def test_what_was_not_measured_is_unknown(reading: Reading | None) -> None:
    assert evaluate(parse("rmse > 3"), lambda metric, feature: reading).truth is Truth.UNKNOWN


VALUES = {Truth.TRUE: Reading(2.0), Truth.FALSE: Reading(0.0), Truth.UNKNOWN: Reading(math.nan)}
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, U, U, U),
    ],
)
def test_and_and_or_follow_kleene(left: Truth, right: Truth, both: Truth, either: Truth) -> None:
    for first, second in ((left, right), (right, left)):
        readings: Mapping[str, Reading] = {"a": VALUES[first], "b": VALUES[second]}
        assert truth_of("a > 1 and b > 1", **readings) is both
        assert truth_of("a > 1 or b > 1", **readings) is either


@given(st.lists(st.sampled_from(Truth), min_size=2, max_size=5))
def test_many_parts_are_their_pairs(truths: list[Truth]) -> None:
    readings = {f"m{index}": VALUES[truth] for index, truth in enumerate(truths)}
    order = [F, U, T]
    for joiner, expected in (("and", min(truths, key=order.index)), ("or", max(truths, key=order.index))):
        text = f" {joiner} ".join(f"{name} > 1" for name in readings)
        assert truth_of(text, **readings) is expected


def test_a_feature_reaches_the_metric() -> None:
    asked: list[tuple[str, str | None]] = []

    def reading(metric: str, feature: str | None) -> Reading:
        asked.append((metric, feature))
        return Reading(1.0)

    evaluate(parse('drift(length) > 0.2 or missing("a b") > 0 or volume < 3'), reading)
    assert asked == [("drift", "length"), ("missing", "a b"), ("volume", None)]


def outcome(text: str, **readings: Reading) -> Outcome:
    return evaluate(parse(text), metrics(**readings))


def test_it_keeps_every_number_it_saw_in_the_order_written() -> None:
    result = outcome("a > 1 or b > 2 * baseline and c < 3", a=Reading(5.0), b=Reading(7.0, baseline=3.0))
    assert [(seen.comparison.metric, seen.threshold, seen.truth) for seen in result.seen] == [
        ("a", 1.0, T),
        ("b", 6.0, T),
        ("c", None, U),
    ]
    assert [seen.reading for seen in result.seen] == [Reading(5.0), Reading(7.0, baseline=3.0), None]


@pytest.mark.parametrize(
    ("text", "reading", "words"),
    [
        ("x > 0.3", Reading(0.41), "x is 0.41, above 0.3"),
        ("x > 0.3", Reading(0.21), "x is 0.21, not above 0.3"),
        ("x >= 0.3", Reading(0.21), "x is 0.21, not at least 0.3"),
        ("x < 100", Reading(80), "x is 80, below 100"),
        ("x <= 100", Reading(180), "x is 180, not at most 100"),
        ("drift(a b) > 0.3", Reading(0.41), 'drift("a b") is 0.41, above 0.3'),
        (
            "x > 1.15 * baseline",
            Reading(2.914, low=2.6, high=3.2, baseline=2.1),
            "x is 2.914 (interval 2.6 to 3.2), above 2.415 (1.15 * baseline 2.1)",
        ),
        (
            "x > 1.15 * baseline",
            Reading(2.5, low=2.2, high=2.8, baseline=2.1),
            "x is 2.5 (interval 2.2 to 2.8), above 2.415 (1.15 * baseline 2.1), "
            "but its interval still includes that",
        ),
        ("x < champion", Reading(2.5, champion=3), "x is 2.5, below 3 (champion 3)"),
        ("x > 2 * 3", Reading(7), "x is 7, above 6 (2 * 3)"),
        ("x < champion", Reading(2.5), "x is 2.5, and there is no champion to hold it against"),
        ("x > 1", Reading(math.nan), "x was not measured"),
    ],
)
def test_it_says_in_words_what_it_saw(text: str, reading: Reading, words: str) -> None:
    assert evaluate(parse(text), lambda metric, feature: reading).words == words


def test_several_are_told_one_after_the_other() -> None:
    assert outcome("a > 1 and b > 1", a=Reading(2.0)).words == "a is 2, above 1; b was not measured"
