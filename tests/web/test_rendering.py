"""How numbers, times and addresses are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records import ExecutionStatus, FleetState, IncidentKind, Outcome
from web.rendering import OUTCOME_WORDS, ago, moment, number, path, percent, query, span, tone
from web.texts import visible


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "inf"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.123456, "0.1235"),
        (12.0, "12"),
        (1234567.0, "1\u202f234\u202f567"),
        (-4321.0, "-4\u202f321"),
        (1e300, "1e+300"),
        (1.5e-7, "1.5e-07"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (1.0, "100\u202f%"),
        (0.99999, "> 99.9\u202f%"),
        (0.0, "0\u202f%"),
        (1e-6, "< 0.1\u202f%"),
        (0.125, "12.5\u202f%"),
    ],
)
def test_shares(value: float | None, text: str) -> None:
    assert percent(value) == text


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_times_are_utc() -> None:
    assert moment(NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-03-02 12:00"
    assert moment(NOON + timedelta(seconds=7)) == "2026-03-02 12:00:07"
    assert moment(None) == "–"


def test_a_period_names_its_day_once() -> None:
    assert span(NOON, NOON + timedelta(hours=1)) == "2026-03-02 12:00 – 13:00"
    assert span(NOON, NOON + timedelta(hours=12)) == "2026-03-02 12:00 – 2026-03-03 00:00"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (-5, "just now"),
        (0.5, "just now"),
        (1, "1 min ago"),
        (119, "119 min ago"),
        (120, "2 h ago"),
        (2880, "2 days ago"),
    ],
)
def test_ages(minutes: float, text: str) -> None:
    assert ago(timedelta(minutes=minutes)) == text


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1), max_size=4), st.text(min_size=1))
def test_queries_carry_any_value(given_: dict[str, str], value: str) -> None:
    made = query(given_, feature=value)
    assert dict(parse_qsl(made[1:], keep_blank_values=True)) == {**given_, "feature": value}
    assert not set(made) & set("<>\"'")


def test_a_query_loses_what_is_set_to_nothing() -> None:
    assert query({"a": "1", "b": "2"}, a=None) == "?b=2"


@given(st.text(min_size=1))
def test_paths_keep_a_name_in_one_part(name: str) -> None:
    made = path("endpoints", name)
    assert made.count("/") == 2
    assert unquote(made.rsplit("/", 1)[1]) == name


def test_what_would_be_unseen_is_made_visible() -> None:
    assert visible("\u202egnp.exe\x00\u200f\u2066") == "\ufffdgnp.exe\ufffd\ufffd\ufffd"
    assert visible("Ünïcödé עברית\n\t漢字") == "Ünïcödé עברית\n\t漢字"


@given(st.text())
def test_visible_texts_keep_their_length_and_stay_as_they_are(text: str) -> None:
    assert len(visible(text)) == len(text)
    assert visible(visible(text)) == visible(text)


def test_every_outcome_has_its_word_and_every_state_its_tone() -> None:
    assert set(OUTCOME_WORDS) == set(Outcome)
    assert {state: tone(state) for state in FleetState} == {
        FleetState.PROBLEM: "bad",
        FleetState.DATA_FAULT: "bad",
        FleetState.SKEW: "bad",
        FleetState.QUALITY: "bad",
        FleetState.DRIFTING: "warn",
        FleetState.WAITING: "idle",
        FleetState.QUIET: "good",
    }
    assert tone(IncidentKind.DATA_FAULT) == tone(ExecutionStatus.FAILED) == tone(Outcome.ERROR) == "bad"
    assert tone(Outcome.NOT_APPLICABLE) == tone("") == "idle"
