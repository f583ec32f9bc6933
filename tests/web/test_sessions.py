"""Session cookies, and how fast tokens may be tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.sessions import LIFETIME, Tries, issue, same_token, valid

NOW = 1_800_000_000.0


@given(st.text(min_size=1), st.text())
def test_only_the_token_is_the_token(token: str, other: str) -> None:
    assert same_token(token, token)
    assert same_token(other, token) == (other == token)


@given(st.text(min_size=1), st.floats(0, LIFETIME - 1))
def test_a_session_holds_until_it_ends(token: str, later: float) -> None:
    session = issue(token, NOW)
    assert valid(session, token, NOW + later)
    assert not valid(session, token, NOW + LIFETIME)


def test_a_session_ends_with_a_change_of_the_token() -> None:
    assert not valid(issue("old token", NOW), "new token", NOW)


def test_a_session_can_not_be_lengthened() -> None:
    expiry, _, signature = issue("token", NOW).partition(".")
    assert not valid(f"{int(expiry) + 1}.{signature}", "token", NOW)


@given(st.text())
def test_no_other_text_is_a_session(text: str) -> None:
    assert not valid(text, "token", NOW)


@pytest.mark.parametrize("session", ["", ".", "1.", "²." + "0" * 64, "9" * 400 + ".aa", "1e99.aa", "-1.aa"])
def test_odd_texts_are_no_sessions(session: str) -> None:
    assert not valid(session, "token", NOW)


def test_a_few_tries_are_free_then_each_waits_longer() -> None:
    tries = Tries()
    waits = []
    now = NOW
    for _ in range(12):
        wait = tries.wait("a", now)
        waits.append(wait)
        now += wait
        tries.failed("a", now)
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:8] == [1, 2, 4, 8]
    assert max(waits) == 60


def test_waiting_is_by_address() -> None:
    tries = Tries()
    for _ in range(9):
        tries.failed("a", NOW)
    assert tries.wait("a", NOW) > 0
    assert tries.wait("b", NOW) == 0


def test_a_right_token_and_a_long_pause_are_forgiving() -> None:
    tries = Tries()
    for address in ("a", "b"):
        for _ in range(9):
            tries.failed(address, NOW)
    tries.succeeded("a")
    assert tries.wait("a", NOW) == 0
    assert tries.wait("b", NOW + 601) == 0
    tries.failed("b", NOW + 601)
    assert tries.wait("b", NOW + 601) == 0


def test_the_memory_of_tries_is_bounded() -> None:
    tries = Tries()
    for _ in range(9):
        tries.failed("first", NOW)
    for at in range(5000):
        tries.failed(f"address {at}", NOW)
    assert tries.wait("first", NOW) == 0
