"""Who may come in, over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from tests.web.history import ENDPOINT, Told
from tests.web.serving import client, serving
from web.sessions import COOKIE, LIFETIME

TOKEN = "a-long-enough-token-for-a-test"
PATHS = (
    "/",
    f"/endpoints/{ENDPOINT}",
    "/executions/1",
    "/incidents/1",
    "/reports/1",
    "/metrics",
    "/static/kedge.css",
    "/static/plotly.min.js",
    "/api/v1/openapi.json",
    "/api/v1/fleet",
    "/nowhere",
    "/sign-in/",
    "/healthz/x",
    "//healthz",
)


class Wall:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def guarded(history: Engine, told: Told, wall: Wall) -> Iterator[str]:
    with serving(history, told.now, token=TOKEN, wall=wall) as where:
        yield where


@pytest.fixture
def stranger(guarded: str) -> Iterator[httpx.Client]:
    with client(guarded) as made:
        yield made


def signed_in(stranger: httpx.Client, guarded: str, token: str = TOKEN) -> httpx.Response:
    return stranger.post("/sign-in", data={"token": token, "next": "/"}, headers={"origin": guarded})


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_told_to_strangers(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert ENDPOINT not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_an_orchestrator_needs_no_token(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).status_code == 200


def test_a_bearer_token_opens_every_path(guarded: str) -> None:
    with client(guarded, authorization=f"Bearer {TOKEN}") as program:
        assert program.get("/api/v1/fleet").status_code == 200
        assert program.get("/metrics").status_code == 200
        assert program.post(f"/api/v1/endpoints/{ENDPOINT}/judge?start=2020-01-01&end=2020-01-02").json() == {
            "marked": 0
        }


def test_with_a_token_any_host_name_is_served(guarded: str) -> None:
    with client(guarded, authorization=f"Bearer {TOKEN}", host="kedge.example") as program:
        assert program.get("/").status_code == 200


def test_a_browser_is_led_to_the_form_and_back(stranger: httpx.Client, guarded: str) -> None:
    led = stranger.get("/endpoints/x?last=24", headers={"accept": "text/html,*/*"})
    assert led.status_code == 303
    assert led.headers["location"] == "/sign-in?next=%2Fendpoints%2Fx%3Flast%3D24"
    form = stranger.get(led.headers["location"])
    assert form.status_code == 200
    assert 'name="next" value="/endpoints/x?last=24"' in form.text
    answer = stranger.post(
        "/sign-in", data={"token": TOKEN, "next": "/endpoints/x?last=24"}, headers={"origin": guarded}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/endpoints/x?last=24")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: httpx.Client, guarded: str) -> None:
    cookie = signed_in(stranger, guarded).headers["set-cookie"].lower()
    assert cookie.startswith(COOKIE)
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"max-age={LIFETIME}" in cookie
    assert TOKEN not in cookie
    assert "secure" not in cookie.replace("samesite", "")


def test_behind_https_the_cookie_is_sent_over_https_alone(stranger: httpx.Client, guarded: str) -> None:
    # uvicorn believes a proxy on loopback
    answer = stranger.post(
        "/sign-in", data={"token": TOKEN}, headers={"origin": guarded, "x-forwarded-proto": "https"}
    )
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_a_session_opens_pages_until_it_ends(stranger: httpx.Client, guarded: str, wall: Wall) -> None:
    signed_in(stranger, guarded)
    assert ENDPOINT in stranger.get("/").text
    assert "Sign out" in stranger.get("/").text
    wall.now += LIFETIME + 1
    assert stranger.get("/").status_code == 401


def test_signing_out_ends_the_session_of_this_browser(stranger: httpx.Client, guarded: str) -> None:
    signed_in(stranger, guarded)
    answer = stranger.post("/sign-out", headers={"origin": guarded})
    assert answer.headers["location"] == "/sign-in"
    assert stranger.get("/").status_code == 401


def test_a_wrong_token_opens_nothing(stranger: httpx.Client, guarded: str) -> None:
    answer = signed_in(stranger, guarded, "not the token")
    assert answer.status_code == 401
    assert "not the token that this service was started with" in answer.text
    assert "set-cookie" not in answer.headers
    assert stranger.get("/").status_code == 401


def _slowed_down(stranger: httpx.Client, guarded: str, wall: Wall) -> None:
    for _ in range(5):
        assert signed_in(stranger, guarded, "wrong").status_code == 401
        wall.now += 1
    signed_in(stranger, guarded, "wrong")
    answer = signed_in(stranger, guarded, "wrong")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_many_wrong_tokens_slow_down_the_wrong_ones(stranger: httpx.Client, guarded: str, wall: Wall) -> None:
    _slowed_down(stranger, guarded, wall)
    wall.now += 60
    assert signed_in(stranger, guarded, "wrong").status_code == 401


def test_a_neighbours_wrong_tokens_lock_nobody_out(stranger: httpx.Client, guarded: str, wall: Wall) -> None:
    """Behind a proxy everybody comes from one address."""
    _slowed_down(stranger, guarded, wall)
    with client(guarded, authorization=f"Bearer {TOKEN}") as program:
        assert program.get("/api/v1/fleet").status_code == 200
    _slowed_down(stranger, guarded, wall)
    assert signed_in(stranger, guarded).status_code == 303


def test_wrong_bearer_tokens_are_counted_too(guarded: str) -> None:
    with client(guarded, authorization="Bearer wrong") as program:
        answers = [program.get("/api/v1/fleet") for _ in range(8)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert set(answers[-1].json()) == {"error"}


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(stranger: httpx.Client, guarded: str, elsewhere: str) -> None:
    answer = stranger.post("/sign-in", data={"token": TOKEN, "next": elsewhere}, headers={"origin": guarded})
    assert answer.headers["location"] == "/"


def test_a_foreign_page_can_not_sign_anybody_in(stranger: httpx.Client) -> None:
    answer = stranger.post("/sign-in", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_foreign_page_can_not_use_a_session(stranger: httpx.Client, guarded: str) -> None:
    signed_in(stranger, guarded)
    for path in (f"/endpoints/{ENDPOINT}/judge", f"/api/v1/endpoints/{ENDPOINT}/judge", "/sign-out"):
        refused = stranger.post(path, headers={"origin": "http://evil.example"})
        assert refused.status_code == 403, path
        assert stranger.post(path).status_code == 403, "a cookie without an origin"


def test_without_a_token_foreign_hosts_are_refused(address: str) -> None:
    with client(address, host="rebound.example") as visitor:
        page, api = visitor.get("/"), visitor.get("/api/v1/fleet")
    assert (page.status_code, api.status_code) == (421, 421)
    assert ENDPOINT not in page.text
    assert api.json() == {
        "error": "This address is not served without a token: use http://127.0.0.1, or set KEDGE_TOKEN and "
        "start again."
    }


def test_without_a_token_the_form_leads_to_the_fleet(visitor: httpx.Client) -> None:
    assert visitor.get("/sign-in").headers["location"] == "/"
    assert visitor.post("/sign-in").headers["location"] == "/"
    assert "Sign out" not in visitor.get("/").text


def test_a_stranger_can_not_fill_the_memory(stranger: httpx.Client, guarded: str) -> None:
    long = stranger.post("/sign-in", data={"token": "x" * 100_000}, headers={"origin": guarded})
    endless = stranger.post("/sign-in", content=(b"token=x" for _ in range(9)), headers={"origin": guarded})
    assert (long.status_code, endless.status_code) == (413, 413)


def test_an_empty_token_is_a_mistake(history: Engine, told: Told) -> None:
    with pytest.raises(ValueError, match="the token is empty"), serving(history, told.now, token=" "):
        pass


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/fleet", "/nowhere", "/static/kedge.css"])
def test_every_answer_is_safe_to_open(visitor: httpx.Client, path: str) -> None:
    headers = visitor.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["object-src"] == "'none'"


def test_refusals_are_safe_to_open_too(stranger: httpx.Client) -> None:
    assert stranger.get("/").headers["x-content-type-options"] == "nosniff"
