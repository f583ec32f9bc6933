"""Which requests are served at all."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from web.requests import bearer, foreign, not_loopback, too_long


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.8.9.1",
        "localhost",
        "localhost:1",
        "LocalHost:8080",
        "[::1]",
        "[::1]:80",
    ],
)
def test_loopback_names_are_served_without_a_token(host: str) -> None:
    assert not_loopback(Headers({"host": host})) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "10.0.0.7",
        "0.0.0.0",  # noqa: S104 (refused)
        "[::2]:80",
        "[::1",
        "localhost:port",
        "127.0.0.1/..",
        "127.0.0.1?x",
        "",
    ],
)
def test_other_names_are_not_served_without_a_token(host: str) -> None:
    assert not_loopback(Headers({"host": host})) is not None


def test_a_missing_or_second_host_is_not_served() -> None:
    assert not_loopback(Headers({})) is not None
    twice = Headers(raw=[(b"host", b"127.0.0.1"), (b"host", b"evil.example")])
    assert not_loopback(twice) is not None


def test_reading_needs_no_origin() -> None:
    assert (
        foreign("GET", Headers({"host": "a", "origin": "http://b", "sec-fetch-site": "cross-site"})) is None
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://[::1"},
        {"origin": "http://kedge.example:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://kedge.example", "sec-fetch-site": "cross-site"},
        {"cookie": "kedge_session=1.a"},
    ],
)
def test_a_change_asked_by_another_page_is_refused(method: str, headers: dict[str, str]) -> None:
    assert foreign(method, Headers({"host": "kedge.example", **headers})) is not None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer x"},
        {"origin": "http://kedge.example", "cookie": "kedge_session=1.a"},
        {"origin": "https://kedge.example", "sec-fetch-site": "same-origin", "cookie": "kedge_session=1.a"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_change_asked_here_or_by_a_program_is_served(headers: dict[str, str]) -> None:
    assert foreign("POST", Headers({"host": "kedge.example", **headers})) is None


@pytest.mark.parametrize("length", ["0", "65536"])
def test_short_bodies_are_read(length: str) -> None:
    assert too_long(Headers({"content-length": length})) is None
    assert too_long(Headers({})) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "65537"},
        {"content-length": "-1"},
        {"content-length": "²"},
        {"transfer-encoding": "chunked"},
        {"transfer-encoding": "chunked", "content-length": "1"},
    ],
)
def test_long_bodies_are_refused(headers: dict[str, str]) -> None:
    assert too_long(Headers(headers)) is not None


@pytest.mark.parametrize(
    ("given", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer", ""),
    ],
)
def test_the_bearer_token_is_read(given: str, token: str | None) -> None:
    assert bearer(Headers({"authorization": given})) == token


def test_no_authorization_is_no_token() -> None:
    assert bearer(Headers({})) is None
